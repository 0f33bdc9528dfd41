"""The detector: evidence in, revisions of outages out. A state machine without a clock or a store of its own.

``observe`` folds evidence and notes whether it can matter; ``evaluate`` infers again when something changed
or something is open, and answers the revisions worth publishing. Idle costs nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.network import Bool, Network
from geo.tree import EnergisedTree
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.fold import SWITCHING, Fold, Known
from telemetry.inference import InferenceGrid, InferenceModel, infer
from telemetry.lifecycle import Tracked, resumed, revision_of, worth_telling
from telemetry.observations import Observations
from telemetry.outages import OutageRevision
from telemetry.signs import Devices, Scene
from telemetry.supply import Switches, reported_positions, supply_tree, switches_of
from telemetry.tracking import Tracker, part_of

INTEREST_MS: Final = 180_000
"""How long after evidence of trouble the posterior is looked at each second."""
PACE_MS: Final = 1_000
AWAKE_MS: Final = 30_000
"""How long after any evidence an open outage is looked at each second: till what returns has settled."""
ASLEEP_MS: Final = 30_000
"""Between two looks at an open outage after that."""
BURST_MS: Final = 200
"""Least time between two evaluations while evidence pours in."""
QUIET_KINDS: Final = frozenset({EvidenceKind.ALIVE, EvidenceKind.VOLTAGE, EvidenceKind.POWER_ON})
"""Kinds that open nothing; voltage is looked at for zeros."""
MAX_VERIFY: Final = 1_000
EXACT_GAP_S: Final = 8.0
"""Last gasps carry the instant itself: two faults a few seconds apart are two onsets. Calls come late and
scattered: where nothing else speaks, the model's own wider gap holds them together."""


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """Work on an element inside a window, both ends epoch milliseconds."""

    element: str
    starts_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What hangs on the switch positions: the tree and all that is built on it."""

    closed: Bool
    switches: Switches
    tree: EnergisedTree
    grid: InferenceGrid
    devices: Devices

    @staticmethod
    def on(network: Network, closed: Bool, model: InferenceModel) -> "_Ground":
        tree = supply_tree(network, closed)
        return _Ground(
            closed=closed,
            switches=switches_of(network, closed),
            tree=tree,
            grid=InferenceGrid.build(network, tree, model),
            devices=Devices.on(network, tree),
        )


@dataclass(frozen=True, slots=True)
class DetectorRules:
    """What a site may set."""

    model: InferenceModel
    stable_ms: int = 3_000


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
        self.network = network
        self.fold = Fold(network, known)
        self._rules = rules
        self._planned = tuple(planned)
        self._ground = self._grounded()
        self._tracker = _resumed(network, self._ground, self.fold, outages)
        self._switched_ms = 0
        self._switching = False
        self._dirty = True
        self._heard_ms = 0
        self._interest_until_ms = 0
        self._evaluated_ms = 0

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
        return tuple(t.told for t in self._tracker.open if t.told is not None)

    def observe(self, evidence: Iterable[Evidence], now_ms: int) -> None:
        """Take evidence in, in any order."""
        for row in evidence:
            self.fold.apply(row)
            self._heard_ms = now_ms
            if row.kind in SWITCHING:
                self._switching = True
            if row.kind not in QUIET_KINDS or row.kind is EvidenceKind.VOLTAGE:
                self._dirty = True
                self._interest_until_ms = now_ms + INTEREST_MS

    def evaluate(self, now_ms: int, force: bool = False) -> tuple[OutageRevision, ...]:
        """The revisions worth publishing at this moment; empty, at no cost, when nothing can have changed."""
        if not force and not self._due(now_ms):
            return ()
        self._dirty, self._evaluated_ms = False, now_ms
        self._follow_switches(now_ms)
        scene = self._scene(now_ms)
        posterior = infer(self._ground.grid, scene.seen, now_ms, self._model(scene.seen))
        after = self._tracker.update(scene, posterior, self._rules.stable_ms, self._switched_ms)
        return tuple(revision for tracked in after for revision in self._tell(tracked, now_ms))

    def verify(self, now_ms: int) -> tuple[tuple[str, str], ...]:
        """(meter, reason) of last gasps that no outage explains: they ask for a ping."""
        scene = self._scene(now_ms)
        explained = np.zeros(len(scene.tree) + 1, np.bool_)
        for tracked in self._tracker.open:
            explained[part_of(scene, tracked)] = True
        unsure = scene.seen.meter_off_ms > scene.seen.meter_alive_ms
        unsure &= ~explained[scene.tree.position[self.network.meters.node]]
        rows = np.flatnonzero(unsure)[:MAX_VERIFY]
        told = {customer for t in self._tracker.open for customer in t.also_out}
        return tuple((self.network.meters.ids[row], self._why(row, told)) for row in rows.tolist())

    def _why(self, row: int, also_out: set[str]) -> str:
        customer = self.network.meters.customer[row]
        outside = customer >= 0 and self.network.customers.ids[customer] in also_out
        return "out_of_scope" if outside else "lone_last_gasp"

    def _due(self, now_ms: int) -> bool:
        waited_ms = now_ms - self._evaluated_ms
        if self._dirty or self._switching:
            return waited_ms >= BURST_MS
        if now_ms < self._interest_until_ms:
            return waited_ms >= PACE_MS
        pace_ms = PACE_MS if now_ms - self._heard_ms < AWAKE_MS else ASLEEP_MS
        return bool(self._tracker.open) and waited_ms >= pace_ms

    def _follow_switches(self, now_ms: int) -> None:
        if not self._switching:
            return
        self._switching = False
        ground = self._ground
        self._ground = self._grounded(ground)
        if self._ground is not ground:
            self._switched_ms = now_ms

    def _grounded(self, before: _Ground | None = None) -> _Ground:
        seen = self.fold.observations
        closed = reported_positions(self.network, seen.edge_open_ms, seen.edge_closed_ms)
        if before is not None and np.array_equal(closed, before.closed):
            return before
        return _Ground.on(self.network, closed, self._rules.model)

    def _scene(self, now_ms: int) -> Scene:
        seen = self._tracker.unspent(self.fold.observations)
        if self._planned:
            seen = replace(seen, edge_planned=self._planned_edges(now_ms))
        return Scene(
            network=self.network,
            tree=self._ground.tree,
            devices=self._ground.devices,
            seen=seen,
            return_ms=self.fold.return_ms,
            power_up_ms=self.fold.power_up_ms,
            now_ms=now_ms,
        )

    def _model(self, seen: Observations) -> InferenceModel:
        model = self._rules.model
        exact = (seen.meter_off_ms > seen.meter_alive_ms).any() or (
            seen.terminal_off_ms > seen.terminal_alive_ms
        ).any()
        return replace(model, cluster_gap_s=min(EXACT_GAP_S, model.cluster_gap_s)) if exact else model

    def _planned_edges(self, now_ms: int) -> Bool:
        edges = np.zeros(len(self.network.edges), np.bool_)
        for work in self._planned:
            row = self.network.edge_row.get(work.element)
            if row is not None and work.starts_ms <= now_ms < work.ends_ms:
                edges[row] = True
        return edges

    def _tell(self, tracked: Tracked, now_ms: int) -> Iterable[OutageRevision]:
        revision = revision_of(tracked, now_ms, self.network.content_hash, self._ground.switches)
        if not worth_telling(revision, tracked.told):
            return
        self._tracker.told(replace(tracked, told=revision))
        self._dirty = self._dirty or not tracked.is_open
        yield revision


def _resumed(network: Network, ground: _Ground, fold: Fold, outages: Sequence[OutageRevision]) -> Tracker:
    """Take up the open outages, and let the last gasps of the closed ones be spent."""
    tracked = sorted(
        (resumed(revision) for revision in outages), key=lambda t: (t.started_at_ms, t.outage_id)
    )
    tracker = Tracker(len(network.meters), len(network.terminals), tracked, {t.outage_id for t in tracked})
    scene = Scene(
        network, ground.tree, ground.devices, fold.observations, fold.return_ms, fold.power_up_ms, 0
    )
    for ended in tracked:
        if ended.restored_at_ms is not None:
            part = part_of(scene, ended)
            spared = np.zeros(part.stop - part.start, np.bool_)
            for other in tracker.open:
                inner = part_of(scene, other)
                spared[max(inner.start - part.start, 0) : max(inner.stop - part.start, 0)] = True
            tracker.release(scene, part, ended.restored_at_ms, spared)
    return tracker
