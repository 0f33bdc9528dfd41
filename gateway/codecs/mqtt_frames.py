"""Who decodes a frame that came over MQTT: by its topic on our own broker, by its observer's file on another.

Pure but for what it is handed: observers and their tables are looked up at each frame, since they may change.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.codecs import app_bus, dlt645_wrapped, flat, hplc, own, state_grid
from gateway.codecs.foreign import Meaning, Unusable, identity
from gateway.contract.topics import DLT645, HPLC, parse
from gateway.frames import OVERSIZED, Decoded, Frame
from gateway.observers import Observer


@dataclass(frozen=True, slots=True)
class MqttDecoder:
    """Decodes the frames of all MQTT doors."""

    meaning: Callable[[], Meaning]
    """Of the foreign frames on our own broker."""
    observed: Callable[[str], tuple[Observer, Meaning] | None]
    """By the name of the observer, also one that was removed since; None for one that is not known."""

    def __call__(self, frame: Frame) -> Decoded:
        """What the frame says; never raises on what a device may send."""
        if frame.body.startswith(OVERSIZED):
            return _refused(frame, f"frame: too large, {frame.body[len(OVERSIZED) : 80].decode('latin-1')}")
        _, _, name = frame.door.partition(":")
        return self._observed(frame, name) if name else _ours(frame, self.meaning)

    def _observed(self, frame: Frame, name: str) -> Decoded:
        found = self.observed(name)
        if found is None:
            return _refused(frame, f"observer: expected a file {name}.toml that says what these frames are")
        observer, meaning = found
        foreign, topic = observer.addressed(frame.topic)
        plain = replace(frame, topic=topic)
        if observer.format == "state_grid":
            return state_grid.decode(plain, meaning)
        if observer.format in {"app_bus", "flat"}:
            try:
                terminal = meaning.resolve(identity(foreign, "terminal"))
            except Unusable as problem:
                return _refused(frame, str(problem))
            if observer.format == "flat":
                return flat.decode(plain, terminal, observer.device(topic), meaning)
            return app_bus.decode(plain, terminal, meaning)
        return _ours(plain, lambda: meaning)


def _ours(frame: Frame, meaning: Callable[[], Meaning]) -> Decoded:
    if frame.topic.startswith("/v1/"):
        return state_grid.decode(frame, meaning())
    address = parse(frame.topic)
    if address is not None and address.channel == HPLC:
        return hplc.decode(frame, address.terminal, meaning().resolve)
    if address is not None and address.channel == DLT645:
        return dlt645_wrapped.decode(frame, address.terminal, meaning().resolve)
    return own.decode(frame)


def _refused(frame: Frame, problem: str) -> Decoded:
    return Decoded(own.content_key(frame), refusal=problem[:500], named_by_content=True)
