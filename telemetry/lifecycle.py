"""The life of an outage: opened, grown, confirmed, restored in steps, closed, retracted or merged.

suspected ──► confirmed ──► restored        closed on positive evidence, never on silence
    │             │    └──► merged          two that prove one: the older stays
    └─────────────┴───────► retracted       it never was one

All functions are pure: a ``Tracked`` goes in with what is believed now, and a ``Tracked`` comes out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from telemetry.corrections import SAID
from telemetry.findings import NOBODY, Count, Finding
from telemetry.outages import OPEN_STATES, Cause, OutageRevision, OutageState
from telemetry.signs import Signs

OPEN_ABOVE: Final = 0.9
RETRACT_BELOW: Final = 0.3
CERTAIN: Final = 0.95
"""Of the cause, calibrated: the posterior itself says .99 where this much proves right."""
SAME_ONSET_MS: Final = 300_000
"""Onsets further apart than this are two outages, even where one lies inside the other."""
RETELL_MS: Final = 5_000
"""Least time between two revisions of an outage that differ only in numbers."""
SINGLE_REASON: Final = "rule=second_sign"
PLANNED_REASON: Final = "planned"
OVERRUN_REASON: Final = "overrun_at"
RETURNED_REASON: Final = "returned_at"
PHASES_REASON: Final = "phases_lost"
PARTIAL_REASON: Final = "one_phase_missing"
HOLD_MS: Final = 2_000
"""How long a suspicion beside a larger one of the same instant is held back."""
MOST_HOLD_MS: Final = 10_000
"""After this long since its onset nothing is held back, however its cause moves."""
SAME_MOMENT_MS: Final = 5_000
"""Last gasps this close in time may have one cause, allowing for the clocks of two terminals."""
PROBABILITY_STEP: Final = 0.15
"""A change of the cause's probability that is worth telling by itself."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """An outage as the detector follows it: the last published answer and what has changed since."""

    outage_id: str
    state: OutageState
    cause: Cause
    probability: float
    """P(a topmost cut lies in the class of the cause), calibrated."""
    dead: float
    """P(the place has no supply), as the posterior has it: what opens, confirms and retracts."""
    started_at_ms: int
    signs: Signs | None
    since_ms: int
    """Evaluation time since which the class of the cause has been the same."""
    cut: tuple[str, ...]
    restored: tuple[str, ...] = ()
    also_out: tuple[str, ...] = ()
    not_out: tuple[str, ...] = ()
    count: Count = NOBODY
    planned: bool = False
    overrun_ms: int | None = None
    """End of the planned window, once it lasts beyond it."""
    single: bool = False
    returning_since_ms: int | None = None
    """When its first device returned; None while nothing has."""
    living: int = 0
    living_since_ms: int = 0
    """Evaluation time at which the number of living devices last grew."""
    returned_ms: int | None = None
    """Device time of the newest step of restoration."""
    restored_at_ms: int | None = None
    merged_into: str = ""
    phases: str = ""
    """The phases lost, as in ``OutageRevision``; empty for an outage of all of them."""
    low_phases: str = ""
    partial: int = 0
    """Customers with several phases who lack some."""
    said: tuple[str, ...] = ()
    """Reasons that people gave."""
    told: OutageRevision | None = None
    """The newest published revision."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


def outage_id(network_hash: str, element: str, onset_ms: int, repeat: int = 0) -> str:
    """Deterministic: date of the onset (UTC) and a short hash; ``repeat`` tells a second one apart."""
    day = datetime.fromtimestamp(onset_ms / 1000, UTC).strftime("%Y%m%d")
    named = f"{network_hash}|{element}|{onset_ms}|{repeat}".encode()
    return f"O-{day}-{hashlib.blake2b(named, digest_size=5).hexdigest()}"


def opens(finding: Finding) -> bool:
    """A lone last gasp opens nothing: it asks for a ping."""
    return finding.dead > OPEN_ABOVE and not finding.signs.lone


def opened(finding: Finding, identifier: str, now_ms: int) -> Tracked:
    """A new suspected outage."""
    return Tracked(
        outage_id=identifier,
        state=OutageState.SUSPECTED,
        cause=finding.cause,
        probability=finding.probability,
        dead=finding.dead,
        started_at_ms=finding.onset_ms,
        signs=finding.signs,
        since_ms=now_ms,
        cut=finding.cut,
        count=finding.count,
        single=finding.single,
    )


def explained(tracked: Tracked, finding: Finding, now_ms: int) -> Tracked:
    """The finding is what this outage is now believed to be: the same, grown, or moved down.

    Once confirmed a crew is on its way: among elements that put the same customers out the cause stays put.
    """
    same = set(finding.cause.equivalent) == set(tracked.cause.equivalent)
    cause = tracked.cause if same and tracked.state is OutageState.CONFIRMED else finding.cause
    moved_ms = finding.onset_ms - tracked.started_at_ms
    settled = tracked.state is OutageState.CONFIRMED or moved_ms > SAME_ONSET_MS
    return replace(
        tracked,
        cause=cause,
        probability=cause_probability(tracked, finding.probability, finding.signs)
        if same
        else finding.probability,
        dead=finding.dead,
        # Once confirmed it began when it began: neither dead again after a partial return nor a doubtful
        # onset moves that to later.
        started_at_ms=tracked.started_at_ms if settled and moved_ms > 0 else finding.onset_ms,
        signs=finding.signs,
        since_ms=tracked.since_ms if same else now_ms,
        cut=(cause.element,) if finding.cut else (),
        restored=(),
        count=finding.count,
        single=finding.single,
        returning_since_ms=None,
        returned_ms=None,
    )


def cause_probability(tracked: Tracked, believed: float, signs: Signs) -> float:
    """P(this is the cause). What lives again tells that it is over, not that it never was the cause."""
    returned = tracked.state is OutageState.CONFIRMED and signs.returned > 0
    return max(believed, tracked.probability) if returned else believed


def confirmed(tracked: Tracked, now_ms: int, stable_ms: int, settled: bool = True) -> Tracked:
    """Suspected becomes confirmed when its cause is certain, or was the same for long enough.

    It takes more than one sign, and a place that is almost certainly dead. Certainty is enough only of what
    is ``settled``: nothing beside or inside it may still prove to be another outage.
    """
    if tracked.state is not OutageState.SUSPECTED or tracked.dead <= OPEN_ABOVE:
        return tracked
    if tracked.signs is None or tracked.signs.lone:
        return tracked
    certain = settled and tracked.probability >= CERTAIN
    if certain or now_ms - tracked.since_ms >= stable_ms:
        return replace(tracked, state=OutageState.CONFIRMED)
    return tracked


def may_prove_one(tracked: Tracked, beside: Sequence[Tracked], now_ms: int) -> list[Tracked]:
    """Others of the same instant, while it is fresh: when a line fails, its transformers report first.

    Each of them may be certain to be dead and none of them be what failed. A moment later they prove one,
    and one outage makes one order.
    """
    if now_ms - tracked.started_at_ms >= MOST_HOLD_MS:
        return []
    return [
        other
        for other in beside
        if other.is_open
        and not other.single
        and other.outage_id != tracked.outage_id
        and abs(other.started_at_ms - tracked.started_at_ms) <= SAME_MOMENT_MS
    ]


def retracted(tracked: Tracked, dead: float) -> Tracked:
    return replace(
        tracked,
        state=OutageState.RETRACTED,
        probability=min(tracked.probability, dead),
        dead=dead,
        cut=(),
        restored=(),
    )


def merged(tracked: Tracked, into: str) -> Tracked:
    return replace(tracked, state=OutageState.MERGED, merged_into=into, cut=(), restored=())


def closed(tracked: Tracked, restored_at_ms: int) -> Tracked:
    """Restored; the instant is the devices', but never before the outage began."""
    return replace(
        tracked,
        state=OutageState.RESTORED,
        restored_at_ms=max(restored_at_ms, tracked.started_at_ms),
        cut=(),
        restored=(),
        also_out=(),
        not_out=(),
        count=NOBODY,
    )


