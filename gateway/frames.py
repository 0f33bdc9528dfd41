"""A frame on its way: raw as received, then decoded. Decoders return what they understood and what not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.security import Finding
from telemetry.devices import DeviceNote
from telemetry.evidence import Evidence
from telemetry.readings import ReadingBatch

MQTT: Final = "mqtt"
"""The door of terminals that speak to our own broker sessions."""
MAX_BODY_BYTES: Final = 65_536
"""No door hands over a larger frame: the broker refuses it, a poller or a file is cut into several."""
OVERSIZED: Final = b"frame refused by the door: "
"""How the body begins that a door hands over in place of one that was too large."""


class Lane(StrEnum):
    """Each lane has a spool and a cursor of its own, so that nothing waits behind what is less urgent."""

    EVENTS = "events"
    """Power off and on, status, switches, alarms."""
    BULK = "bulk"
    """Readings as they come."""
    BACKFILL = "backfill"
    """Old days: files, histories, replays. Drained while the others are empty."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it came, before anybody looked into it."""

    topic: str
    """Where it came from within its door: an MQTT topic, a polled device, a line of a file."""
    body: bytes
    received_ms: int
    door: str = MQTT
    """Which door took it, and so who decodes it: ``mqtt``, ``mqtt:NAME`` (observed broker), ``modbus`` …"""


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
    batches: tuple[ReadingBatch, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    online: bool | None = None
    """True: the terminal spoke; False: it was reported lost; None: nothing known (refused)."""
    problems: tuple[str, ...] = ()
    refusal: str = ""
    devices: tuple[DeviceNote, ...] = ()
    """What the frame told about devices themselves: model, firmware, who hangs below whom."""
    security: tuple[str, ...] = ()
    """What a supervisor of security must hear: a terminal that speaks in another's name."""
    findings: tuple[Finding, ...] = ()
    """What a frame of the security door reports: refusals that a broker counted."""
    named_by_content: bool = False
    """The frame carries no name of its own: the key is a digest, equal only within minutes."""

    def with_batches(self, batches: tuple[ReadingBatch, ...]) -> "Decoded":
        """The same with these batches. Written out: it is done to every late frame of a backlog."""
        return Decoded(
            self.key, self.terminal, batches, self.evidence, self.online, self.problems, self.refusal,
            self.devices, self.security, self.findings, self.named_by_content,
        )  # fmt: skip
