"""Lines without node ids, joined by where their ends lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.joining import Drawing, Joined, join

METRE = 1 / 111_194.9


def _drawing(
    lines: list[tuple[tuple[float, float], tuple[float, float]]],
    nodes: dict[str, tuple[float, float]] | None = None,
    devices: dict[str, tuple[float, float]] | None = None,
    transformers: frozenset[str] = frozenset(),
    kv: list[float] | None = None,
) -> Drawing:
    """Places in metres north and east of a point on the equator, where a degree is the same both ways."""
    nodes, devices = nodes or {}, devices or {}
    nowhere = [(np.nan, np.nan)]
    count = len(lines) + len(devices)
    ids = (*(f"L{row}" for row in range(len(lines))), *devices)
    return Drawing(
        node_ids=tuple(nodes),
        node_at=np.array(list(nodes.values()), np.float64).reshape(-1, 2) * METRE,
        edge_ids=ids,
        begin=np.array([a for a, _ in lines] + nowhere * len(devices)).reshape(-1, 2) * METRE,
        end=np.array([b for _, b in lines] + nowhere * len(devices)).reshape(-1, 2) * METRE,
        device_at=np.array(nowhere * len(lines) + list(devices.values())).reshape(-1, 2) * METRE,
        transformer=np.array([name in transformers for name in ids]),
        voltage_kv=np.array((kv or [10.0] * len(lines)) + [np.nan] * (count - len(lines))),
    )


def _ends(joined: Joined) -> list[tuple[str, str]]:
    return list(zip(joined.from_ids, joined.to_ids, strict=True))


def test_ends_join_the_node_they_lie_at() -> None:
    joined = join(_drawing([((0.2, 0), (100, 0))], {"S": (0, 0), "P": (100, 0.3)}), 0.5)
    assert _ends(joined) == [("S", "P")]
    assert not joined.nodes
    assert [(edge, round(away, 1)) for edge, away in joined.moved] == [(0, 0.2), (0, 0.3)]


def test_ends_that_meet_become_one_junction() -> None:
    lines = [((0.0, 0.0), (50.0, 0.0)), ((50.1, 0.0), (90.0, 0.0)), ((50.0, 0.1), (50.0, 80.0))]
    joined = join(_drawing(lines, {"S": (0, 0)}), 0.5)
    met = {joined.to_ids[0], joined.from_ids[1], joined.from_ids[2]}
    assert len(met) == 1
    assert len(joined.nodes) == 3
    assert {loose.edge for loose in joined.loose} == {1, 2}


def test_a_loose_end_names_what_is_nearest() -> None:
    joined = join(_drawing([((0, 0), (50, 0)), ((53, 0), (90, 0))], {"S": (0, 0)}), 0.5)
    told = {(loose.edge, loose.near, round(loose.distance_m)) for loose in joined.loose}
    assert (0, "L1", 3) in told
    assert (1, "L0", 3) in told


def test_a_switch_parts_the_lines_at_it() -> None:
    joined = join(_drawing([((0, 0), (50, 0)), ((50, 0), (90, 0))], {"S": (0, 0)}, {"K": (50, 0.1)}), 0.5)
    ends = dict(zip(("L0", "L1", "K"), _ends(joined), strict=True))
    assert ends["K"] == ("K-1", "K-2")
    assert (ends["L0"][1], ends["L1"][0]) == ("K-1", "K-2")
    assert not joined.guessed


def test_a_third_line_at_a_switch_is_a_guess_and_told() -> None:
    lines = [((50.0, 0.0), (90.0, 0.0)), ((0.0, 0.0), (50.0, 0.0)), ((50.0, 0.0), (50.0, 60.0))]
    joined = join(_drawing(lines, {"S": (0, 0)}, {"K": (50, 0)}), 0.5)
    assert joined.guessed == [(3, 0, 3)]


def test_a_transformer_parts_by_voltage() -> None:
    lines = [((60.0, 0.0), (50.0, 0.0)), ((0.0, 0.0), (50.0, 0.0)), ((50.0, 0.0), (50.0, 20.0))]
    drawing = _drawing(lines, {"S": (0, 0)}, {"T": (50, 0)}, frozenset({"T"}), [0.4, 10.0, 0.4])
    joined = join(drawing, 0.5)
    assert (joined.to_ids[0], joined.to_ids[1], joined.from_ids[2]) == ("T-2", "T-1", "T-2")
    low = next(node for node in joined.nodes if node.id == "T-2")
    assert (low.kind, low.voltage_kv) == ("transformer_lv", 0.4)


@pytest.mark.parametrize("tolerance_m", [0.2, 5.0])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25), st.integers(0, 9))
def test_a_drawn_grid_is_joined_as_it_was_drawn(
    tolerance_m: float, pairs: list[tuple[int, int]], seed: int
) -> None:
    """Places 100 m apart, ends up to 0.05 m off: lines that share a place share a node, no others do."""
    rng = np.random.default_rng(seed)
    places = [(100.0 * (number % 3), 100.0 * (number // 3)) for number in range(7)]

    def near(number: int) -> tuple[float, float]:
        east, north = rng.uniform(-0.05, 0.05, 2)
        return places[number][0] + east, places[number][1] + north

    joined = join(_drawing([(near(a), near(b)) for a, b in pairs]), tolerance_m)
    node_of: dict[int, set[str]] = {}
    for (a, b), (first, second) in zip(pairs, _ends(joined), strict=True):
        node_of.setdefault(a, set()).add(first)
        node_of.setdefault(b, set()).add(second)
    assert all(len(names) == 1 for names in node_of.values())
    assert len(set().union(*node_of.values())) == len(node_of)
