"""One block of nights on one grid under one condition: every contestant is asked at every instant."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Final

import numpy as np

from benchmarks.accuracy.conditions import Condition
from benchmarks.accuracy.contestants import Answer, Contestant, Method
from benchmarks.accuracy.exact import ExactTree
from benchmarks.accuracy.grids import Grid, load
from benchmarks.accuracy.informed import MOST_FAULTS, places_dead
from benchmarks.accuracy.nights import Night, Place, draw_night
from benchmarks.accuracy.rules import NearestCommonAncestor, threshold_rules
from benchmarks.accuracy.scoring import FOUND_SHARE, Recorded, Tally, size_class
from geo.network import Bool, Float64, Network
from telemetry.calibration import one_a_band, paired

BY_RECORD: Final = "by record"
PHYSICAL: Final = "physical"

Score = tuple[str, str, float, str, str]
"""Grid, condition, instant, contestant, truth."""


@dataclass(frozen=True, slots=True)
class Block:
    grid: Grid
    condition: Condition
    first: int
    stop: int
    seed: int
    methods: tuple[str, ...] = ()
    """Further contestants as ``package.module:factory``."""
    instants_s: tuple[float, ...] = ()
    """Only these instants; all of the condition where empty."""


@dataclass(slots=True)
class Outcome:
    """What came of some blocks; outcomes of several are merged."""

    scores: dict[Score, Tally] = field(default_factory=lambda: defaultdict(Tally))
    sizes: dict[tuple[str, str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    """By condition, size class and truth, at the condition's main instant: the exact tree."""
    detected: dict[tuple[str, str], list[tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By condition and contestant: customers of a fault, and the first instant at which it was found."""
    customers: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))
    """By condition: P(out) of one customer per night and band at one instant, and whether they were."""
    elements: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))
    """By condition: P(the element) of one element named per night and band, and whether exactly its customers
    were struck."""
    reach: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    """By condition and truth, at its main instant: one who knows each fault of which a word has come."""
    bound: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    """The same of one who knows all but what was silent, and the law of the faults."""

    def merge(self, other: "Outcome") -> None:
        for score, tally in other.scores.items():
            self.scores[score].merge(tally)
        for size, tally in other.sizes.items():
            self.sizes[size].merge(tally)
        for key, found in other.detected.items():
            self.detected[key].extend(found)
        for own, others in ((self.reach, other.reach), (self.bound, other.bound)):
            for judged, tally in others.items():
                own[judged].merge(tally)
        for mine, theirs in ((self.customers, other.customers), (self.elements, other.elements)):
            for condition, said in theirs.items():
                mine[condition].extend(said)

    def freeze(self) -> "Outcome":
        """Without the factories, which cannot be sent to another process."""
        return Outcome(
            dict(self.scores), dict(self.sizes), dict(self.detected), dict(self.customers),
            dict(self.elements), dict(self.reach), dict(self.bound),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A grid with its contestants, ready."""

    place: Place
    recorded: Recorded
    contestants: tuple[Contestant, ...]


@lru_cache(maxsize=1)
def stage(grid: Grid, methods: tuple[str, ...] = ()) -> Stage:
    network = load(grid)
    place = Place(str(grid), network)
    return Stage(place, Recorded(place.supply), tuple(contestants(network, methods)))


def contestants(network: Network, methods: Iterable[str] = ()) -> Iterable[Contestant]:
    yield ExactTree(network)
    for name in methods:
        module, _, factory = name.partition(":")
        method: Method = getattr(import_module(module), factory)
        yield method(network)
    yield NearestCommonAncestor.on(network)
    yield from threshold_rules(network)


def run_block(block: Block) -> Outcome:
    """All nights of the block."""
    ready, outcome = stage(block.grid, block.methods), Outcome()
    for number in range(block.first, block.stop):
        night = draw_night(ready.place, block.condition, block.seed, number)
        _note_reachable(outcome, block.condition, night)
        if block.condition.faults[1] <= MOST_FAULTS:
            _note_bound(outcome, ready.place, block.condition, night)
        instants_s = block.instants_s or block.condition.instants_s
        rng = np.random.default_rng((block.seed, number, len(night.dead)))
        asked_s = instants_s[int(rng.integers(len(instants_s)))]
        for contestant in ready.contestants:
            found_s = np.full(len(night.faults), np.inf)
            for at_s in instants_s:
                answer = contestant.answer(night.signals.heard(at_s))
                _score(outcome, ready, block, contestant.name, night, answer, at_s)
                _note_found(found_s, night, answer, at_s)
                if at_s == asked_s:
                    _note_probabilities(outcome, ready, block.condition.name, night, answer, rng)
            outcome.detected[block.condition.name, contestant.name].extend(
                (len(meters), float(at_s)) for meters, at_s in zip(night.below, found_s, strict=True)
            )
    return outcome.freeze()


def _note_reachable(outcome: Outcome, condition: Condition, night: Night) -> None:
    """What nobody can do much better than: knows exactly the faults below which any last gasp has arrived.

    Of customers whose own words contradict their place it believes the words, and knows the false alarms.
    """
    arrived = night.signals.meter_off.received_s <= condition.judged_s
    places = np.zeros(len(night.dead), dtype=np.bool_)
    for meters in night.below:
        places[meters] = np.any(arrived[meters])
    _note_places(outcome.reach, condition, night, places)


def _note_bound(outcome: Outcome, place: Place, condition: Condition, night: Night) -> None:
    """What nobody can do better than, but for luck; customers as ``_note_reachable``, by their own words."""
    _note_places(outcome.bound, condition, night, places_dead(place, condition, night))


def _note_places(
    tallies: dict[tuple[str, str], Tally], condition: Condition, night: Night, places: Bool
) -> None:
    """By record the places; physically without who has spoken since, and with whose true last gasp came."""
    arrived = night.signals.meter_off.received_s <= condition.judged_s
    lives = night.signals.meter_alive.received_s <= condition.judged_s
    tallies[condition.name, BY_RECORD].add(places, night.dead_by_record)
    tallies[condition.name, PHYSICAL].add((places & ~lives) | (arrived & night.dead), night.dead)


def _score(
    outcome: Outcome, ready: Stage, block: Block, name: str, night: Night, answer: Answer, at_s: float
) -> None:
    condition = block.condition
    key = (ready.place.name, condition.name, at_s, name)
    tally = outcome.scores[*key, BY_RECORD]
    tally.add(answer.places_out, night.dead_by_record)
    outcome.scores[*key, PHYSICAL].add(answer.customers_out, night.dead)
    hits = [ready.recorded.hit(meters, answer.elements) for meters in night.below]
    tally.hits += sum(hits)
    tally.faults += len(hits)
    if at_s == condition.judged_s and name == ExactTree.name and hits:
        largest = size_class(max(len(meters) for meters in night.below))
        outcome.sizes[condition.name, largest, BY_RECORD].add(answer.places_out, night.dead_by_record)
        outcome.sizes[condition.name, largest, PHYSICAL].add(answer.customers_out, night.dead)
        for meters, hit in zip(night.below, hits, strict=True):
            own = outcome.sizes[condition.name, size_class(len(meters)), BY_RECORD]
            own.faults += 1
            own.hits += hit


def _note_found(found_s: Float64, night: Night, answer: Answer, at_s: float) -> None:
    for number, meters in enumerate(night.below):
        if np.mean(answer.places_out[meters]) >= FOUND_SHARE:
            found_s[number] = min(found_s[number], at_s)


def _note_probabilities(
    outcome: Outcome, ready: Stage, condition: str, night: Night, answer: Answer, rng: np.random.Generator
) -> None:
    if (said := answer.customer_probability) is not None:
        outcome.customers[condition] += paired(said, night.dead, one_a_band(said, rng))
    if (said := answer.element_probability) is not None:
        right = ready.recorded.any_exact(answer.elements, night.below)
        outcome.elements[condition] += paired(said, right, one_a_band(said, rng))


def blocks(
    grids: Sequence[Grid], conditions: Sequence[Condition], scenarios: int, seed: int, methods: Sequence[str]
) -> list[Block]:
    """All work, grid by grid, so that a process rarely changes the grid."""
    return [
        Block(grid, condition, 0, scenarios, seed, tuple(methods))
        for grid in grids
        for condition in conditions
    ]
