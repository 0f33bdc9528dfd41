"""Which finding is which outage: identity by overlap, and each open outage's next step.

Parts of a tree are nested or disjoint, so two outages overlap exactly when one lies inside the other. A
finding around an outage of about the same onset is that outage grown; findings inside it are what is left.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from geo.network import ABSENT, Bool, EdgeKind, Int32
from telemetry.findings import MAX_EXCEPTIONS, CustomerView, Finding, element_at, findings_of, singles
from telemetry.inference import Posterior
from telemetry.lifecycle import (
    OPEN_ABOVE,
    RETRACT_BELOW,
    SAME_ONSET_MS,
    Tracked,
    closed,
    confirmed,
    explained,
    merged,
    opened,
    opens,
    outage_id,
    retracted,
)
from telemetry.observations import NEVER, Observations
from telemetry.outages import OutageState
from telemetry.returning import SETTLED_MS, Belief, Returning, over, returning, step_ms
from telemetry.scope import cut_scope, positions_below, slice_below
from telemetry.signs import EARLY_MS, Scene, Signs, signs_in

MAX_CUT: Final = 200
"""Most elements of a cut; of more, the largest stay."""
LIKELY: Final = 0.5
SAME_MOMENT_MS: Final = 5_000
"""Last gasps this close in time have one cause, allowing for the clocks of two terminals."""
SWITCHING_GRACE_MS: Final = 60_000
"""After switching, what was dead before may live now: older signs open nothing for this long."""


@dataclass(slots=True)
class Pairing:
    """What the findings of one evaluation mean for the outages that are open."""

    grown: dict[str, Finding] = field(default_factory=dict)
    """Outage → the finding that it now is."""
    swallowed: dict[str, str] = field(default_factory=dict)
    """Outage → the older one that it proved to be part of."""
    inside: defaultdict[str, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    """Outage → findings strictly inside it."""
    fresh: list[Finding] = field(default_factory=list)


def pair(tracked: Sequence[Tracked], parts: Sequence[slice], found: Sequence[Finding]) -> Pairing:
    """Assign findings, largest first, to the open outages (eldest first)."""
    pairing = Pairing()
    for finding in sorted(found, key=lambda f: (f.part.start - f.part.stop, f.part.start)):
        within = [t for t, part in zip(tracked, parts, strict=True) if _inside(part, finding.part)]
        around = [t for t, part in zip(tracked, parts, strict=True) if _inside(finding.part, part)]
        same = [t for t in within if _one_onset(t, finding) and t.outage_id not in pairing.swallowed]
        exact = [t for t in same if t in around]
        if same and (finding.dead > OPEN_ABOVE or exact):
            eldest = same[0] if finding.dead > OPEN_ABOVE else exact[0]
            pairing.grown[eldest.outage_id] = finding
            if finding.dead > OPEN_ABOVE:
                pairing.swallowed.update((t.outage_id, eldest.outage_id) for t in same if t is not eldest)
        elif around:
            pairing.inside[around[-1].outage_id].append(finding)
        elif not same:
            pairing.fresh.append(finding)
    return pairing


def _inside(inner: slice, outer: slice) -> bool:
    return bool(inner.start < inner.stop and outer.start <= inner.start and inner.stop <= outer.stop)


def _one_onset(tracked: Tracked, finding: Finding) -> bool:
    again = tracked.returning_since_ms is not None
    return again or abs(tracked.started_at_ms - finding.onset_ms) <= SAME_ONSET_MS


class Tracker:
    """The open outages; ``update`` brings them up to one posterior."""

    def __init__(self, meters: int, terminals: int, tracked: Sequence[Tracked], known_ids: set[str]) -> None:
        self.open: list[Tracked] = [t for t in tracked if t.is_open]
        self._ids = known_ids | {t.outage_id for t in tracked}
        self._released_meters = np.full(meters, NEVER, np.int64)
        self._released_terminals = np.full(terminals, NEVER, np.int64)

    def unspent(self, seen: Observations) -> Observations:
        """Without the last gasps of outages that are over, unless a second sign came after."""
        released = self._released_meters
        spent = (
            (seen.meter_off_ms <= released)
            & (seen.meter_silent_ms <= released)
            & (seen.meter_call_ms <= released)
        )
        over_there = seen.terminal_off_ms <= self._released_terminals
        return replace(
            seen,
            meter_off_ms=np.where(spent, NEVER, seen.meter_off_ms),
            terminal_off_ms=np.where(over_there, NEVER, seen.terminal_off_ms),
        )

    def update(
        self, scene: Scene, posterior: Posterior, stable_ms: int, switched_ms: int
    ) -> tuple[Tracked, ...]:
        """All outages that were or became open, after one evaluation; those that ended are let go."""
        parts = [part_of(scene, t) for t in self.open]
        pairing = pair(self.open, parts, findings_of(scene, posterior))
        after: list[Tracked] = []
        for tracked, part in zip(self.open, parts, strict=True):
            after.append(self._next(scene, posterior, pairing, tracked, part))
        after.extend(self._opened(scene, pairing.fresh, after, switched_ms))
        alone = singles(scene, self._taken(scene, after))
        beside = [finding for finding in alone if _same_time(finding, after)]
        after.extend(self._opened(scene, [f for f in alone if f not in beside], after, switched_ms))
        after = [confirmed(t, scene.now_ms, stable_ms) for t in after]
        after = _counted(scene, posterior, after, _customers_in(scene, [f.part for f in beside]))
        self.open = [t for t in after if t.is_open]
        return tuple(after)

    def told(self, tracked: Tracked) -> None:
        """Remember what was published."""
        self.open = [tracked if t.outage_id == tracked.outage_id else t for t in self.open]

    def release(self, scene: Scene, part: slice, restored_ms: int, spared: Bool) -> None:
        """Last gasps up to then are explained, except of the meters at ``spared`` positions of the part."""
        meters, terminals = scene.devices.meters(part), scene.devices.terminals(part)
        at = scene.tree.position[scene.network.meters.node[meters]] - part.start
        free = meters[~spared[at]]
        self._released_meters[free] = np.maximum(self._released_meters[free], restored_ms)
        if not spared.any():
            self._released_terminals[terminals] = np.maximum(self._released_terminals[terminals], restored_ms)

    def _taken(self, scene: Scene, tracked: Sequence[Tracked]) -> Bool:
        """Positions inside any of these outages; of one that ended just now the posterior speaks first."""
        taken = np.zeros(len(scene.tree), np.bool_)
        for t in tracked:
            taken[part_of(scene, t)] = True
        return taken

    def _opened(
        self, scene: Scene, found: Sequence[Finding], beside: Sequence[Tracked], switched_ms: int
    ) -> list[Tracked]:
        grace = scene.now_ms - switched_ms < SWITCHING_GRACE_MS
        return [
            opened(finding, self._identifier(scene, finding), scene.now_ms)
            for finding in found
            if (opens(finding) or finding.single)
            and not (grace and beside and finding.onset_ms < switched_ms)
        ]

    def _identifier(self, scene: Scene, finding: Finding) -> str:
        repeat = 0
        named = (scene.network.content_hash, finding.cause.element, finding.onset_ms)
        while (identifier := outage_id(*named, repeat)) in self._ids:
            repeat += 1
        self._ids.add(identifier)
        return identifier

    def _next(
        self, scene: Scene, posterior: Posterior, pairing: Pairing, tracked: Tracked, part: slice
    ) -> Tracked:
        if tracked.outage_id in pairing.swallowed:
            return merged(tracked, pairing.swallowed[tracked.outage_id])
        finding = pairing.grown.get(tracked.outage_id)
        if finding is not None and not (tracked.single and finding.dead < tracked.dead):
            return explained(tracked, finding, scene.now_ms)
        if part.start == part.stop:
            return tracked
        dead = posterior.dead_below(part.start)
        signs = signs_in(scene, part, tracked.started_at_ms)
        tracked = replace(tracked, signs=signs)
        if tracked.returning_since_ms is not None or _returns(tracked, signs, dead):
            return self._returning(scene, posterior, tracked, part)
        if tracked.single or dead >= RETRACT_BELOW:
            return (
                tracked
                if tracked.single
                else replace(tracked, dead=dead, probability=posterior.cut_among(part.start))
            )
        return self._explained_anew(scene, pairing, tracked, dead, signs)

    def _explained_anew(
        self, scene: Scene, pairing: Pairing, tracked: Tracked, dead: float, signs: Signs
    ) -> Tracked:
        """The place lives though nothing returned: the cut lies lower, or there never was an outage."""
        inner = pairing.inside[tracked.outage_id]
        likely = [f for f in inner if f.dead >= LIKELY and not f.signs.lone]
        if likely:
            best = max(likely, key=lambda f: (f.signs.gasped, -f.part.start))
            pairing.fresh.extend(f for f in inner if f is not best)
            return explained(tracked, best, scene.now_ms)
        if signs.alive_after or signs.terminal_alive:
            return retracted(tracked, dead)
        return tracked

    def _returning(self, scene: Scene, posterior: Posterior, tracked: Tracked, part: slice) -> Tracked:
        since_ms = tracked.returning_since_ms or _first_return(scene, part, tracked.started_at_ms)
        belief = Belief(posterior.dead_probability, posterior.model.miss)
        state = returning(scene, part, tracked.started_at_ms, since_ms, belief)
        grew = state.living > tracked.living
        living_since_ms = scene.now_ms if grew else tracked.living_since_ms
        settled = state.complete or scene.now_ms - living_since_ms >= SETTLED_MS
        dead_before = positions_below(scene.network, scene.tree, tracked.cut or tracked.cause.equivalent)
        # What an exception dated before (one wrongly recorded meter came back) was no step.
        before_ms = tracked.returned_ms if tracked.returning_since_ms is not None else None
        step = step_ms(scene, part, dead_before, tracked.started_at_ms, before_ms)
        returned_ms = scene.now_ms if step is None else step
        if settled and over(scene, part, state):
            self.release(scene, part, returned_ms, _spared(scene, part, state))
            return closed(tracked, returned_ms)
        return replace(
            tracked,
            returning_since_ms=since_ms,
            living=state.living,
            living_since_ms=living_since_ms,
            returned_ms=returned_ms,
            cut=_left(scene, part, state, settled),
        )


def part_of(scene: Scene, tracked: Tracked) -> slice:
    """Tree positions of the outage's class: below its topmost element; empty where it has no supply."""
    own = slice_below(scene.network, scene.tree, tracked.cause.element)
    if tracked.single and not tracked.cut and own.stop > own.start:
        return slice(own.start, own.start + 1)
    parts = (slice_below(scene.network, scene.tree, element) for element in tracked.cause.equivalent)
    around = [part for part in parts if _inside(own, part)]
    return min(around, key=lambda part: part.start, default=own)


