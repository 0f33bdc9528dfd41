"""The detector: evidence in, revisions of outages out. A state machine without a clock or a store of its own.

``observe`` folds evidence and notes in which areas it can matter; ``evaluate`` looks again at those, each
from a full recompute of its own, and answers the revisions worth publishing. The rest of the network costs
nothing, however large it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.network import ABSENT, Bool, Int32, Network
from geo.row_sets import distinct
from geo.tree import EnergisedTree
from telemetry.area_watch import AreaWatch, Urgency
from telemetry.evidence import Evidence
from telemetry.failure_rates import at_usual_rates
from telemetry.fold import Fold, Known
from telemetry.ground import Ground, Section, areas_of
from telemetry.inference import InferenceModel, Posterior, infer
from telemetry.lifecycle import Tracked, held_back, resumed, revision_of, worth_telling
from telemetry.news import Rows
from telemetry.observations import Observations
from telemetry.outages import OutageRevision, OutageState
from telemetry.ownership import owner_side
from telemetry.parts import part_of, taken_by
from telemetry.phase_explanation import PhaseSight, lone_phase_signs
from telemetry.phase_tracking import PhaseLook, PhaseTracker
from telemetry.planned_work import PlannedWork
from telemetry.scope import slice_below
from telemetry.sight import Sight
from telemetry.signs import Devices, Scene
from telemetry.supply import Switches
from telemetry.tracking import Pace, Tracker

MAX_VERIFY: Final = 1_000


@dataclass(frozen=True, slots=True)
class DetectorRules:
    """What a site may set."""

    model: InferenceModel
    stable_ms: int = 3_000


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An open outage as of the last look at its area; rows and positions are those of the area."""

    scene: Scene
    posterior: Posterior
    tracked: Tracked
    phases: PhaseSight | None = None
    """What was seen of single phases there."""


