"""The State Grid terminal envelope → readings, evidence, notes on devices. Field data never raise.

What is accepted beyond the convention (each has a golden case): numbers as text, ids as numbers, keys with
blanks ("type "), blanks inside a type, times in seconds or local text, unknown keys, the older
``/v1/devices/{id}/datas``, nested ``properties``, several devices in one message. Meters behind a terminal
speak under their own id; the terminal is who the topic names. A frame that names another *terminal* is
refused whole and reported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.codecs import hplc
from gateway.codecs.foreign import (
    Found,
    Meaning,
    Origin,
    Unusable,
    batches,
    digest63,
    evidence,
    identity,
    instant_ms,
    keyed,
    listed,
    number,
    read_json,
    switched_on,
    word,
)
from gateway.codecs.own import content_key
from gateway.contract import state_grid as contract
from gateway.frames import Decoded, Frame
from telemetry.devices import DeviceKind, DeviceNote
from telemetry.evidence import EvidenceKind

BOOT: Final = "state_grid"
"""``boot`` of all batches that came by this envelope."""
HPLC_KEYS: Final = ("hplc", "hplcData")
"""Where a service event carries an outage report of the carrier network, as hexadecimal text."""
_MAX_TEXT: Final = 64


class ForeignTerminal(ValueError):
    """The frame speaks in the name of another terminal than its topic."""


@dataclass(slots=True)
class Reading:
    """One frame being read."""

    frame: Frame
    terminal: str
    meaning: Meaning
    at_ms: int = 0
    found: Found = field(default_factory=Found)
    notes: list[DeviceNote] = field(default_factory=list)
    online: bool = True

    def device(self, value: object, where: str) -> str:
        """Our id of a device that the frame names; raises ForeignTerminal for another terminal's."""
        foreign = identity(value, where)
        own = self.meaning.resolve(foreign)
        if own != self.terminal and self.meaning.is_terminal(own):
            raise ForeignTerminal(f"{where}: names the terminal {own!r} on the topics of {self.terminal!r}")
        return own

    def instant(self, value: object) -> int | None:
        """A time as the frame writes it; a wrong one is noted."""
        try:
            return instant_ms(value, self.meaning.zone)
        except Unusable as problem:
            self.found.note(str(problem))
            return None

    def take(self, device: str, data: Mapping[str, object], at_ms: int, alarm: str = "") -> None:
        """The names and values of one device at one instant; ``alarm``: what the message itself reports."""
        before = self.found.taken
        spoke = False
        if alarm and alarm not in data:
            data = {**data, alarm: 1} if self._is_alarm(alarm) else data
        for name, value in data.items():
            spoke |= self._take_one(device, name, value, at_ms)
        off = device in self.found.facts.get((EvidenceKind.POWER_OFF, at_ms), ())
        if (spoke or self.found.taken > before) and not off:
            self.found.fact(EvidenceKind.ALIVE, at_ms, device)

    def _is_alarm(self, name: str) -> bool:
        return name in self.meaning.signals.alarms or name in self.meaning.signals.named

    def _take_one(self, device: str, name: str, value: object, at_ms: int) -> bool:
        signals = self.meaning.signals
        if name in signals.times or name in signals.ignored:
            return False
        if self._is_alarm(name):
            return self._alarm(device, name, value, at_ms)
        signal = signals.quantities.get(name)
        if signal is None:
            self.found.note(f"{name[:64]!r} is not in the table of signals")
            return False
        try:
            measured = number(value)
        except Unusable as problem:
            self.found.note(f"{name} of {device}: {problem}")
            return False
        if measured is not None:
            self.found.value(at_ms, device, signal.quantity, measured * signal.factor)
        return measured is not None

    def _alarm(self, device: str, name: str, value: object, at_ms: int) -> bool:
        stands = switched_on(value)
        if stands is None:
            self.found.note(f"{name} of {device}: expected 0 or 1, found {str(value)[:40]!r}")
        elif stands and name in self.meaning.signals.alarms:
            self.found.fact(self.meaning.signals.alarms[name], at_ms, device)
        elif stands:
            self.found.note(f"{name} of {device} ({self.meaning.signals.named[name]}) says nothing of supply")
        return stands is not None


def decode(frame: Frame, meaning: Meaning) -> Decoded:
    """What a frame on an envelope topic says; never raises on what a device may send."""
    address = contract.parse(frame.topic)
    if address is None:
        return _refused(frame, "", f"topic: expected /v1/{{edgeId}}/…, found {frame.topic[:200]!r}")
    terminal = ""
    try:
        terminal = meaning.resolve(identity(address.terminal, "topic"))
        reading = Reading(frame, terminal, meaning)
        _read(reading, keyed(read_json(frame.body), "frame"), address.channel)
    except ForeignTerminal as problem:
        return _refused(frame, terminal, str(problem), (str(problem),))
    except Unusable as problem:
        return _refused(frame, terminal, str(problem))
    return finished(reading, BOOT)