def _returns(tracked: Tracked, signs: Signs, dead: float) -> bool:
    """Whether life below means that supply came back, not that the cut was placed wrongly."""
    if not tracked.single and dead >= RETRACT_BELOW:
        return False
    if signs.gasped:
        return signs.returned > 0
    confirmed_once = tracked.state is OutageState.CONFIRMED
    return confirmed_once and (signs.alive_after > 0 or signs.terminal_alive > 0)


def _first_return(scene: Scene, part: slice, onset_ms: int) -> int:
    instants = scene.return_ms[scene.devices.meters(part)]
    return int(min(instants[instants > onset_ms], default=scene.now_ms))


def _left(scene: Scene, part: slice, state: Returning, settled: bool) -> tuple[str, ...]:
    """Elements whose customers are still out: once settled, no lone meter that merely has not spoken yet."""
    tree = scene.tree
    edges = tree.edge[part]
    transformer = (edges != ABSENT) & (scene.network.edges.kind[edges] == EdgeKind.TRANSFORMER)
    strata = np.concatenate(([0], np.cumsum(transformer)))
    tops = state.dead - part.start
    ends = np.minimum(tree.end[state.dead], part.stop) - part.start
    holds_stratum = strata[ends] > strata[tops]
    kept = state.dead[state.still | holds_stratum] if settled else state.dead
    largest = kept[np.argsort(kept - tree.end[kept], kind="stable")][:MAX_CUT]
    return tuple(element_at(scene.network, tree, int(position))[0] for position in np.sort(largest))