class Detector:
    """One network's outages; ``outages`` are the newest revisions published before a restart."""

    def __init__(
        self,
        network: Network,
        rules: DetectorRules,
        known: Known | None = None,
        outages: Sequence[OutageRevision] = (),
        planned: Sequence[PlannedWork] = (),
    ) -> None:
        self.fold = Fold(network, known)
        self._rules = replace(rules, model=at_usual_rates(network, rules.model))
        self._planned = tuple(planned)
        self._ground = self._stand()
        self._tracker = _resumed(self._ground, self.fold, outages)
        self._phases = PhaseTracker([resumed(revision) for revision in outages])
        self._watches: defaultdict[int, AreaWatch] = defaultdict(AreaWatch)
        self._reported: list[Int32] = []
        self._switched_ms = 0
        self._watch_what_was_known()

    @property
    def network(self) -> Network:
        """With the jumpers and generators that stand in the field now."""
        return self._ground.network

    @property
    def tree(self) -> EnergisedTree:
        """The tree as switched now."""
        return self._ground.tree

    @property
    def switches(self) -> Switches:
        return self._ground.switches

    @property
    def outages(self) -> tuple[OutageRevision, ...]:
        """The newest published revision of every open outage."""
        return tuple(t.told for t in self._open if t.told is not None)

    @property
    def _open(self) -> tuple[Tracked, ...]:
        return (*self._tracker.open, *self._phases.open)

    def view(self, outage_id: str) -> View | None:
        """What the last look at an open outage saw; None where there is none, or none was taken yet."""
        for tracked in self._open:
            if tracked.outage_id == outage_id:
                watch = self._watches.get(self._home(tracked))
                if watch is None or watch.sight is None:
                    return None
                return View(watch.sight.scene, watch.sight.posterior, tracked, watch.sight.phases)
        return None

    def sights(self) -> Iterable[tuple[Sight, tuple[Tracked, ...]]]:
        """The last look at every area that is watched, with the outages that are open there."""
        homes = self._homes()
        for number, watch in sorted(self._watches.items()):
            if watch.sight is not None:
                yield watch.sight, tuple(homes.get(number, ()))

    def sight_at(self, element: str) -> Sight | None:
        """The last look at the area of an edge or node."""
        watch = self._watches.get(self._ground.areas.of_element(element))
        return None if watch is None else watch.sight

    def observe(self, evidence: Iterable[Evidence], now_ms: int) -> None:
        """Take evidence in, in any order."""
        news = self.fold.take(evidence)
        if len(switched := news.switched):
            self._reported.append(switched)
        for number in (*self._areas(news.loud), *self._spoken_of(news.corrected)):
            self._watches[number].hear(now_ms, trouble=True)
        if self._watches:
            calm = news.calm
            for number in self._areas(calm):
                if number in self._watches:
                    watch = self._watches[number]
                    watch.hear(now_ms, trouble=bool(np.isin(watch.unsure, calm.meters).any()))

    def evaluate(
        self, now_ms: int, force: bool = False, upto: Urgency = Urgency.CALM
    ) -> tuple[OutageRevision, ...]:
        """The revisions worth publishing at this moment; empty, at no cost, when nothing can have changed.

        ``force`` looks wherever anything ever happened; looks less urgent than ``upto`` are left for later.
        """
        self._follow_switches(now_ms)
        homes = self._homes()
        told: list[OutageRevision] = []
        for number in sorted(self._watches):
            watch = self._watches[number]
            if watch.urgency > upto:
                continue
            if force or watch.due(now_ms, number in homes):
                told.extend(self._looked(number, now_ms))
            elif watch.sight is not None and watch.idle(now_ms, number in homes):
                watch.sight = None
                self._ground.forget(number)
        return tuple(told)

    def verify(self, now_ms: int) -> tuple[tuple[str, str], ...]:
        """(meter, reason) of what no outage explained at the last look, last gasps and then missing phases.

        They ask for a ping, or for a reading.
        """
        del now_ms
        seen, told = self.fold.observations, {c for t in self._tracker.open for c in t.also_out}
        rows = np.sort(np.concatenate([_NOBODY, *(watch.unsure for watch in self._watches.values())]))
        rows = rows[seen.meter_off_ms[rows] > seen.meter_alive_ms[rows]][:MAX_VERIFY]
        lone = [(self.network.meters.ids[row], self._why(row, told)) for row in rows.tolist()]
        return tuple([*lone, *self._lone_phases()][:MAX_VERIFY])

    def _lone_phases(self) -> Iterable[tuple[str, str]]:
        for sight, own in self.sights():
            if sight.phases is not None:
                explained = taken_by(sight.phases.scene, [t for t in own if t.is_open])
                for row in sight.rows.meters[lone_phase_signs(sight.phases, explained)].tolist():
                    yield self.network.meters.ids[row], "lone_phase_sign"

    def _why(self, row: int, also_out: set[str]) -> str:
        customer = self.network.meters.customer[row]
        outside = customer >= 0 and self.network.customers.ids[customer] in also_out
        return "out_of_scope" if outside else "lone_last_gasp"

    def _areas(self, rows: Rows) -> list[int]:
        return areas_of(self._ground.areas, rows.meters, rows.terminals, rows.edges)

    def _spoken_of(self, things: Sequence[str]) -> Iterable[int]:
        """Areas of the elements and customers that a person corrected."""
        for thing in things:
            customer = self.network.customer_row.get(thing)
            if customer is not None:
                meters = np.flatnonzero(self.network.meters.customer == customer)
                numbers = self._ground.areas.of_meters(meters.astype(np.int32))
                yield from np.unique(numbers[numbers >= 0]).tolist()
            elif (number := self._ground.areas.of_element(thing)) >= 0:
                yield number

    def _home(self, tracked: Tracked) -> int:
        """Where the cause, or else something of its class, has supply now."""
        areas = self._ground.areas
        class_of_cause = (tracked.cause.element, *tracked.cause.equivalent)
        return next((home for e in class_of_cause if (home := areas.of_element(e)) != ABSENT), ABSENT)

    def _homes(self) -> dict[int, list[Tracked]]:
        """Open outages by area, eldest first; those whose place has no supply are left as they are."""
        homes: defaultdict[int, list[Tracked]] = defaultdict(list)
        for tracked in self._open:
            homes[self._home(tracked)].append(tracked)
        homes.pop(ABSENT, None)
        return homes

    def _watch_what_was_known(self) -> None:
        """After a restart: areas with words of trouble, open outages or planned work."""
        seen = self.fold.observations
        rows = Rows(*(np.flatnonzero(told).astype(np.int32) for told in _troubled(seen)))
        planned = [self._ground.areas.of_element(work.element) for work in self._works()]
        for number in (*self._areas(rows), *self._homes(), *(each for each in planned if each >= 0)):
            self._watches[number].dirty = True

    def _stand(self) -> Ground:
        network, seen = self.fold.network, self.fold.observations
        return Ground.of(network, self._rules.model, seen, self.fold.standing.standing())

    def _stand_anew(self, now_ms: int) -> None:
        """A jumper or generator came or went: areas get other numbers, so every watch begins again."""
        self._ground = self._stand()
        self._reported.clear()
        self._watches.clear()
        self._switched_ms = now_ms
        self._watch_what_was_known()
        for watch in self._watches.values():
            watch.hear(now_ms, trouble=True)

    def _follow_switches(self, now_ms: int) -> None:
        if self.fold.standing.standing() != self._ground.temporary:
            self._stand_anew(now_ms)
        if not self._reported:
            return
        edges = distinct(np.concatenate(self._reported))
        self._reported.clear()
        before, self._ground = self._ground, self._ground.switched(edges, self.fold.observations)
        if self._ground is before:
            return
        self._switched_ms = now_ms
        for number in (*self._ground.changed, *self._homes()):
            self._watches[number].dirty = True

    def _looked(self, number: int, now_ms: int) -> Iterable[OutageRevision]:
        """Where an outage ended, what stays dead inside it is told with the same breath."""
        told = list(self._look(number, now_ms))
        if any(revision.state is OutageState.RESTORED for revision in told):
            told.extend(self._look(number, now_ms))
        return told

    def _look(self, number: int, now_ms: int) -> Iterable[OutageRevision]:
        # As they are now: a look elsewhere a moment ago may have told of an outage that is at home here.
        own = self._homes().get(number, [])
        watch, section = self._watches[number], self._ground.section(number)
        watch.dirty, watch.evaluated_ms = False, now_ms
        before, pace = self._scene(section, now_ms), Pace(self._rules.stable_ms, self._switched_ms)
        phased = self._phases.look(before, section.grid, self._rules.model, own, pace.stable_ms)
        self._settle_phases(before, section, phased)
        scene, gone = phased.scene, {t.outage_id for t in phased.swallowed}
        posterior = infer(section.grid, scene.seen, now_ms, self._rules.model)
        phases = PhaseSight(before, phased.posteriors) if phased.posteriors or phased.after else None
        watch.sight = Sight(number, section.rows, scene, posterior, phases)
        whole = [t for t in own if not t.phases and t.outage_id not in gone]
        after = self._tracker.update(watch.sight, whole, pace)
        watch.unsure = section.rows.meters[_unexplained(scene, after)]
        for tracked in (*phased.after, *phased.swallowed, *after):
            if not held_back(tracked, after, now_ms) and not _never_known(tracked):
                yield from self._tell(tracked, watch, now_ms)

    def _settle_phases(self, scene: Scene, section: Section, phased: PhaseLook) -> None:
        """Last gasps of a lost phase that is back are spent; what was no outage of its own is let go."""
        self._tracker.let_go(phased.swallowed)
        for tracked in phased.after:
            if tracked.restored_at_ms is not None:
                part = part_of(scene, tracked)
                nothing = np.zeros(part.stop - part.start, np.bool_)
                self._tracker.release(scene, section.rows, part, tracked.restored_at_ms, nothing)

    def _scene(self, section: Section, now_ms: int) -> Scene:
        rows, network = section.rows, section.area.network
        seen = self._tracker.unspent(self.fold.observations.of(rows.meters, rows.terminals, rows.edges), rows)
        seen = self.fold.corrections.applied(seen, network, section.area.tree, now_ms)
        if works := self._works():
            seen = replace(seen, edge_planned=_planned_edges(works, network, now_ms))
        return Scene(
            network=network,
            tree=section.area.tree,
            devices=section.devices,
            seen=seen,
            return_ms=self.fold.return_ms[rows.meters],
            power_up_ms=self.fold.power_up_ms[rows.meters],
            now_ms=now_ms,
            corrections=self.fold.corrections,
        )

    def _works(self) -> tuple[PlannedWork, ...]:
        return (*self._planned, *self.fold.planned.works())

    def _labelled(self, tracked: Tracked, now_ms: int) -> Tracked:
        """With the planned work that it is, and since when that has overrun."""
        works = [w for w in self._works() if w.explains(tracked.cause.equivalent, tracked.started_at_ms)]
        ends_ms = max((work.ends_ms for work in works), default=None)
        lasted_ms = now_ms if tracked.restored_at_ms is None else tracked.restored_at_ms
        overrun_ms = ends_ms if ends_ms is not None and lasted_ms > ends_ms else None
        return replace(tracked, planned=tracked.planned or bool(works), overrun_ms=overrun_ms)

    def _tell(self, tracked: Tracked, watch: AreaWatch, now_ms: int) -> Iterable[OutageRevision]:
        tracked = self._labelled(tracked, now_ms)
        revision = revision_of(tracked, now_ms, self.network.content_hash, self._ground.switches)
        before = "" if tracked.told is None else tracked.told.owner_side
        if not worth_telling(replace(revision, owner_side=before), tracked.told):
            return
        revision = replace(revision, owner_side=self._owner_side(tracked, watch))
        follower = self._phases if tracked.phases else self._tracker
        follower.told(replace(tracked, told=revision))
        watch.dirty = watch.dirty or not tracked.is_open
        yield revision

    def _owner_side(self, tracked: Tracked, watch: AreaWatch) -> str:
        """On whose side of the ownership boundary the cause lies; of what is over, what was told last."""
        if not tracked.is_open or watch.sight is None:
            return "" if tracked.told is None else tracked.told.owner_side
        scene, posterior = watch.sight.scene, watch.sight.posterior
        chances: list[tuple[str, float]] = []
        for element in tracked.cause.equivalent:
            part = slice_below(scene.network, scene.tree, element)
            if part.start < part.stop:
                chances.append((element, float(posterior.cut_probability[part.start])))
        return owner_side(self.network, self.tree, chances)


