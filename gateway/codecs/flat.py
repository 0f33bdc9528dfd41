"""One flat JSON object per device: ``{"voltage_a|V": 231.4, …, "timestamp": 1795321905.36}``.

What modpoll and many small publishers send; the topic names the device. A signal table says what the names
mean. Source: modpoll's own output (github.com/gavinying/modpoll, ``--mqtt-publish-topic-pattern``).
"""

from decimal import Decimal
from typing import Final

from gateway.codecs.foreign import Meaning, Unusable, identity, keyed, read_json
from gateway.codecs.own import content_key
from gateway.codecs.state_grid import ForeignTerminal, Reading, finished
from gateway.frames import Decoded, Frame

BOOT: Final = "flat"


def decode(frame: Frame, terminal: str, device: str, meaning: Meaning) -> Decoded:
    """What ``device`` (its foreign id) of ``terminal`` (ours) says; never raises on what may be sent."""
    reading = Reading(frame, terminal, meaning)
    try:
        body = keyed(read_json(frame.body), "frame")
        own = reading.device(identity(device, "device"), "device")
        reading.at_ms = _instant(reading, body)
        reading.take(own, body, reading.at_ms)
    except (Unusable, ForeignTerminal) as problem:
        security = (str(problem),) if isinstance(problem, ForeignTerminal) else ()
        return Decoded(
            content_key(frame), terminal, refusal=str(problem)[:500], security=security, named_by_content=True
        )
    return finished(reading, BOOT)


def _instant(reading: Reading, body: dict[str, object]) -> int:
    """The object's own time, in seconds with a fraction too; that of its receipt where it names none."""
    told = next((body[name] for name in reading.meaning.signals.times if name in body), None)
    if isinstance(told, Decimal) and told.is_finite() and told.adjusted() < 12:
        told = int(told * 1000)
    at_ms = reading.instant(told)
    return reading.frame.received_ms if at_ms is None else at_ms
