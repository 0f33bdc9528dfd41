"""Splitting a dead part between ties: against brute force on small networks; what measured loads change."""

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.assemble import assemble
from geo.live_grid import LiveGrid
from geo.loading import diversity
from geo.network import Network
from geo.restoration import Restoration, restore
from geo.rows import table
from geo.tracing import find
from tests.geo.live_grids import Row

AMPERE_KVA = 3**0.5 * 10
Choice = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Plant:
    """A line that is lost feeds a tree of places 0, 1, …; ties come from feeders of their own."""

    parent: tuple[int, ...]
    """Of the places 1, 2, …"""
    switched: tuple[bool, ...]
    """Whether a switch leads to them, or a line."""
    line_kva: tuple[float, ...]
    """Rating of what leads to them; 0: unknown."""
    load_kva: tuple[float, ...]
    customers: tuple[int, ...]
    ties: tuple[tuple[int, int, float], ...]
    """(place, feeder, rating; 0: unknown)"""
    feeder_kva: tuple[float, ...]
    """What each feeder may still take."""

    def network(self) -> Network:
        """SUB–CB–L–SW–P0 …, transformers Tn, feeders Gn, ties Kn."""
        nodes, edges = [_node("SUB", "substation"), _node("X", "pole"), _node("Y", "pole")], list[Row]()
        edges += [_edge("CB", "switch", "SUB", "X"), _edge("L", "line", "X", "Y"),
                  _edge("SW", "switch", "Y", "P0")]  # fmt: skip
        meters, customers = list[Row](), list[Row]()
        for place, load in enumerate(self.load_kva):
            nodes += [_node(f"P{place}", "pole"), _node(f"V{place}", "transformer_lv", 0.4)]
            edges.append(_edge(f"T{place}", "transformer", f"P{place}", f"V{place}", kva=load / diversity()))
            for number in range(self.customers[place]):
                name = f"{place}.{number}"
                meters.append({"id": f"M{name}", "node_id": f"V{place}", "customer_id": f"C{name}",
                               "phases": "A", "terminal_id": ""})  # fmt: skip
                customers.append(dict.fromkeys(
                    ("name", "class", "priority", "phone", "address", "grid_id", "access_point_id"), ""
                ) | {"id": f"C{name}"})  # fmt: skip
        for place, parent in enumerate(self.parent, start=1):
            kind = "switch" if self.switched[place - 1] else "line"
            ends = f"P{parent}", f"P{place}"
            edges.append(_edge(f"E{place}", kind, *ends, kva=self.line_kva[place - 1], amperes=True))
        for number, room in enumerate(self.feeder_kva):
            nodes.append(_node(f"F{number}", "pole"))
            edges.append(_edge(f"G{number}", "line", "SUB", f"F{number}", kva=room, amperes=True))
        for number, (place, feeder, rating) in enumerate(self.ties):
            ends = f"F{feeder}", f"P{place}"
            edges.append(_edge(f"K{number}", "switch", *ends, closed=0, kva=rating, amperes=True))
        rows = {"nodes": nodes, "edges": edges, "meters": meters, "customers": customers}
        return assemble({name: table(name, listed) for name, listed in rows.items()}).accepted()

    def best(self) -> tuple[int, int]:
        """Fewest customers missed, then fewest switchings, of all radial choices in which all fits."""
        switches = [place for place in range(1, len(self.load_kva)) if self.switched[place - 1]]
        choices = (
            (ties, opened) for ties in _subsets(range(len(self.ties))) for opened in _subsets(switches)
        )
        return min(worth for choice in choices if (worth := self.worth(choice)) is not None)

    def worth(self, choice: Choice) -> tuple[int, int] | None:
        """None where a loop arises or something is exceeded."""
        ties, opened = choice
        fed, used = set[int](), [0.0] * len(self.feeder_kva)
        for tie in ties:
            place, feeder, rating = self.ties[tie]
            part = self._reached(place, set(opened))
            if part & fed:
                return None
            fed |= part
            load = sum(self.load_kva[each] for each in part)
            used[feeder] += load
            if _over(load, rating) or self._exceeded(place, set(opened)):
                return None
        if any(_over(load, room) for load, room in zip(used, self.feeder_kva, strict=True)):
            return None
        missed = sum(count for place, count in enumerate(self.customers) if place not in fed)
        return missed, len(ties) + len(opened)

    def _around(self, place: int, opened: set[int]) -> list[tuple[int, float]]:
        """Neighbours and the rating of the way there."""
        found = []
        for child, parent in enumerate(self.parent, start=1):
            if child not in opened and place in {child, parent}:
                found.append((parent if place == child else child, self.line_kva[child - 1]))
        return found

    def _reached(self, place: int, opened: set[int], without: int = -1) -> set[int]:
        seen, waiting = {place}, [place]
        while waiting:
            for other, _ in self._around(waiting.pop(), opened):
                if other not in seen and other != without:
                    seen.add(other)
                    waiting.append(other)
        return seen

    def _exceeded(self, place: int, opened: set[int], source: int = -1) -> bool:
        """Whether a line is, when the load flows outwards from this place."""
        for other, rating in self._around(place, opened):
            if other == source:
                continue
            beyond = sum(self.load_kva[each] for each in self._reached(other, opened, without=place))
            if _over(beyond, rating) or self._exceeded(other, opened, place):
                return True
        return False


def _over(load: float, rating: float) -> bool:
    return rating > 0 and load > rating + 1e-6


