"""A frame on its way: raw as received, then decoded. Decoders return what they understood and what not."""

from dataclasses import dataclass

from telemetry.evidence import Evidence
from telemetry.readings import ReadingBatch


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it came, before anybody looked into it."""

    topic: str
    body: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """A frame with its place in the spool; places grow in the order of receipt."""

    position: int
    frame: Frame
    damage: str = ""
    """Why the record cannot be trusted (checksum, lost); empty when it is whole."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one frame said.

    ``refusal`` is set when the frame as a whole is of no use; it then goes to the dead letters.
    ``problems`` are parts that were left out of a frame that is otherwise kept.
    """

    key: str
    """Names the frame for ever: the same key is the same frame."""
    terminal: str = ""
    batch: ReadingBatch | None = None
    evidence: tuple[Evidence, ...] = ()
    online: bool | None = None
    """True: the terminal spoke; False: it was reported lost; None: nothing known (refused)."""
    problems: tuple[str, ...] = ()
    refusal: str = ""
    named_by_content: bool = False
    """The frame carries no name of its own: the key is a digest, equal only within minutes."""
