"""An outage as the detector publishes it: a chain of revisions, never a customer list.

A revision names the network, the switch positions that differed from normal, the elements whose loss
explains the evidence and the exceptions. Who is out is a projection of that (``telemetry.scope``).
"""

from dataclasses import dataclass
from enum import StrEnum


class OutageState(StrEnum):
    SUSPECTED = "suspected"
    """Shown on the map; no order yet."""
    CONFIRMED = "confirmed"
    """The cut was stable for 3 s or P ≥ .99: orders and notices may go out."""
    RESTORED = "restored"
    """Closed on positive evidence."""
    RETRACTED = "retracted"
    """It never was one (probability fell without a return of power), or a person invalidated it."""
    MERGED = "merged"
    """Proved to be part of ``merged_into``."""


OPEN_STATES = frozenset({OutageState.SUSPECTED, OutageState.CONFIRMED})
REAL_STATES = frozenset({OutageState.CONFIRMED, OutageState.RESTORED})
"""Of a newest revision: somebody was, or is, certainly out."""


@dataclass(frozen=True, slots=True)
class Cause:
    element: str
    """Id of the edge (or source node) whose loss explains the evidence best."""
    kind: str
    """Its kind, in the door's spelling (``line``, ``transformer``, ``substation``, …)."""
    equivalent: tuple[str, ...]
    """Ids of all elements that the evidence cannot tell apart from it, best first, with itself."""


@dataclass(frozen=True, slots=True)
class OutageRevision:
    outage_id: str
    """Deterministic: from the network's hash, the element and the onset of its first revision."""
    revision: int
    """1, 2, 3, … within the outage."""
    at_ms: int
    """Evaluation time (UTC epoch, ms): the answer holds for the evidence known then."""
    network_hash: str
    switches: tuple[tuple[str, bool], ...]
    """(edge id, closed) of every switch that is not in its normal position, by id."""
    state: OutageState
    cause: Cause
    started_at_ms: int
    restored_at_ms: int | None
    probability: float
    """P(this element is a topmost cut | evidence)."""
    cut: tuple[str, ...]
    """Elements whose customers below are out: the cause, or after partial restoration what is left."""
    restored: tuple[str, ...]
    """Elements below the cut whose customers live again."""
    also_out: tuple[str, ...]
    """Customer ids out though recorded elsewhere (probably a mapping error)."""
    not_out: tuple[str, ...]
    """Customer ids recorded below the cut that are probably supplied."""
    expected: float
    """Expected number of customers out."""
    low: int
    high: int
    """5 % and 95 % quantiles of that number."""
    reasons: tuple[str, ...]
    """Why it is believed, machine readable: ``last_gasps=37``, ``alive_after=0``, ``terminal_off=1``, …"""
    merged_into: str = ""
    phases: str = ""
    """The phases lost at the cut (``A``, ``BC``); empty where all are, which is an outage proper."""
    low_phases: str = ""
    """Where ``phases`` are: the low-voltage phases without usable supply below. Behind a transformer whose
    primary lost one phase they may be others."""
    owner_side: str = ""
    """``reason=element`` where the fault lies beyond the ownership boundary (``telemetry.ownership``)."""


@dataclass(frozen=True, slots=True)
class LoggedRevision:
    """A revision with its place in the outage log; ids grow by one in commit order."""

    id: int
    revision: OutageRevision