def finished(reading: Reading, boot: str) -> Decoded:
    """Everything that was read, as the ledger takes it."""
    frame, terminal, found = reading.frame, reading.terminal, reading.found
    made = batches(found, Origin(terminal, boot, digest63((frame.body,)), frame.received_ms))
    return Decoded(
        key=content_key(frame),
        terminal=terminal,
        batches=made,
        evidence=evidence(found, terminal, frame.received_ms),
        online=reading.online,
        problems=found.noted(),
        devices=tuple(reading.notes),
        named_by_content=True,
    )


def _refused(frame: Frame, terminal: str, problem: str, security: tuple[str, ...] = ()) -> Decoded:
    return Decoded(
        content_key(frame), terminal, refusal=problem[:500], security=security, named_by_content=True
    )


def _read(reading: Reading, body: dict[str, object], channel: str) -> None:
    set_instant(reading, body.get("timestamp", body.get("ts")))
    if "deviceId" in body:
        reading.device(body["deviceId"], "deviceId")
    if channel == "datas":
        _read_datas(reading, body)
    elif "properties" in body:
        read_properties(reading, body)
    else:
        kind = "".join(word(body.get("type", body.get("packetType"))).split()).upper()
        reader = _READERS.get(kind) or _BY_CHANNEL.get(channel)
        if reader is None:
            reading.found.note(
                f"type {kind[:_MAX_TEXT]!r} on {channel}: only that the terminal speaks is kept"
            )
            reader = _read_heartbeat
        reader(reading, body)


def set_instant(reading: Reading, value: object) -> None:
    """The frame's own time; that of its receipt, as suspect, where it has none that can be."""
    at_ms = reading.instant(value)
    if at_ms is None:
        reading.found.suspect.add(reading.frame.received_ms)
    reading.at_ms = reading.frame.received_ms if at_ms is None else at_ms


def _read_linkup(reading: Reading, body: dict[str, object]) -> None:
    param = _optional(body.get("param"), "param")
    told, system = _optional(param.get("dev"), "param.dev"), _optional(param.get("os"), "param.os")
    reading.notes.append(
        DeviceNote(
            device=reading.terminal,
            kind=DeviceKind.TERMINAL,
            model=word(told.get("devType"))[:_MAX_TEXT],
            maker=word(told.get("mfgInfo"))[:_MAX_TEXT],
            firmware=word(system.get("softVersion") or system.get("version"))[:_MAX_TEXT],
            foreign_id=word(told.get("devSN"))[:_MAX_TEXT],
            online=True,
        )
    )
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def _read_linkdown(reading: Reading, body: dict[str, object]) -> None:  # noqa: ARG001 (the type says it all)
    reading.online = False
    reading.found.fact(EvidenceKind.SILENT, reading.at_ms, reading.terminal)


def _read_heartbeat(reading: Reading, body: dict[str, object]) -> None:  # noqa: ARG001
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def _read_topo_add(reading: Reading, body: dict[str, object]) -> None:
    for place, value in enumerate(_children(body, "nodeInfos")):
        node = keyed(value, f"param.nodeInfos[{place}]")
        foreign = identity(node.get("nodeId", node.get("deviceId")), f"param.nodeInfos[{place}].nodeId")
        own = reading.device(foreign, f"param.nodeInfos[{place}].nodeId")
        reading.notes.append(
            DeviceNote(
                device=own,
                kind=DeviceKind.METER,
                parent=reading.terminal,
                model=word(node.get("nodeModel") or node.get("model"))[:_MAX_TEXT],
                maker=word(node.get("mfgInfo"))[:_MAX_TEXT],
                foreign_id=foreign if foreign != own else "",
            )
        )
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def _read_topo_del(reading: Reading, body: dict[str, object]) -> None:
    for place, value in enumerate(_children(body, "nodeIds")):
        named = keyed(value, "param.nodeIds").get("deviceId") if isinstance(value, dict) else value
        own = reading.device(named, f"param.nodeIds[{place}]")
        reading.notes.append(DeviceNote(own, DeviceKind.METER, parent=reading.terminal, online=False))
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def _read_topo_update(reading: Reading, body: dict[str, object]) -> None:
    for place, value in enumerate(_children(body, "nodeStatuses")):
        where = f"param.nodeStatuses[{place}]"
        node = keyed(value, where)
        own = reading.device(node.get("deviceId", node.get("nodeId")), f"{where}.deviceId")
        state = word(node.get("status")).upper()
        if state not in {"ONLINE", "OFFLINE"}:
            reading.found.note(f"{where}.status: expected ONLINE or OFFLINE, found {state[:40]!r}")
            continue
        online = state == "ONLINE"
        reading.notes.append(DeviceNote(own, DeviceKind.METER, parent=reading.terminal, online=online))
        reading.found.fact(EvidenceKind.ALIVE if online else EvidenceKind.SILENT, reading.at_ms, own)
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def _children(body: dict[str, object], name: str) -> list[object]:
    param = body.get("param")
    inner = param if isinstance(param, list) else keyed(param, "param").get(name)
    return listed(inner, f"param.{name}")


