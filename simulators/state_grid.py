"""Terminals that speak the State Grid envelope, in the spellings that real ones are known for.

Each terminal keeps to one of four spellings: as the convention has it; numbers as text and a blank in the key
``type``; times in seconds and as local text; ids as numbers beside keys that nobody knows. Put together from
the convention "互联网部规范 2020.01"; the product's decoder has no part in it.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import msgspec

from gateway.contract import state_grid as contract
from gateway.contract.payloads import Event
from simulators.frames import FIRMWARE, Boot
from simulators.metering import QUANTITIES, Row
from simulators.speech import Said

METERS_PER_FRAME: Final = 100
"""Of some 200 bytes each, far below what a broker takes."""
NODES_PER_FRAME: Final = 200
SPELLINGS: Final = 4
PLAIN, TEXT_NUMBERS, SECONDS, NUMERIC_IDS = range(SPELLINGS)
_SIGNALS: Final = {
    "voltage_a_v": "PhV_phsA",
    "voltage_b_v": "PhV_phsB",
    "voltage_c_v": "PhV_phsC",
    "current_a_a": "A_phsA",
    "current_b_a": "A_phsB",
    "current_c_a": "A_phsC",
}
_COLUMNS: Final = tuple((QUANTITIES.index(name), signal) for name, signal in _SIGNALS.items())
_ALARMS: Final = {"power_off": "PwrOffAlm", "power_on": "PwrOnAlm"}
_CHINA: Final = timezone(timedelta(hours=8))
_encode = msgspec.json.Encoder().encode


class EnvelopeSpeech:
    """LINKUP, topology and heart-beats as requests, readings and alarms as data; no command is understood."""

    heard = tuple(sorted(contract.REPLY_TO.values()))

    def topic(self, terminal: str, channel: str) -> str:
        """``/v1/{edgeId}/{channel}``"""
        return f"/v1/{terminal}/{channel}"

    def will(self, boot: Boot, terminal: str, now_ms: int) -> Said:
        """LINKDOWN, as the broker says it for the lost one."""
        return Said(contract.DEVICE_REQUEST, _envelope(boot, terminal, now_ms, contract.LINKDOWN, {}))

    def greeting(self, boot: Boot, terminal: str, meters: Sequence[str], now_ms: int) -> Iterator[Said]:
        """LINKUP with what the terminal is, then its meters and that they are online."""
        told = {
            "dev": {"devSN": f"SN-{terminal}", "devType": "TTU", "mfgInfo": "gridcrew-sim", "devStatus": "1"},
            "cpu": {"cpus": 2}, "mem": {"phy": 1024}, "disk": {"disk": 4096},
            "os": {"osName": "Linux", "softVersion": FIRMWARE}, "links": [],
        }  # fmt: skip
        yield Said(contract.DEVICE_REQUEST, _envelope(boot, terminal, now_ms, contract.LINKUP, told))
        for first in range(0, len(meters), NODES_PER_FRAME):
            some = meters[first : first + NODES_PER_FRAME]
            nodes = [
                {"nodeId": _id(terminal, meter), "nodeModel": "DDZY", "mfgInfo": "sim"} for meter in some
            ]
            param: dict[str, Any] = {"nodeInfos": nodes}
            yield Said(contract.TOPO_REQUEST, _envelope(boot, terminal, now_ms, contract.TOPO_ADD, param))
            states = [{"deviceId": _id(terminal, meter), "status": "ONLINE"} for meter in some]
            param = {"nodeStatuses": states}
            yield Said(contract.TOPO_REQUEST, _envelope(boot, terminal, now_ms, contract.TOPO_UPDATE, param))

    def heartbeat(self, boot: Boot, terminal: str, now_ms: int) -> Said:
        """A request that is answered too."""
        kind = sorted(contract.HEARTBEAT)[spelling_of(terminal) % len(contract.HEARTBEAT)]
        return Said(contract.DEVICE_REQUEST, _envelope(boot, terminal, now_ms, kind, {}))

    def readings(
        self, boot: Boot, terminal: str, now_ms: int, meters: Sequence[str], rows: Sequence[Row]
    ) -> Iterator[Said]:
        """Voltages and currents of those that answered; the convention's table names no energy."""
        parts = [
            _part(terminal, meter, now_ms, "REPORT", values)
            for meter, row in zip(meters, rows, strict=True)
            if (values := {signal: row[at] for at, signal in _COLUMNS if row[at] is not None})
        ]
        for first in range(0, len(parts), METERS_PER_FRAME):
            some = parts[first : first + METERS_PER_FRAME]
            yield Said(
                contract.SERVICE_DATA,
                _envelope(boot, terminal, now_ms, contract.REPORT_DATA, some),
                bulk=True,
            )

    def events(self, boot: Boot, terminal: str, noticed: Sequence[Event]) -> Iterator[Said]:
        """Alarms, one message for all that came together."""
        parts = [
            _part(terminal, event.device, int(event.at), _ALARMS[event.kind], {_ALARMS[event.kind]: 1})
            for event in noticed
            if event.kind in _ALARMS
        ]
        if parts:
            at_ms = max(int(event.at) for event in noticed)
            body = _envelope(boot, terminal, at_ms, contract.DATA_ALARM, parts)
            yield Said(contract.SERVICE_DATA, body)


def spelling_of(terminal: str) -> int:
    """One of PLAIN, TEXT_NUMBERS, SECONDS, NUMERIC_IDS."""
    return zlib.crc32(terminal.encode()) % SPELLINGS


def _id(terminal: str, device: str) -> str | int:
    plain_number = device.isdecimal() and str(int(device)) == device
    return int(device) if plain_number and spelling_of(terminal) == NUMERIC_IDS else device


def _envelope(boot: Boot, terminal: str, at_ms: int, kind: str, param: Any) -> bytes:  # noqa: ANN401 (JSON)
    spelling = spelling_of(terminal)
    body = {
        "mid": boot.take(),
        "deviceId": _id(terminal, terminal),
        "timestamp": at_ms // 1000 if spelling == SECONDS else at_ms,
        "expire": -1,
        "type " if spelling == TEXT_NUMBERS else "type": kind,
        "param": param,
    }
    return _encode(body | {"vendorExt": {"sig": 0}} if spelling == NUMERIC_IDS else body)


def _part(
    terminal: str, device: str, at_ms: int, command: str, values: dict[str, float | None]
) -> dict[str, Any]:
    """One device's values at one instant."""
    spelling = spelling_of(terminal)
    data: dict[str, Any] = dict(values)
    if spelling == TEXT_NUMBERS:
        data = {name: str(value) for name, value in values.items()}
    if spelling == SECONDS:
        moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(_CHINA)
        data["timestamp"] = moment.strftime("%Y-%m-%d %H:%M:%S")
    else:
        data["timestamp"] = at_ms
    return {"deviceId": _id(terminal, device), "cmd": command, "data": data}
