"""From the posterior to findings: each most probable cut with its class, probability and customers."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, EdgeKind, Float64, Int32, Network, NodeKind
from geo.row_sets import distinct, without
from geo.tree import EnergisedTree
from telemetry.inference import InferenceModel, Posterior
from telemetry.onsets import densest_onset
from telemetry.outages import Cause
from telemetry.signs import EARLY_MS, Scene, Signs, living, signs_in

MAX_EQUIVALENT: Final = 200
MAX_EXCEPTIONS: Final = 200
SURE: Final = 0.9
"""An exception to the scope is told only when it is this probable."""
SECOND_SIGN_MS: Final = 10_000
"""A poll unanswered this long after the meter's last gasp is a second sign."""
SECOND_SIGN_PROBABILITY: Final = 0.95
"""What a last gasp and an unanswered poll together are taken to be worth; the posterior sees only the newest
of several unanswered polls."""
ONSET_SPREAD_MS: Final = 300_000
"""Last gasps further than this from an outage's bin are not its own."""
_QUANTILE: Final = 1.645
"""Of the normal distribution, 5 % on either side."""


@dataclass(frozen=True, slots=True)
class Count:
    """Customers out: expected, and the 5 % and 95 % quantiles."""

    expected: float = 0.0
    low: int = 0
    high: int = 0


NOBODY: Final = Count()


@dataclass(frozen=True, slots=True)
class Finding:
    """One topmost cut, as believed at this moment."""

    part: slice
    """Tree positions below the topmost element of the class."""
    cause: Cause
    probability: float
    """P(a topmost cut lies in the class): how sure the cause is."""
    dead: float
    """P(the place has no supply, whatever failed): how sure it is that there is an outage."""
    onset_ms: int
    signs: Signs
    count: Count
    cut: tuple[str, ...]
    """The element whose loss puts the part out; empty where only single meters at a place are out."""
    single: bool = False
    """Found by the rule of the second sign, not by the posterior."""


def findings_of(scene: Scene, posterior: Posterior) -> tuple[Finding, ...]:
    """The most probable cuts, in the order of the tree."""
    return tuple(_finding(scene, posterior, number) for number in range(len(posterior.cuts)))


def _finding(scene: Scene, posterior: Posterior, number: int) -> Finding:
    members = posterior.equivalents(int(posterior.cuts[number]))
    top = int(members.min())
    part = slice(top, int(scene.tree.end[top]))
    onset_ms = _own_onset(scene, part, int(posterior.cut_onset_ms[number]), posterior.model)
    cause = cause_of(scene.network, scene.tree, members[:MAX_EQUIVALENT])
    return Finding(
        part=part,
        cause=cause,
        probability=float(posterior.class_probability[number]),
        dead=posterior.dead_below(top),
        onset_ms=onset_ms,
        signs=signs_in(scene, part, onset_ms),
        count=Count(
            float(posterior.expected[number]), int(posterior.low[number]), int(posterior.high[number])
        ),
        cut=(cause.element,),
    )


def _own_onset(scene: Scene, part: slice, otherwise_ms: int, model: InferenceModel) -> int:
    """When the part went out by its own last gasps: bins are shared, so their instants are not exact."""
    seen, meters = scene.seen, scene.devices.meters(part)
    off_ms = seen.meter_off_ms[meters]
    near = (off_ms > seen.meter_alive_ms[meters]) & (np.abs(off_ms - otherwise_ms) <= ONSET_SPREAD_MS)
    said_ms = np.sort(off_ms[near])
    if not len(said_ms):
        return otherwise_ms
    return densest_onset(said_ms, np.ones(len(said_ms)), model.last_gasp_mean_delay_s)