def revision_of(
    tracked: Tracked, now_ms: int, network_hash: str, switches: tuple[tuple[str, bool], ...]
) -> OutageRevision:
    """What would be published now."""
    before = tracked.told
    return OutageRevision(
        outage_id=tracked.outage_id,
        revision=1 if before is None else before.revision + 1,
        at_ms=now_ms,
        network_hash=network_hash,
        switches=switches,
        state=tracked.state,
        cause=tracked.cause,
        started_at_ms=tracked.started_at_ms,
        restored_at_ms=tracked.restored_at_ms,
        probability=round(tracked.probability, 4),
        cut=tracked.cut,
        restored=tracked.restored,
        also_out=tracked.also_out,
        not_out=tracked.not_out,
        expected=round(tracked.count.expected, 2),
        low=tracked.count.low,
        high=tracked.count.high,
        reasons=_reasons(tracked),
        merged_into=tracked.merged_into,
        phases=tracked.phases,
        low_phases=tracked.low_phases,
    )


def _reasons(tracked: Tracked) -> tuple[str, ...]:
    reasons = [f"{PHASES_REASON}={tracked.phases}"] if tracked.phases else []
    if tracked.partial:
        reasons.append(f"{PARTIAL_REASON}={tracked.partial}")
    reasons.extend(tracked.signs.tokens() if tracked.signs else ())
    if tracked.single:
        reasons.append(SINGLE_REASON)
    if tracked.planned:
        reasons.append(f"{PLANNED_REASON}={tracked.cause.element}")
    if tracked.overrun_ms is not None:
        reasons.append(f"{OVERRUN_REASON}={tracked.overrun_ms}")
    if tracked.returned_ms is not None:
        reasons.append(f"{RETURNED_REASON}={tracked.returned_ms}")
    return (*reasons, *tracked.said)


