"""Customers of an area's outages: how many are out, who is spared below a cut, who is out elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from geo.network import ABSENT, Int32
from geo.row_sets import among, distinct, joined, without
from telemetry.evidence import EvidenceKind
from telemetry.findings import MAX_EXCEPTIONS, CustomerView
from telemetry.inference import Posterior
from telemetry.lifecycle import SAME_MOMENT_MS, Tracked
from telemetry.parts import part_of
from telemetry.scope import cut_scope
from telemetry.signs import Scene


@dataclass(frozen=True, eq=False)
class Counting:
    """One evaluation of one area; ``beside`` are customers out at the same time as a larger outage."""

    scene: Scene
    posterior: Posterior
    beside: Int32

    @cached_property
    def _view(self) -> CustomerView:
        return CustomerView.of(self.scene.network, self.posterior)

    def strays(self, own: Sequence[Tracked], others: Sequence[Tracked]) -> dict[str, tuple[str, ...]]:
        """Customers who are out though recorded outside, by the outage that began the moment they said so."""
        candidates = [t for t in (*own, *others) if t.is_open and not t.single]
        if not candidates:
            return {}
        inside = [self._inside(t) for t in own if t.is_open]
        everyone = distinct(np.concatenate([np.empty(0, np.int32), *inside]))
        likely = self._view.stray(self.scene.network, self.posterior, everyone)
        found = joined(likely, without(self.beside, everyone))
        return self._assigned(found, candidates)

    def _assigned(self, customers: Int32, candidates: Sequence[Tracked]) -> dict[str, tuple[str, ...]]:
        ids, off_ms = self.scene.network.customers.ids, self.scene.seen.meter_off_ms
        assigned: defaultdict[str, list[str]] = defaultdict(list)
        for customer in customers.tolist():
            said_ms = int(off_ms[self.scene.network.meters.customer == customer].max())
            nearest = min(candidates, key=lambda t: abs(t.started_at_ms - said_ms))
            if abs(nearest.started_at_ms - said_ms) <= SAME_MOMENT_MS:
                assigned[nearest.outage_id].append(ids[customer])
        return {outage: tuple(some[:MAX_EXCEPTIONS]) for outage, some in assigned.items()}

    def counted(self, tracked: Tracked) -> Tracked:
        """An open outage of the area with its numbers and the customers spared."""
        scene, inside = self.scene, self._inside(tracked)
        ids, row = scene.network.customers.ids, scene.network.edge_row.get(tracked.cause.element)
        planned = row is not None and bool(scene.seen.edge_planned[row])
        returning_now = tracked.returning_since_ms is not None
        spared = self._view.spared(inside)
        first_ms = self._first_of(spared, tracked) if tracked.returned_ms is None else tracked.returned_ms
        return replace(
            tracked,
            also_out=self._single(tracked),
            not_out=tuple(ids[row] for row in spared),
            returned_ms=first_ms,
            count=self._view.count(inside) if returning_now or not tracked.count.high else tracked.count,
            planned=planned,
        )

    def corrected(self, tracked: Tracked) -> Tracked:
        """With what people said: their word about a customer stands above the posterior's."""
        scene, words = self.scene, self.scene.corrections
        if not len(words):
            return tracked
        part = part_of(scene, tracked)
        said = words.reasons(scene.network, scene.tree, part, tracked.started_at_ms)
        if not tracked.is_open:
            return replace(tracked, said=said)
        ids, inside = scene.network.customers.ids, self._inside(tracked)
        told_on = words.told(scene.network, EvidenceKind.CUSTOMER_ON, tracked.started_at_ms)
        told_out = words.told(scene.network, EvidenceKind.CUSTOMER_OUT, tracked.started_at_ms)
        out = {ids[row] for row in np.flatnonzero(told_out)}
        asked = [ids[row] for row in inside if told_on[row]]
        spared = [each for each in dict.fromkeys((*asked, *tracked.not_out)) if each not in out]
        return replace(tracked, said=said, not_out=tuple(spared[:MAX_EXCEPTIONS]))

    def _inside(self, tracked: Tracked) -> Int32:
        return cut_scope(self.scene.network, self.scene.tree, tracked.cut, tracked.restored).customer_rows

    def _single(self, tracked: Tracked) -> tuple[str, ...]:
        """Of an outage of single meters at a place, their customers."""
        if not tracked.single or tracked.cut:
            return tracked.also_out
        ids = self.scene.network.customers.ids
        customers = customers_in(self.scene, [part_of(self.scene, tracked)])[:MAX_EXCEPTIONS]
        return tuple(ids[row] for row in customers.tolist())

    def _first_of(self, spared: Int32, tracked: Tracked) -> int | None:
        """When the first of the spared customers returned; None where they never were out."""
        if not len(spared):
            return None
        meters = np.flatnonzero(among(self.scene.network.meters.customer, spared))
        instants = self.scene.return_ms[meters]
        return int(min(instants[instants > tracked.started_at_ms], default=0)) or None


def customers_in(scene: Scene, parts: Sequence[slice]) -> Int32:
    """Customers of the meters in these parts whose last word is "off"."""
    meters = [scene.devices.meters(part) for part in parts]
    rows = np.concatenate([np.empty(0, np.int32), *meters])
    silent = rows[scene.seen.meter_off_ms[rows] > scene.seen.meter_alive_ms[rows]]
    owners = distinct(scene.network.meters.customer[silent])
    customers: Int32 = owners[owners != ABSENT].astype(np.int32)
    return customers