def _spared(scene: Scene, part: slice, state: Returning) -> Bool:
    """[positions of the part] what is still dead, whose last gasps stay evidence."""
    spared = np.zeros(part.stop - part.start, np.bool_)
    for top in state.dead[state.still]:
        spared[top - part.start : min(int(scene.tree.end[top]), part.stop) - part.start] = True
    return spared


def _same_time(finding: Finding, tracked: Sequence[Tracked]) -> bool:
    """Whether a larger outage began at that moment: a meter far off is then wrongly recorded, no fault."""
    return any(
        t.is_open and not t.single and abs(t.started_at_ms - finding.onset_ms) <= SAME_MOMENT_MS
        for t in tracked
    )


def _customers_in(scene: Scene, parts: Sequence[slice]) -> Int32:
    """Customers of the meters in these parts whose last word is "off"."""
    meters = [scene.devices.meters(part) for part in parts]
    rows = np.concatenate([np.empty(0, np.int32), *meters])
    silent = rows[scene.seen.meter_off_ms[rows] > scene.seen.meter_alive_ms[rows]]
    owners = np.unique(scene.network.meters.customer[silent])
    customers: Int32 = owners[owners != ABSENT].astype(np.int32)
    return customers


def _counted(scene: Scene, posterior: Posterior, tracked: Sequence[Tracked], beside: Int32) -> list[Tracked]:
    """With the customers' exceptions and numbers; ``beside`` are out at the same time as a larger outage."""
    if not any(t.is_open for t in tracked):
        return list(tracked)
    view = CustomerView.of(scene.network, posterior)
    scopes = {
        t.outage_id: cut_scope(scene.network, scene.tree, t.cut, t.restored).customer_rows
        for t in tracked
        if t.is_open
    }
    everyone = np.unique(np.concatenate(list(scopes.values())))
    outside = np.union1d(view.stray(scene.network, posterior, everyone), np.setdiff1d(beside, everyone))
    stray = _strays(scene, outside, tracked)
    return [
        _with_customers(scene, t, view, scopes[t.outage_id], stray[t.outage_id]) if t.is_open else t
        for t in tracked
    ]