def _planned_edges(works: Sequence[PlannedWork], network: Network, now_ms: int) -> Bool:
    edges = np.zeros(len(network.edges), np.bool_)
    edges[[network.edge_row[w.element] for w in works if w.now(now_ms) and w.element in network.edge_row]] = (
        True
    )
    return edges


_NOBODY: Final = np.empty(0, np.int32)


def _never_known(tracked: Tracked) -> bool:
    """Withdrawn or merged before anybody was told of it."""
    return tracked.told is None and tracked.state in {OutageState.RETRACTED, OutageState.MERGED}


def _unexplained(scene: Scene, tracked: Sequence[Tracked]) -> Int32:
    """Rows of the meters whose last word is "off", outside the open outages."""
    explained = taken_by(scene, [t for t in tracked if t.is_open])
    unsure = scene.seen.meter_off_ms > scene.seen.meter_alive_ms
    unsure &= ~explained[scene.tree.position[scene.network.meters.node]]
    found: Int32 = np.flatnonzero(unsure)[:MAX_VERIFY].astype(np.int32)
    return found


def _troubled(seen: Observations) -> tuple[Bool, Bool, Bool]:
    """Meters, terminals and edges whose newest word is of trouble."""
    return (
        (seen.meter_off_ms > seen.meter_alive_ms)
        | (seen.meter_call_ms > seen.meter_alive_ms)
        | (seen.meter_low_ms > seen.meter_normal_ms),
        (seen.terminal_off_ms > seen.terminal_alive_ms) | (seen.terminal_low_ms > seen.terminal_normal_ms),
        (seen.edge_open_ms > seen.edge_closed_ms) | (seen.edge_fault_passage_ms > 0),
    )


