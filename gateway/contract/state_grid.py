"""The State Grid terminal envelope: topics ``/v1/{edgeId}/…`` and the shape of its replies.

Source: convention "互联网部规范 2020.01" as public terminal software documents it (domain facts §4.5 a); the
formal standard is Q/GDW 12106.4-2021.
"""

from dataclasses import dataclass
from typing import Final

DEVICE_REQUEST: Final = "device/request"
TOPO_REQUEST: Final = "topo/request"
SERVICE_DATA: Final = "service/data"
SERVICE_EVENT: Final = "service/event"
SERVICE_REPLY: Final = "service/reply"

REPLY_TO: Final = {DEVICE_REQUEST: "device/response", TOPO_REQUEST: "topo/response"}
"""On which channel a request is acknowledged."""

LINKUP: Final = "EVENT_LINKUP"
LINKDOWN: Final = "EVENT_LINKDOWN"
HEARTBEAT: Final = frozenset({"EVENT_HEARTBEAT", "EVENT_HEART_BEAT", "HEART-BEAT", "HEARTBEAT"})
TOPO_ADD: Final = "CMD_TOPO_ADD"
TOPO_DEL: Final = "CMD_TOPO_DEL"
TOPO_UPDATE: Final = "CMD_TOPO_UPDATE"
REPORT_DATA: Final = "CMD_REPORTDATA"
DATA_ALARM: Final = "EVENT_DATA_ALARM"

EVENT_FILTERS: Final = (f"/v1/+/{DEVICE_REQUEST}", f"/v1/+/{TOPO_REQUEST}", f"/v1/+/{SERVICE_EVENT}")
BULK_FILTERS: Final = (
    f"/v1/+/{SERVICE_DATA}", f"/v1/+/{SERVICE_REPLY}", "/v1/+/device/reply", "/v1/+/device/data",
    "/v1/devices/+/datas",
)  # fmt: skip
"""What the gateway listens to on its own broker. File transfers and app management are not its business."""

CHANNELS: Final = frozenset(
    {
        DEVICE_REQUEST, TOPO_REQUEST, SERVICE_DATA, SERVICE_EVENT, SERVICE_REPLY, "service/file",
        "device/reply", "device/data", "app/reply", "app/data", "app/response", "container/reply",
        "container/data", "container/response",
    }
)  # fmt: skip
"""Where a terminal speaks."""


@dataclass(frozen=True, slots=True)
class Address:
    terminal: str
    channel: str
    """One of CHANNELS, or ``datas`` of the older variant."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a terminal is told once its frame is on disk."""

    topic: str
    body: bytes


def parse(topic: str) -> Address | None:
    """Terminal and channel of an up topic, or None where it is none of the envelope's.

    ``/v1/{edgeId}/service/data``; older variant ``/v1/devices/{gatewayId}/datas`` and ``…/commandResponse``.
    """
    parts = topic.split("/")
    if len(parts) != 5 or parts[0] or parts[1] != "v1":
        return None
    if parts[2] == "devices" and parts[4] in {"datas", "commandResponse"}:
        return Address(parts[3], parts[4]) if parts[3] else None
    channel = f"{parts[3]}/{parts[4]}"
    return Address(parts[2], channel) if parts[2] and channel in CHANNELS else None