def singles(scene: Scene, taken: NDArray[np.bool_]) -> tuple[Finding, ...]:
    """Single meters with a last gasp and a second sign of their own, outside the ``taken`` positions."""
    seen = scene.seen
    second = (seen.meter_silent_ms >= seen.meter_off_ms + SECOND_SIGN_MS) | (
        seen.meter_call_ms >= seen.meter_off_ms - EARLY_MS
    )
    said_off = (seen.meter_off_ms > seen.meter_alive_ms) & second
    position = scene.tree.position[scene.network.meters.node]
    rows = np.flatnonzero(said_off & (position >= 0))
    rows = rows[~taken[position[rows]]]
    places = {int(position[row]): int(seen.meter_off_ms[row]) for row in rows[::-1]}
    return tuple(_single(scene, place, onset_ms) for place, onset_ms in sorted(places.items()))


def _single(scene: Scene, place: int, onset_ms: int) -> Finding:
    below = slice(place, int(scene.tree.end[place]))
    others_live = living(scene.seen, scene.devices.meters(below), onset_ms).any()
    own = slice(place, place + 1) if others_live else below
    cause = cause_of(scene.network, scene.tree, np.array([place], np.int32))
    return Finding(
        part=own,
        cause=cause,
        probability=SECOND_SIGN_PROBABILITY,
        dead=SECOND_SIGN_PROBABILITY,
        onset_ms=onset_ms,
        signs=signs_in(scene, own, onset_ms),
        count=Count(1.0, 1, 1),
        cut=() if others_live else (cause.element,),
        single=True,
    )


def cause_of(network: Network, tree: EnergisedTree, positions: Int32) -> Cause:
    """The elements that feed these positions, best first."""
    ids, kinds = zip(*(element_at(network, tree, int(position)) for position in positions), strict=True)
    return Cause(element=ids[0], kind=kinds[0], equivalent=tuple(ids))


def element_at(network: Network, tree: EnergisedTree, position: int) -> tuple[str, str]:
    """(id, kind) of the edge that feeds a position, or of the source node itself."""
    row = int(tree.edge[position])
    if row != ABSENT:
        return network.edges.ids[row], EdgeKind(network.edges.kind[row]).name.lower()
    node = int(tree.node[position])
    return network.nodes.ids[node], NodeKind(network.nodes.kind[node]).name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class CustomerView:
    """P(out) by customer: the greatest of any of their meters, and the least."""

    most: Float64
    least: Float64
    fed: NDArray[np.bool_]
    """Whether any of their meters hangs on this tree."""

    @staticmethod
    def of(network: Network, posterior: Posterior) -> "CustomerView":
        chance, owner = posterior.meter_out_probability, network.meters.customer
        usable = (posterior.grid.meter_class >= 0) & (owner != ABSENT)
        most, least = np.zeros(len(network.customers)), np.ones(len(network.customers))
        np.maximum.at(most, owner[usable], chance[usable])
        np.minimum.at(least, owner[usable], chance[usable])
        fed = np.zeros(len(network.customers), np.bool_)
        fed[owner[usable]] = True
        return CustomerView(most, least, fed)

    def count(self, customers: Int32) -> Count:
        """Expected number out among these, with the 5 % and 95 % quantiles (normal approximation)."""
        chance = self.most[customers]
        expected = float(chance.sum())
        spread = _QUANTILE * float(np.sqrt((chance * (1 - chance)).sum()))
        low, high = int(np.floor(expected - spread)), int(np.ceil(expected + spread))
        return Count(expected, max(low, 0), min(high, len(customers)))

    def spared(self, customers: Int32) -> Int32:
        """Customers recorded below a cut who are probably supplied."""
        rows: Int32 = customers[self.fed[customers] & (self.most[customers] < 1 - SURE)][:MAX_EXCEPTIONS]
        return rows

    def stray(self, network: Network, posterior: Posterior, inside: Int32) -> Int32:
        """Customers outside every scope who are probably out, by their own word."""
        seen = posterior.seen
        said = np.flatnonzero((seen.meter_off_ms > seen.meter_alive_ms) & (posterior.grid.meter_class >= 0))
        owners = distinct(network.meters.customer[said])
        owners = owners[owners != ABSENT]
        likely = owners[self.most[owners] > SURE]
        rows: Int32 = without(likely, inside)[:MAX_EXCEPTIONS]
        return rows
