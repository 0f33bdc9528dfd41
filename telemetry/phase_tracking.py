"""The life of outages of single phases: opened, grown, moved, restored on positive evidence, merged.

Beside ``telemetry.tracking`` and with the same ``Tracked`` and rules; what is different is what counts as a
sign. A meter that lacked a phase and reads all of them again, or said "off" and lives, has returned.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.doors import PHASE_NAMES
from geo.network import ABSENT, Float64
from telemetry.findings import MAX_EQUIVALENT, MAX_EXCEPTIONS, Count, cause_of
from telemetry.inference import InferenceGrid, InferenceModel
from telemetry.lifecycle import (
    OPEN_ABOVE,
    RETRACT_BELOW,
    SAME_ONSET_MS,
    Tracked,
    closed,
    merged,
    outage_id,
    retracted,
)
from telemetry.observations import NEVER, Int64
from telemetry.outages import OutageState
from telemetry.parts import lies_in, part_of
from telemetry.phase_grid import Slices
from telemetry.phase_inference import (
    LostPhase,
    PhasePosterior,
    infer_phases,
    lost_phases,
    without_lost_phases,
)
from telemetry.returning import EARLY_SHARE
from telemetry.scope import phase_scope
from telemetry.signs import EARLY_MS, Scene, signs_in

CERTAIN: Final = 0.99
ENOUGH_SIGNS: Final = 2
"""A lone sign opens nothing: it asks for a second one."""
_QUANTILE: Final = 1.645


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One cut of a phase with the posterior that tells of it."""

    cut: LostPhase
    posterior: PhasePosterior

    @property
    def signs(self) -> int:
        return self.cut.low_meters + self.cut.gasped

    @property
    def opens(self) -> bool:
        """Sure that phases are missing, by more than one sign, and that others live."""
        return self.cut.lacking > OPEN_ABOVE and self.cut.lives and self.signs >= ENOUGH_SIGNS


def found_in(scene: Scene, posteriors: Iterable[PhasePosterior]) -> list[Found]:
    """All cuts of single phases, largest part first."""
    found = [Found(cut, posterior) for posterior in posteriors for cut in lost_phases(posterior, scene.seen)]
    return sorted(found, key=lambda f: (f.cut.part.start - f.cut.part.stop, f.cut.part.start))


@dataclass(frozen=True, slots=True, eq=False)
class PhaseLook:
    """What a look at the phases of an area leaves for the look at its outages of all phases."""

    scene: Scene
    """Without the words that a lost phase explains."""
    after: tuple[Tracked, ...]
    """Outages of single phases that were or became open."""
    swallowed: tuple[Tracked, ...]
    """Outages of all phases that proved to be one of a single phase; merged into it."""
    posteriors: tuple[PhasePosterior, ...] = ()


class PhaseTracker:
    """The open outages of single phases."""

    def __init__(self, tracked: Sequence[Tracked]) -> None:
        self.open = [t for t in tracked if t.is_open and t.phases]
        self._ids = {t.outage_id for t in tracked}
        self._slices = Slices()

    def look(
        self, scene: Scene, grid: InferenceGrid, model: InferenceModel, own: Sequence[Tracked], stable_ms: int
    ) -> "PhaseLook":
        """Look at an area before its outages of all phases are looked at; ``own`` are all its open ones."""
        posteriors = infer_phases(grid, scene.seen, scene.now_ms, model, self._slices)
        mine = [t for t in own if t.phases]
        if not posteriors and not mine:
            return PhaseLook(scene, (), ())
        whole = [t for t in own if not t.phases]
        after = self.update(scene, posteriors, mine, whole, stable_ms)
        cleared = replace(scene, seen=without_lost_phases(scene.seen, posteriors))
        return PhaseLook(cleared, after, tuple(_swallowed(cleared, whole, after)), posteriors)

    def update(
        self, scene: Scene, posteriors: Sequence[PhasePosterior], own: Sequence[Tracked],
        whole: Sequence[Tracked], stable_ms: int,
    ) -> tuple[Tracked, ...]:  # fmt: skip
        """Bring an area's ``own`` outages up to its posteriors; ``whole`` are its outages of all phases.

        Answers those that were or became open there.
        """
        free = found_in(scene, posteriors)
        after: list[Tracked] = []
        for tracked in own:
            part = part_of(scene, tracked)
            theirs = [one for one in free if _same(tracked, one.cut) and _nested(one.cut.part, part)]
            free = [one for one in free if one not in theirs]
            grown = next((t for t in after if not theirs and _covers(scene, t, tracked, part)), None)
            if grown is None:
                after.append(_next(scene, posteriors, tracked, theirs, whole))
            else:
                after.append(merged(tracked, grown.outage_id))
        after.extend(self._opened(scene, one) for one in free if one.opens)
        after = [_confirmed(t, scene.now_ms, stable_ms) for t in after]
        now = {t.outage_id: t for t in after}
        kept = [now.pop(t.outage_id, t) for t in self.open]
        self.open = [t for t in (*kept, *now.values()) if t.is_open]
        return tuple(after)

    def told(self, tracked: Tracked) -> None:
        """Remember what was published."""
        self.open = [tracked if t.outage_id == tracked.outage_id else t for t in self.open]

    def _opened(self, scene: Scene, found: Found) -> Tracked:
        cut, repeat = found.cut, 0
        cause = cause_of(scene.network, scene.tree, cut.positions[:MAX_EQUIVALENT])
        named = (scene.network.content_hash, f"{cause.element}:{PHASE_NAMES[cut.lost]}", cut.onset_ms)
        while (identifier := outage_id(*named, repeat)) in self._ids:
            repeat += 1
        self._ids.add(identifier)
        opened = Tracked(
            outage_id=identifier,
            state=OutageState.SUSPECTED,
            cause=cause,
            probability=cut.probability,
            dead=cut.lacking,
            started_at_ms=cut.onset_ms,
            signs=None,
            since_ms=scene.now_ms,
            cut=(cause.element,),
        )
        return _explained(scene, opened, found)