def _with_customers(
    scene: Scene, tracked: Tracked, view: CustomerView, inside: np.ndarray, stray: list[int]
) -> Tracked:
    ids = scene.network.customers.ids
    if tracked.single and not tracked.cut:
        stray = _customers_in(scene, [part_of(scene, tracked)]).tolist()
    planned = bool(scene.seen.edge_planned[scene.network.edge_row.get(tracked.cause.element, 0)])
    returning_now = tracked.returning_since_ms is not None
    count = view.count(inside) if returning_now or not tracked.count.high else tracked.count
    spared = view.spared(inside)
    return replace(
        tracked,
        also_out=tuple(ids[row] for row in stray[:MAX_EXCEPTIONS]),
        not_out=tuple(ids[row] for row in spared),
        returned_ms=_first_of(scene, spared, tracked) if tracked.returned_ms is None else tracked.returned_ms,
        count=count,
        planned=planned and tracked.cause.element in scene.network.edge_row,
    )


def _first_of(scene: Scene, spared: np.ndarray, tracked: Tracked) -> int | None:
    """When the first of the spared customers returned; None where they never were out."""
    if not len(spared):
        return None
    meters = np.flatnonzero(np.isin(scene.network.meters.customer, spared))
    instants = scene.return_ms[meters]
    return int(min(instants[instants > tracked.started_at_ms], default=0)) or None


def _strays(scene: Scene, stray: np.ndarray, tracked: Sequence[Tracked]) -> dict[str, list[int]]:
    """Customers who are out though recorded elsewhere, with the outage whose onset is nearest to theirs."""
    assigned: dict[str, list[int]] = defaultdict(list)
    owner, off_ms = scene.network.meters.customer, scene.seen.meter_off_ms
    candidates = [t for t in tracked if t.is_open and not t.single]
    for customer in stray.tolist() if candidates else ():
        said_ms = int(off_ms[owner == customer].max())
        nearest = min(candidates, key=lambda t: abs(t.started_at_ms - said_ms))
        if abs(nearest.started_at_ms - said_ms) <= EARLY_MS:
            assigned[nearest.outage_id].append(customer)
    return assigned
