"""Which finding is which outage: identity by overlap, and each open outage's next step.

Parts of a tree are nested or disjoint, so two outages overlap exactly when one lies inside the other. A
finding around an outage of about the same onset is that outage grown; findings inside it are what is left.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from geo.network import ABSENT, Bool, EdgeKind
from telemetry.counting import Counting, customers_in
from telemetry.findings import MAX_EXCEPTIONS, Finding, element_at, findings_of, singles
from telemetry.lifecycle import (
    OPEN_ABOVE,
    RETRACT_BELOW,
    SAME_MOMENT_MS,
    SAME_ONSET_MS,
    Tracked,
    cause_probability,
    closed,
    confirmed,
    explained,
    may_prove_one,
    merged,
    opened,
    opens,
    outage_id,
    retracted,
)
from telemetry.news import Rows
from telemetry.observations import NEVER, Observations
from telemetry.outages import OutageState
from telemetry.parts import lies_in, part_of, taken_by
from telemetry.quiet_branches import quiet_branches
from telemetry.returning import SETTLED_MS, Belief, Returning, over, returning, step_ms
from telemetry.scope import positions_below
from telemetry.sight import Sight
from telemetry.signs import Scene, Signs, signs_in

MAX_CUT: Final = 200
"""Most elements of a cut; of more, the largest stay."""
LIKELY: Final = 0.5
SWITCHING_GRACE_MS: Final = 60_000
"""After switching, what was dead before may live now: older signs open nothing for this long."""
QUIET_MS: Final = 12_000
"""So long an outage waits for the word of its quiet branches: a ping comes back in less."""


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
        within = [t for t, part in zip(tracked, parts, strict=True) if lies_in(part, finding.part)]
        around = [t for t, part in zip(tracked, parts, strict=True) if lies_in(finding.part, part)]
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


def _one_onset(tracked: Tracked, finding: Finding) -> bool:
    again = tracked.returning_since_ms is not None
    return again or abs(tracked.started_at_ms - finding.onset_ms) <= SAME_ONSET_MS


@dataclass(frozen=True, slots=True)
class Pace:
    """What opening and confirming wait for."""

    stable_ms: int
    """How long a cause must have been the same."""
    switched_ms: int
    """When switching last moved supply."""


class Tracker:
    """The open outages of all areas; ``update`` brings those of one area up to one posterior."""

    def __init__(self, meters: int, terminals: int, tracked: Sequence[Tracked], known_ids: set[str]) -> None:
        self.open: list[Tracked] = [t for t in tracked if t.is_open]
        self._ids = known_ids | {t.outage_id for t in tracked}
        self._released_meters = np.full(meters, NEVER, np.int64)
        self._released_terminals = np.full(terminals, NEVER, np.int64)
        self._strays: dict[int, dict[str, tuple[str, ...]]] = {}
        """Area → outage → customers of the area who are out with it though recorded outside."""

    def unspent(self, seen: Observations, rows: Rows) -> Observations:
        """Without the last gasps of outages that are over, unless a second sign came after."""
        released = self._released_meters[rows.meters]
        spent = (
            (seen.meter_off_ms <= released)
            & (seen.meter_silent_ms <= released)
            & (seen.meter_call_ms <= released)
        )
        over_there = seen.terminal_off_ms <= self._released_terminals[rows.terminals]
        return replace(
            seen,
            meter_off_ms=np.where(spent, NEVER, seen.meter_off_ms),
            terminal_off_ms=np.where(over_there, NEVER, seen.terminal_off_ms),
        )

    def update(self, sight: Sight, own: Sequence[Tracked], rules: Pace) -> tuple[Tracked, ...]:
        """Bring the ``own`` outages of an area up to its posterior.

        Answers those that were or became open there, and those elsewhere that gained or lost strays.
        """
        scene, posterior = sight.scene, sight.posterior
        mine = {t.outage_id for t in own}
        others = [t for t in self.open if t.outage_id not in mine]
        parts = [part_of(scene, t) for t in own]
        pairing = pair(own, parts, findings_of(scene, posterior))
        after = [self._after(sight, pairing, tracked, part) for tracked, part in zip(own, parts, strict=True)]
        after.extend(self._opened(scene, pairing.fresh, [*after, *others], rules))
        alone = singles(scene, taken_by(scene, after))
        beside = [finding for finding in alone if _same_time(finding, [*after, *others])]
        fresh = [finding for finding in alone if finding not in beside]
        after.extend(self._opened(scene, fresh, [*after, *others], rules))
        after = [_confirmed(sight, t, after, rules) for t in after]
        counting = Counting(scene, posterior, customers_in(scene, [f.part for f in beside]))
        self._strays[sight.number] = counting.strays(after, others)
        after = [counting.corrected(counting.counted(t) if t.is_open else t) for t in after]
        return self._kept(after, others)

    def _kept(self, after: Sequence[Tracked], others: Sequence[Tracked]) -> tuple[Tracked, ...]:
        """All told apart into open and ended, each with the strays of every area."""
        after, beyond = [self._joined(t) for t in after], [self._joined(t) for t in others]
        now = {t.outage_id: t for t in (*beyond, *after)}
        kept = [now.pop(t.outage_id) for t in self.open]
        self.open = [t for t in (*kept, *now.values()) if t.is_open]
        return (*after, *(t for t, before in zip(beyond, others, strict=True) if t is not before))

    def _joined(self, tracked: Tracked) -> Tracked:
        if not tracked.is_open or (tracked.single and not tracked.cut):
            return tracked
        strays = [by_outage.get(tracked.outage_id, ()) for by_outage in self._strays.values()]
        also_out = tuple(sorted(customer for some in strays for customer in some))[:MAX_EXCEPTIONS]
        return tracked if also_out == tracked.also_out else replace(tracked, also_out=also_out)

    def let_go(self, ended: Sequence[Tracked]) -> None:
        """These are followed elsewhere now."""
        gone = {t.outage_id for t in ended}
        self.open = [t for t in self.open if t.outage_id not in gone]

    def told(self, tracked: Tracked) -> None:
        """Remember what was published."""
        self.open = [tracked if t.outage_id == tracked.outage_id else t for t in self.open]

    def release(self, scene: Scene, rows: Rows, part: slice, restored_ms: int, spared: Bool) -> None:
        """Last gasps up to then are explained, except of the meters at ``spared`` positions of the part."""
        meters, terminals = scene.devices.meters(part), rows.terminals[scene.devices.terminals(part)]
        at = scene.tree.position[scene.network.meters.node[meters]] - part.start
        free = rows.meters[meters[~spared[at]]]
        self._released_meters[free] = np.maximum(self._released_meters[free], restored_ms)
        if not spared.any():
            self._released_terminals[terminals] = np.maximum(self._released_terminals[terminals], restored_ms)

    def _opened(
        self, scene: Scene, found: Sequence[Finding], beside: Sequence[Tracked], rules: Pace
    ) -> list[Tracked]:
        grace = scene.now_ms - rules.switched_ms < SWITCHING_GRACE_MS
        return [
            opened(finding, self._identifier(scene, finding), scene.now_ms)
            for finding in found
            if (opens(finding) or finding.single)
            and not (grace and beside and finding.onset_ms < rules.switched_ms)
        ]

    def _identifier(self, scene: Scene, finding: Finding) -> str:
        repeat = 0
        named = (scene.network.content_hash, finding.cause.element, finding.onset_ms)
        while (identifier := outage_id(*named, repeat)) in self._ids:
            repeat += 1
        self._ids.add(identifier)
        return identifier

    def _after(self, sight: Sight, pairing: Pairing, tracked: Tracked, part: slice) -> Tracked:
        """What a person declared invalid is over, whatever else is believed."""
        scene = sight.scene
        if scene.corrections.invalidates(scene.network, scene.tree, part, tracked.started_at_ms):
            return retracted(tracked, 0.0)
        return self._next(sight, pairing, tracked, part)

    def _next(self, sight: Sight, pairing: Pairing, tracked: Tracked, part: slice) -> Tracked:
        scene, posterior = sight.scene, sight.posterior
        if tracked.outage_id in pairing.swallowed:
            return merged(tracked, pairing.swallowed[tracked.outage_id])
        finding = pairing.grown.get(tracked.outage_id)
        if finding is not None and not (tracked.single and finding.dead <= OPEN_ABOVE):
            return explained(tracked, finding, scene.now_ms)
        if part.start == part.stop:
            return tracked
        dead = posterior.dead_below(part.start)
        signs = signs_in(scene, part, tracked.started_at_ms)
        tracked = replace(tracked, signs=signs)
        if tracked.returning_since_ms is not None or _returns(tracked, signs, dead):
            return self._returning(sight, tracked, part)
        if tracked.single or dead >= RETRACT_BELOW:
            believed = cause_probability(tracked, posterior.cut_among(part.start), signs)
            return tracked if tracked.single else replace(tracked, dead=dead, probability=believed)
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

    def _returning(self, sight: Sight, tracked: Tracked, part: slice) -> Tracked:
        scene, posterior = sight.scene, sight.posterior
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
            self.release(scene, sight.rows, part, returned_ms, _spared(scene, part, state))
            return closed(tracked, returned_ms)
        return replace(
            tracked,
            returning_since_ms=since_ms,
            living=state.living,
            living_since_ms=living_since_ms,
            returned_ms=returned_ms,
            cut=_left(scene, part, state, settled),
        )


def _confirmed(sight: Sight, tracked: Tracked, beside: Sequence[Tracked], rules: Pace) -> Tracked:
    """Once nothing of the same instant changes any more, and its quiet branches had time to answer."""
    scene = sight.scene
    if tracked.state is not OutageState.SUSPECTED:
        return tracked
    others = may_prove_one(tracked, beside, scene.now_ms)
    newest_ms = max((other.since_ms for other in others), default=tracked.since_ms)
    quiet = quiet_branches(scene, sight.posterior, part_of(scene, tracked), tracked.started_at_ms)
    wait_ms = rules.stable_ms + max(newest_ms - tracked.since_ms, 0)
    wait_ms = max(wait_ms, QUIET_MS) if quiet else wait_ms
    return confirmed(tracked, scene.now_ms, wait_ms, settled=not others and not quiet)


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