def _read_data(reading: Reading, body: dict[str, object]) -> None:
    param = body.get("param", body.get("params"))
    parts = listed(param, "param") if isinstance(param, list) else [param]
    for place, value in enumerate(parts):
        where = f"param[{place}]" if isinstance(param, list) else "param"
        part = keyed(value, where)
        named = part.get("deviceId", body.get("deviceId", reading.terminal))
        _read_part(reading, reading.device(named, f"{where}.deviceId"), part, where)


def _read_part(reading: Reading, device: str, part: dict[str, object], where: str) -> None:
    data = part.get("data", part.get("body"))
    if isinstance(data, str) and part.get("data") is data:
        _read_outage_report(reading, data)
        return
    if data is None and "paras" in part:
        data = _optional(part["paras"], f"{where}.paras").get("body")
    inner = keyed(data, f"{where}.data")
    if "properties" in inner:
        read_properties(reading, inner, device)
        return
    for key in HPLC_KEYS:
        if isinstance(inner.get(key), str):
            _read_outage_report(reading, str(inner.pop(key)))
    named = next((inner[key] for key in reading.meaning.signals.times if inner.get(key)), None)
    at_ms = reading.instant(named) or reading.at_ms
    reading.take(device, inner, at_ms, alarm=word(part.get("cmd")))


def _read_outage_report(reading: Reading, text: str) -> None:
    report = hplc.read_text(text)
    for kind, addresses in report.devices.items():
        for address in addresses:
            reading.found.fact(kind, reading.at_ms, reading.device(address, "hplc"))
    reading.found.fact(EvidenceKind.ALIVE, reading.at_ms, reading.terminal)


def read_properties(reading: Reading, body: dict[str, object], device: str = "") -> None:
    """``{location_code, ts, properties: [{type: AI|SOE, key, value, unit, timestamp}]}`` of one device."""
    device = device or reading.device(body.get("location_code"), "location_code")
    at_ms = reading.instant(body.get("ts")) or reading.at_ms
    for place, value in enumerate(listed(body.get("properties"), "properties", 5_000)):
        try:
            entry = keyed(value, f"properties[{place}]")
        except Unusable as problem:
            reading.found.note(str(problem))
            continue
        own_ms = reading.instant(entry.get("timestamp")) or at_ms
        reading.take(device, {word(entry.get("key")): entry.get("value")}, own_ms)


def _read_datas(reading: Reading, body: dict[str, object]) -> None:
    """Older variant: ``{devices: [{deviceId, services: [{serviceId, data: {…}, eventTime}]}]}``."""
    for place, value in enumerate(listed(body.get("devices"), "devices")):
        entry = keyed(value, f"devices[{place}]")
        device = reading.device(entry.get("deviceId"), f"devices[{place}].deviceId")
        for number_, inner in enumerate(listed(entry.get("services"), f"devices[{place}].services", 200)):
            service = keyed(inner, f"devices[{place}].services[{number_}]")
            at_ms = reading.instant(service.get("eventTime")) or reading.at_ms
            data = keyed(service.get("data"), f"devices[{place}].services[{number_}].data")
            reading.take(device, data, at_ms, alarm=word(service.get("serviceId")))


def _optional(value: object, where: str) -> dict[str, object]:
    return {} if value is None else keyed(value, where)


Reader = Callable[[Reading, dict[str, object]], None]

_READERS: Final[Mapping[str, Reader]] = {
    contract.LINKUP: _read_linkup,
    contract.LINKDOWN: _read_linkdown,
    **dict.fromkeys(contract.HEARTBEAT, _read_heartbeat),
    contract.TOPO_ADD: _read_topo_add,
    contract.TOPO_DEL: _read_topo_del,
    contract.TOPO_UPDATE: _read_topo_update,
    contract.REPORT_DATA: _read_data,
    contract.DATA_ALARM: _read_data,
}
_BY_CHANNEL: Final[Mapping[str, Reader]] = {
    contract.SERVICE_DATA: _read_data,
    contract.SERVICE_EVENT: _read_data,
    contract.SERVICE_REPLY: _read_data,
}
"""Who reads a frame whose type says nothing to us."""

ALARM_MARKS: Final = (b"EVENT_", b"Alm", b"ALARM")
"""Signs in a body by which a message on a channel of readings is an event after all."""


def is_urgent(frame: Frame) -> bool:
    """Whether a frame of the bulk session belongs to the events: alarms share the channel of readings."""
    return frame.topic.startswith("/v1/") and any(mark in frame.body for mark in ALARM_MARKS)
