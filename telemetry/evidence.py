"""Evidence: what a device, a person or a plan said about supply, as one ordered, replayable log.

One row is one frame and kind with its devices packed; a reading frame of 200 living meters is one row
``alive``. Given the same *set* of rows, in any order and however often repeated, everything concluded from
them is the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Volts = tuple[float | None, float | None, float | None]
"""Phase-to-neutral volts of phases A, B, C; None where a phase does not exist or was not read."""


class EvidenceKind(StrEnum):
    POWER_OFF = "power_off"
    """Last gasp of a meter or terminal."""
    POWER_ON = "power_on"
    """Supply returned."""
    ALIVE = "alive"
    """Any reading, heartbeat or ping answer."""
    SILENT = "silent"
    """A ping unanswered, a heartbeat overdue, a poll without an answer: unknown, never "off"."""
    VOLTAGE = "voltage"
    SWITCH_OPEN = "switch_open"
    SWITCH_CLOSED = "switch_closed"
    FAULT_PASSAGE = "fault_passage"
    CALL = "call"
    """A customer says that the power is off; ``devices`` are customer ids."""
    FOUND_FAULTY = "found_faulty"
    """A person found that this element failed; ``at_ms`` is when it began to matter."""
    FOUND_SOUND = "found_sound"
    """A person found that this element did not fail."""
    CUSTOMER_OUT = "customer_out"
    """A person made sure that these customers have no supply; ``devices`` are customer ids."""
    CUSTOMER_ON = "customer_on"
    """The same: they have supply."""
    INVALID = "invalid"
    """What was said below these elements up to ``at_ms`` meant no loss of supply (a test, a false alarm)."""
    JUMPER_ON = "jumper_on"
    """A person connected two nodes by hand; ``devices`` are ``node~node`` (``geo.standing``)."""
    JUMPER_OFF = "jumper_off"
    GENERATOR_ON = "generator_on"
    """A generator feeds at these nodes; ``devices`` are node ids."""
    GENERATOR_OFF = "generator_off"
    PLANNED_WORK = "planned_work"
    """A person planned work; ``devices`` are ``ELEMENT@FROM-TO`` (``telemetry.planned_work``)."""
    PLAN_CANCELLED = "plan_cancelled"
    CHECK = "check"
    """Please verify these outages (``devices`` are their ids) before a crew leaves; tells nothing."""


CORRECTING: Final = frozenset(
    {
        EvidenceKind.FOUND_FAULTY,
        EvidenceKind.FOUND_SOUND,
        EvidenceKind.CUSTOMER_OUT,
        EvidenceKind.CUSTOMER_ON,
        EvidenceKind.INVALID,
    }
)
"""What only people of the company say, through the desk, with their name."""
STANDING: Final = frozenset(
    {
        EvidenceKind.JUMPER_ON,
        EvidenceKind.JUMPER_OFF,
        EvidenceKind.GENERATOR_ON,
        EvidenceKind.GENERATOR_OFF,
    }
)
"""What stands in the field for a while and in no record; people of the company tell it."""
PLANNING: Final = frozenset({EvidenceKind.PLANNED_WORK, EvidenceKind.PLAN_CANCELLED})
"""What people of the company intend."""
FIELD_KINDS: Final = frozenset(EvidenceKind) - CORRECTING - STANDING - PLANNING - {EvidenceKind.CHECK}
"""What devices, exports of other systems and customers say."""


@dataclass(frozen=True, slots=True)
class Evidence:
    kind: EvidenceKind
    at_ms: int
    """Device time, UTC epoch milliseconds."""
    received_ms: int
    source: str
    """Who brought it: a terminal id, a file, a person."""
    devices: tuple[str, ...]
    """Meter, terminal, sensor or edge ids; customer ids where kind is CALL."""
    key: str
    """Idempotence: the same key is the same fact, however often and on whatever path it arrives."""
    volts: tuple[Volts, ...] = ()
    """One triple per device where kind is VOLTAGE; one for all, the lowest of each phase, where ALIVE devices
    were read and are of normal voltage; else empty."""


@dataclass(frozen=True, slots=True)
class LoggedEvidence:
    """Evidence with its place in the log; ids grow by one in commit order."""

    id: int
    evidence: Evidence
