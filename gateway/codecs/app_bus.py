"""The bus inside a terminal, bridged outward: ``{app}/terminal/dataReport/…`` and the database's notices.

Body: ``{token, timestamp, body: [{dev: "MODEL_guid", body: [{name, val, quality, timestamp}]}]}``. No topic
of it names the terminal: whoever observes says which it is. Source: public app software of fusion terminals
(domain facts §4.5 b).
"""

import re
from typing import Final

from gateway.codecs.foreign import Meaning, Unusable, identity, keyed, listed, read_json, word
from gateway.codecs.own import content_key
from gateway.codecs.state_grid import ForeignTerminal, Reading, finished, set_instant
from gateway.frames import Decoded, Frame
from telemetry.devices import DeviceKind, DeviceNote

BOOT: Final = "app_bus"
_TOPICS: Final = (
    re.compile(r"[^/]+/terminal/dataReport/.+"),
    re.compile(r"[^/]+/(?:notify/event|get/response|set/response|set/request)/.+"),
)
_DEV: Final = re.compile(r"(?P<model>[A-Za-z0-9.-]+)_(?P<device>.+)")
"""``ADC_guid``: the model's short name and the device."""


def decode(frame: Frame, terminal: str, meaning: Meaning) -> Decoded:
    """What a message of the bus of ``terminal`` (our id) says; never raises on what an app may send."""
    reading = Reading(frame, terminal, meaning)
    try:
        _check_topic(frame.topic)
        body = keyed(read_json(frame.body), "frame")
        set_instant(reading, body.get("timestamp"))
        for place, value in enumerate(listed(body.get("body"), "body")):
            _read_device(reading, keyed(value, f"body[{place}]"), f"body[{place}]")
    except (Unusable, ForeignTerminal) as problem:
        security = (str(problem),) if isinstance(problem, ForeignTerminal) else ()
        refusal = str(problem)[:500]
        return Decoded(
            content_key(frame), terminal, refusal=refusal, security=security, named_by_content=True
        )
    return finished(reading, BOOT)


def _check_topic(topic: str) -> None:
    if not any(pattern.fullmatch(topic) for pattern in _TOPICS):
        raise Unusable(f"topic: expected a report or notice of the app bus, found {topic[:200]!r}")


def _read_device(reading: Reading, entry: dict[str, object], where: str) -> None:
    foreign = identity(entry.get("dev"), f"{where}.dev")
    named = _DEV.fullmatch(foreign)
    own = reading.device(named["device"] if named else foreign, f"{where}.dev")
    if named and own != reading.terminal:
        reading.notes.append(DeviceNote(own, DeviceKind.METER, reading.terminal, model=named["model"]))
    for number_, inner in enumerate(listed(entry.get("body"), f"{where}.body", 5_000)):
        try:
            _read_item(reading, own, keyed(inner, f"{where}.body[{number_}]"))
        except Unusable as problem:
            reading.found.note(str(problem))


def _read_item(reading: Reading, device: str, item: dict[str, object]) -> None:
    at_ms = reading.instant(item.get("timestamp")) or reading.at_ms
    name = word(item.get("name"))
    reading.take(device, {name: item.get("val", item.get("value"))}, at_ms)
    signal = reading.meaning.signals.quantities.get(name)
    quality = word(item.get("quality"))
    if signal is not None and quality and quality not in reading.meaning.signals.good:
        reading.found.doubtful.add((at_ms, device, signal.quantity))