def _swallowed(scene: Scene, whole: Sequence[Tracked], phased: Sequence[Tracked]) -> Iterator[Tracked]:
    """Outages inside one of a phase of which no sign is left once the lost phase has explained its own."""
    for tracked in whole:
        part = part_of(scene, tracked)
        around = [t for t in phased if t.is_open and lies_in(part, part_of(scene, t))]
        signs = signs_in(scene, part, tracked.started_at_ms)
        if around and not (signs.gasped or signs.terminal_off or signs.silent or signs.calls):
            yield merged(tracked, around[0].outage_id)


def _nested(one: slice, other: slice) -> bool:
    return lies_in(one, other) or lies_in(other, one)


def _covers(scene: Scene, grown: Tracked, tracked: Tracked, part: slice) -> bool:
    """Whether an elder outage of the same phases has grown around this one."""
    near = abs(grown.started_at_ms - tracked.started_at_ms) <= SAME_ONSET_MS
    alike = set(grown.low_phases) & set(tracked.low_phases) or set(grown.phases) & set(tracked.phases)
    return grown.is_open and near and bool(alike) and lies_in(part, part_of(scene, grown))


def _same(tracked: Tracked, cut: LostPhase) -> bool:
    """A phase lost at medium voltage first looks like one lost at a transformer, and the other way round."""
    shared = set(tracked.phases) | set(tracked.low_phases)
    return bool(shared & (set(PHASE_NAMES[cut.lost]) | set(PHASE_NAMES[cut.low])))


def _next(
    scene: Scene, posteriors: Sequence[PhasePosterior], tracked: Tracked, theirs: Sequence[Found],
    whole: Sequence[Tracked],
) -> Tracked:  # fmt: skip
    part = part_of(scene, tracked)
    around = [one for one in theirs if lies_in(part, one.cut.part) and one.cut.lacking >= RETRACT_BELOW]
    returned = _returned_ms(scene, part, tracked.started_at_ms)
    if around:
        return _with_returned(_explained(scene, tracked, around[0]), returned)
    if theirs and len(returned):
        return _restored_in_steps(scene, tracked, theirs, returned)
    if theirs:
        return _explained(scene, tracked, theirs[0])
    return _over(scene, posteriors, tracked, part, whole)


def _with_returned(tracked: Tracked, returned: Int64) -> Tracked:
    """Who is spared because they live again was out until then."""
    return replace(tracked, returned_ms=_early(returned)) if tracked.not_out and len(returned) else tracked


def _over(
    scene: Scene, posteriors: Sequence[PhasePosterior], tracked: Tracked, part: slice,
    whole: Sequence[Tracked],
) -> Tracked:  # fmt: skip
    """Nothing there lacks a phase any more: all are out, or supply returned, or it never was so."""
    swallowing = [t for t in whole if t.is_open and lies_in(part, part_of(scene, t))]
    if swallowing:
        return merged(tracked, swallowing[0].outage_id)
    if part.start == part.stop or _still_low(scene, posteriors, part):
        return tracked
    returned = _returned_ms(scene, part, tracked.started_at_ms)
    if len(returned):
        return closed(tracked, _early(returned))
    return retracted(tracked, 0.0) if signs_in(scene, part, tracked.started_at_ms).alive_after else tracked


def _early(instants: Int64) -> int:
    """A step of restoration is dated by an early quantile, so that no stray instant sets it."""
    return int(instants[int(EARLY_SHARE * len(instants))])