def _subsets(of: "list[int] | range") -> chain[tuple[int, ...]]:
    return chain.from_iterable(combinations(of, count) for count in range(len(of) + 1))


def _node(name: str, kind: str, voltage_kv: float = 10.0) -> Row:
    return {"id": name, "kind": kind, "name": "", "lon": 1.0, "lat": 1.0, "voltage_kv": voltage_kv}


def _edge(
    name: str, kind: str, start: str, end: str, closed: int = 1, kva: float = 0.0, *, amperes: bool = False
) -> Row:
    return {
        "id": name, "kind": kind, "from_id": start, "to_id": end, "closed": closed, "phases": "ABC",
        "length_m": "", "name": "", "rated_kva": "" if amperes or not kva else kva,
        "rated_a": kva / AMPERE_KVA if amperes and kva else "",
    }  # fmt: skip


LOADS = st.sampled_from([50.0, 100.0, 150.0, 400.0])
RATINGS = st.sampled_from([0.0, 0.0, 120.0, 260.0])
ROOMS = st.sampled_from([60.0, 110.0, 160.0, 260.0, 410.0])


@st.composite
def plants(draw: st.DrawFn, most: int = 5) -> Plant:
    """Small trees whose ties are often too weak for the whole."""
    count, feeders = draw(st.integers(1, most)), draw(st.integers(1, 3))
    place, feeder = st.integers(0, count - 1), st.integers(0, feeders - 1)
    return Plant(
        tuple(draw(st.integers(0, number)) for number in range(count - 1)),
        tuple(draw(st.booleans()) for _ in range(count - 1)),
        tuple(draw(RATINGS) for _ in range(count - 1)),
        tuple(draw(LOADS) for _ in range(count)),
        tuple(draw(st.integers(1, 3)) for _ in range(count)),
        tuple(draw(st.tuples(place, feeder, RATINGS)) for _ in range(draw(st.integers(1, 3)))),
        tuple(draw(ROOMS) for _ in range(feeders)),
    )


def _done(plan: Restoration) -> tuple[int, int]:
    """Customers not brought back by what fits, and its switchings."""
    fitting = [step for step in plan.steps if step.fits is not False]
    customers = len(plan.isolation.after.network.customers)
    back = sum(len(step.customers) for step in fitting)
    return customers - back, sum(1 + len(step.opened) for step in fitting)


@settings(max_examples=300, deadline=None)
@given(plants())
def test_no_choice_of_switches_does_better(plant: Plant) -> None:
    network = plant.network()
    plan = restore(LiveGrid.of(network), find(network, "L"))
    assert _done(plan) == plant.best()
    ids, live = network.edges.ids, plan.isolation.after
    closed, opened = list[int](), list[int]()
    for number, step in enumerate(plan.steps):
        live = live.switched(step.opened, np.array([step.edge]))
        assert not len(live.tree.closing_edges), "radial after every step"
        assert all(earlier < number for earlier in step.needs)
        if step.fits is not False:
            closed.append(int(ids[step.edge][1:]))
            opened += [int(ids[row][1:]) for row in step.opened.tolist()]
    assert plant.worth((tuple(closed), tuple(opened))) == plant.best(), "as it is told, it fits"


TWO = Plant(
    parent=(0, 1), switched=(True, True), line_kva=(0.0, 0.0), load_kva=(200.0, 200.0, 200.0),
    customers=(2, 3, 4), ties=((0, 0, 0.0), (2, 1, 0.0)), feeder_kva=(250.0, 450.0),
)  # fmt: skip


def test_a_part_too_heavy_for_any_tie_is_split() -> None:
    network = TWO.network()
    plan = restore(LiveGrid.of(network), find(network, "L"))
    ids = network.edges.ids
    told = [(ids[step.edge], [ids[row] for row in step.opened], step.fits) for step in plan.steps]
    assert told == [("K0", ["E1"], True), ("K1", [], True)]
    assert [step.needs for step in plan.steps] == [(), (0,)], "the second rests on what the first opened"
    assert not len(plan.left)
    assert (plan.loads.measured, plan.loads.installed, plan.loads.unknown) == (0, 3, 0)


def test_what_was_measured_may_make_a_split_needless() -> None:
    network = TWO.network()
    measured = {network.edge_row["T0"]: 20.0, network.edge_row["T1"]: 30.0}
    asked = list[int]()

    def demand(rows: np.ndarray) -> dict[int, float]:
        asked.extend(rows.tolist())
        return measured

    plan = restore(LiveGrid.of(network), find(network, "L"), demand)
    (step,) = plan.steps
    assert (network.edges.ids[step.edge], step.load_kva, step.fits) == ("K1", 250.0, True)
    assert (step.sources.measured, step.sources.installed) == (2, 1)
    assert sorted(network.edges.ids[row] for row in asked) == ["T0", "T1", "T2"]


@pytest.mark.parametrize("count", [12, 60])
def test_a_long_line_between_two_ties(count: int) -> None:
    """Half from each end; as many sections as a long feeder has."""
    half = count * 50.0 + 1
    plant = Plant(
        tuple(range(count - 1)), (True,) * (count - 1), (0.0,) * (count - 1), (100.0,) * count, (1,) * count,
        ((0, 0, 0.0), (count - 1, 1, 0.0)), (half, half),
    )  # fmt: skip
    network = plant.network()
    plan = restore(LiveGrid.of(network), find(network, "L"))
    assert _done(plan) == (0, 3)
    assert [step.fits for step in plan.steps] == [True, True]