def held_back(tracked: Tracked, beside: Sequence[Tracked], now_ms: int) -> bool:
    """Whether a new suspicion waits a moment: others of the same instant may prove to be one with it.

    When a medium-voltage line fails, the first reports come from a few transformers and look like as many
    outages. The largest of an instant is told at once, so nothing is late; the others only once they stood
    for a while or are confirmed, so that no map flashes with what is merged a second later.
    """
    if tracked.told is not None or tracked.state is not OutageState.SUSPECTED:
        return False
    if now_ms - tracked.since_ms >= HOLD_MS:
        return False
    return any(_size(other) > _size(tracked) for other in may_prove_one(tracked, beside, now_ms))


def _size(tracked: Tracked) -> tuple[bool, float, str]:
    return tracked.told is not None, tracked.count.expected, tracked.outage_id


def worth_telling(new: OutageRevision, old: OutageRevision | None) -> bool:
    """Whether the answer changed materially; numbers alone are retold at most each few seconds."""
    if old is None or _matter(new) != _matter(old):
        return True
    if new.at_ms - old.at_ms < RETELL_MS:
        return False
    return _numbers_moved(new, old) or _extent(new) != _extent(old)


def _matter(revision: OutageRevision) -> tuple[object, ...]:
    return (
        revision.state,
        revision.network_hash,
        revision.switches,
        revision.cause.element,
        frozenset(revision.cause.equivalent),
        revision.merged_into,
        revision.phases,
        revision.low_phases,
        bool(revision.owner_side),
        is_planned(revision),
        has_overrun(revision),
    )


def _extent(revision: OutageRevision) -> tuple[frozenset[str], ...]:
    said = frozenset(reason for reason in revision.reasons if reason.partition("=")[0] in SAID)
    return frozenset(revision.cut), frozenset(revision.also_out), frozenset(revision.not_out), said


def _numbers_moved(new: OutageRevision, old: OutageRevision) -> bool:
    tolerated = max(1.0, 0.05 * old.expected)
    return (
        abs(new.expected - old.expected) > tolerated
        or abs(new.started_at_ms - old.started_at_ms) > RETELL_MS
        or abs(new.probability - old.probability) > PROBABILITY_STEP
    )


def resumed(revision: OutageRevision) -> Tracked:
    """A published outage taken up again after a restart."""
    partly = revision.state in OPEN_STATES and _token(revision, RETURNED_REASON) is not None
    return Tracked(
        outage_id=revision.outage_id,
        state=revision.state,
        cause=revision.cause,
        probability=revision.probability,
        dead=revision.probability,
        started_at_ms=revision.started_at_ms,
        signs=None,
        since_ms=revision.at_ms,
        cut=revision.cut,
        restored=revision.restored,
        also_out=revision.also_out,
        not_out=revision.not_out,
        count=Count(revision.expected, revision.low, revision.high),
        planned=_token(revision, PLANNED_REASON) is not None,
        single=SINGLE_REASON in revision.reasons,
        returning_since_ms=revision.at_ms if partly else None,
        living_since_ms=revision.at_ms,
        restored_at_ms=revision.restored_at_ms,
        merged_into=revision.merged_into,
        phases=revision.phases,
        low_phases=revision.low_phases,
        partial=int(_token(revision, PARTIAL_REASON) or 0),
        told=revision,
    )


def _token(revision: OutageRevision, name: str) -> str | None:
    return next(
        (value for key, _, value in (r.partition("=") for r in revision.reasons) if key == name), None
    )


def returned_ms(revision: OutageRevision, before: OutageRevision | None) -> int | None:
    """When what this revision no longer counts as out came back; None where it never was out.

    By the devices' clocks where they told, at the revision where switching fed it another way.
    """
    if revision.restored_at_ms is not None:
        return revision.restored_at_ms
    told = _token(revision, RETURNED_REASON)
    if told is not None:
        return int(told)
    switched = before is not None and before.switches != revision.switches
    return revision.at_ms if switched else None


def is_planned(revision: OutageRevision) -> bool:
    """Whether it was planned work."""
    return _token(revision, PLANNED_REASON) is not None


def has_overrun(revision: OutageRevision) -> bool:
    """Whether it was planned and lasted beyond its window."""
    return _token(revision, OVERRUN_REASON) is not None
