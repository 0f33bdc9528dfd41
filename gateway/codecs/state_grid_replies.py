"""What a terminal is told once its request lies on disk: code 200 under the same ``mid``. Pure.

The platform's side of the convention: ``device/response`` and ``topo/response``. Nothing is commanded, and a
request that cannot be read is not answered: the terminal repeats it, and the frame is among the dead letters.
"""

from typing import Final

import msgspec

from gateway.codecs.foreign import MAX_DEVICES, Unusable, keyed, read_json, word
from gateway.contract import state_grid as contract
from gateway.contract.state_grid import Reply
from gateway.frames import MAX_BODY_BYTES, Frame

SUCCESS: Final = 200
MESSAGE: Final = "SUCCESS"
_NODES: Final = {
    contract.TOPO_ADD: "nodeInfos",
    contract.TOPO_DEL: "nodeIds",
    contract.TOPO_UPDATE: "nodeStatuses",
}


def reply(frame: Frame) -> Reply | None:
    """The answer to a request of the envelope; None for every other frame."""
    address = contract.parse(frame.topic)
    if address is None or address.channel not in contract.REPLY_TO:
        return None
    try:
        request = keyed(read_json(frame.body), "frame")
        answer = _answer(request, frame.received_ms)
    except Unusable:
        return None
    body = msgspec.json.encode(answer)
    if len(body) > MAX_BODY_BYTES:
        body = msgspec.json.encode({**answer, "param": {}})
    return Reply(f"/v1/{address.terminal}/{contract.REPLY_TO[address.channel]}", body)


def _answer(request: dict[str, object], now_ms: int) -> dict[str, object]:
    mid = request.get("mid")
    if isinstance(mid, bool) or not isinstance(mid, int | str) or not word(mid):
        raise Unusable("mid: expected the number of the message")
    kind = "".join(word(request.get("type")).split())[:64]
    device = request.get("deviceId", "")
    return {
        "mid": mid,
        "deviceId": device if isinstance(device, int | str) else "",
        "timestamp": now_ms,
        "expire": -1,
        "type": kind,
        "code": SUCCESS,
        "msg": MESSAGE,
        "param": _param(request, kind),
    }


def _param(request: dict[str, object], kind: str) -> dict[str, object]:
    """Per child of a topology request its result; a new child keeps its own id as device id."""
    param = request.get("param")
    if kind not in _NODES or not isinstance(param, dict):
        return {}
    nodes = param.get(_NODES[kind])
    if not isinstance(nodes, list) or len(nodes) > MAX_DEVICES:
        return {}
    return {"result": [_result(node) for node in nodes]}


def _result(node: object) -> dict[str, object]:
    told = node if isinstance(node, dict) else {"deviceId": node}
    name = word(told.get("nodeId", told.get("deviceId")))
    done: dict[str, object] = {"statusCode": SUCCESS, "statusDesc": MESSAGE, "deviceId": name}
    return {**done, "nodeId": name} if "nodeId" in told else done