def _resumed(ground: Ground, fold: Fold, outages: Sequence[OutageRevision]) -> Tracker:
    """Take up the open outages, and let the last gasps of the closed ones be spent."""
    network = ground.network
    tracked = sorted(
        (resumed(revision) for revision in outages), key=lambda t: (t.started_at_ms, t.outage_id)
    )
    ids = {t.outage_id for t in tracked}
    whole = [t for t in tracked if not t.phases]
    tracker = Tracker(len(network.meters), len(network.terminals), whole, ids)
    ended = [t for t in tracked if t.restored_at_ms is not None]
    if ended:
        _spend(ground, fold, tracker, ended)
    return tracker


def _spend(ground: Ground, fold: Fold, tracker: Tracker, ended: Sequence[Tracked]) -> None:
    network = ground.network
    devices = Devices.on(network, ground.tree)
    scene = Scene(network, ground.tree, devices, fold.observations, fold.return_ms, fold.power_up_ms, 0)
    rows = Rows(
        *(np.arange(len(t), dtype=np.int32) for t in (network.meters, network.terminals, network.edges))
    )
    for tracked in ended:
        part = part_of(scene, tracked)
        spared = np.zeros(part.stop - part.start, np.bool_)
        for other in tracker.open:
            inner = part_of(scene, other)
            spared[max(inner.start - part.start, 0) : max(inner.stop - part.start, 0)] = True
        tracker.release(scene, rows, part, tracked.restored_at_ms or 0, spared)