def _explained(scene: Scene, tracked: Tracked, found: Found) -> Tracked:
    """The cut is what this outage is now believed to be; once confirmed, equals do not change places."""
    cut = found.cut
    cause = cause_of(scene.network, scene.tree, cut.positions[:MAX_EQUIVALENT])
    same = set(cause.equivalent) == set(tracked.cause.equivalent)
    if same and tracked.state is OutageState.CONFIRMED:
        cause = tracked.cause
    moved = replace(
        tracked,
        cause=cause,
        probability=cut.probability,
        dead=cut.lacking,
        started_at_ms=min(tracked.started_at_ms, cut.onset_ms),
        signs=signs_in(scene, cut.part, min(tracked.started_at_ms, cut.onset_ms)),
        since_ms=tracked.since_ms if same else scene.now_ms,
        cut=(cause.element,),
        returned_ms=None,
        phases=PHASE_NAMES[cut.lost],
        low_phases=PHASE_NAMES[cut.low],
    )
    return _counted(scene, moved, (found,))


def _restored_in_steps(scene: Scene, tracked: Tracked, theirs: Sequence[Found], returned: Int64) -> Tracked:
    """Part of it lacks the phase still; the rest returned."""
    elements = [cause_of(scene.network, scene.tree, one.cut.positions[:1]).element for one in theirs]
    left = replace(
        tracked,
        cut=tuple(elements[:MAX_EXCEPTIONS]),
        returned_ms=_early(returned),
        returning_since_ms=tracked.returning_since_ms or scene.now_ms,
    )
    return _counted(scene, left, theirs)


def _counted(scene: Scene, tracked: Tracked, found: Sequence[Found]) -> Tracked:
    """With the customers' exceptions and numbers."""
    ids = scene.network.customers.ids
    plain = phase_scope(scene.network, scene.tree, tracked.cut, tracked.low_phases, tracked.restored)
    most = np.zeros(len(ids))
    for one in found:
        _raise_by_customer(scene, one, most)
    also = np.setdiff1d(np.flatnonzero(most > OPEN_ABOVE), plain.customer_rows)[:MAX_EXCEPTIONS]
    spared = plain.customer_rows[most[plain.customer_rows] < 1 - OPEN_ABOVE][:MAX_EXCEPTIONS]
    expected = float(most.sum())
    spread = _QUANTILE * float(np.sqrt((most * (1 - most)).sum()))
    return replace(
        tracked,
        also_out=tuple(ids[row] for row in also),
        not_out=tuple(ids[row] for row in spared),
        partial=len(np.setdiff1d(plain.partial_rows, also)),
        count=Count(expected, max(int(np.floor(expected - spread)), 0), int(np.ceil(expected + spread))),
    )


def _raise_by_customer(scene: Scene, found: Found, most: Float64) -> None:
    """P(out) of the customers below the cut: the greatest of any of their meters."""
    rows, part = found.posterior.meters.rows, found.cut.part
    position = scene.tree.position[scene.network.meters.node[rows]]
    owner = scene.network.meters.customer[rows]
    here = (position >= part.start) & (position < part.stop) & (owner != ABSENT)
    np.maximum.at(most, owner[here], found.posterior.out[here])


def _confirmed(tracked: Tracked, now_ms: int, stable_ms: int) -> Tracked:
    if tracked.state is not OutageState.SUSPECTED or tracked.dead <= OPEN_ABOVE:
        return tracked
    if tracked.probability >= CERTAIN or now_ms - tracked.since_ms >= stable_ms:
        return replace(tracked, state=OutageState.CONFIRMED)
    return tracked


def _returned_ms(scene: Scene, part: slice, onset_ms: int) -> Int64:
    """Sorted instants at which meters that lacked a phase, or were out, had it again."""
    seen, meters = scene.seen, scene.devices.meters(part)
    low_ms, normal_ms = seen.meter_low_ms[meters], seen.meter_normal_ms[meters]
    read = (normal_ms > low_ms) & (low_ms >= onset_ms - EARLY_MS)
    off_ms, back_ms = seen.meter_off_ms[meters], scene.return_ms[meters]
    lives = (off_ms >= onset_ms - EARLY_MS) & (off_ms != NEVER) & (back_ms > off_ms)
    up_ms = scene.power_up_ms[meters]  # of a meter whose last gasp was lost it tells just as much
    powered = (up_ms > onset_ms) & ~lives
    instants: Int64 = np.sort(np.concatenate([normal_ms[read], back_ms[lives], up_ms[powered]]))
    return instants


def _still_low(scene: Scene, posteriors: Sequence[PhasePosterior], part: slice) -> bool:
    """Whether a voltage there misses a phase still."""
    position = scene.tree.position[scene.network.meters.node]
    below = (position >= part.start) & (position < part.stop)
    return any(bool(below[one.meters.rows[one.meters.low]].any()) for one in posteriors)
