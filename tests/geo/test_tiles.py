"""Vector tiles, read back by a reader of our own and held against the network."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import mvt
from geo.adapters.csv_folder import read_folder
from geo.cells import Cells
from geo.coordinates import mercator
from geo.mvt import BUFFER, EXTENT, Column
from geo.network import SWITCHING_KINDS, EdgeKind, Network
from geo.tiles import MOST_FEATURES, Points, TileSource, _in_tile
from geo.tracing import Feeding
from tests.geo.vector_tile import Feature, read

pytestmark = pytest.mark.xdist_group("reference-grids")


@pytest.fixture(scope="session")
def tiles(simbench: Network) -> TileSource:
    return TileSource(simbench, Cells.of(simbench))


def _around(network: Network, z: int) -> Iterator[tuple[int, int]]:
    """All tiles of a zoom that the network touches."""
    world = mercator(network.nodes.lon, network.nodes.lat) * 2**z
    low, high = world.min(axis=0).astype(int) - 1, world.max(axis=0).astype(int) + 1
    for x in range(low[0], high[0] + 1):
        for y in range(low[1], high[1] + 1):
            yield int(x), int(y)


def _all(tiles: TileSource, network: Network, layer: str, z: int) -> Iterator[tuple[int, int, Feature]]:
    for x, y in _around(network, z):
        tile = tiles.tile(layer, z, x, y)
        assert tile is not None
        if tile:
            name, features = read(tile)
            assert name == layer
            for feature in features:
                yield x, y, feature


def test_every_customer_is_in_exactly_one_tile(tiles: TileSource, simbench: Network) -> None:
    seen = {}
    world = mercator(simbench.nodes.lon, simbench.nodes.lat)
    home = np.empty(len(simbench.customers), np.int32)
    home[simbench.meters.customer] = simbench.meters.node
    for x, y, feature in _all(tiles, simbench, "customers", 15):
        assert feature.id not in seen
        seen[feature.id] = feature
        ((px, py),) = feature.parts[0]
        expected = world[home[feature.id]] * 2**15
        assert math.dist((x + px / EXTENT, y + py / EXTENT), expected) < 1.5 / EXTENT
        assert feature.properties["element"] == simbench.customers.ids[feature.id]
    assert len(seen) == len(simbench.customers)
    assert {feature.properties["priority"] for feature in seen.values()} == {"normal", "vulnerable", "key"}


def test_lines_carry_their_row_and_run_between_their_ends(tiles: TileSource, simbench: Network) -> None:
    world = mercator(simbench.nodes.lon, simbench.nodes.lat)
    ends = world[simbench.edges.from_node], world[simbench.edges.to_node]
    seen = set()
    for x, y, feature in _all(tiles, simbench, "lines", 16):
        seen.add(feature.id)
        assert feature.properties["element"] == simbench.edges.ids[feature.id]
        assert feature.properties["level"] in {"hv", "mv", "lv"}
        for px, py in feature.parts[0]:
            assert min(px, py) >= -BUFFER
            assert max(px, py) <= EXTENT + BUFFER
            at = np.array([x + px / EXTENT, y + py / EXTENT]) / 2**16
            first, second = ends[0][feature.id], ends[1][feature.id]
            detour = math.dist(first, at) + math.dist(at, second) - math.dist(first, second)
            assert detour < 3 / EXTENT / 2**16
    length = np.hypot(*(ends[0] - ends[1]).T)
    assert set(np.flatnonzero(length > 2 / EXTENT / 2**16).tolist()) <= seen


def test_low_voltage_joins_when_it_can_be_seen(tiles: TileSource, simbench: Network) -> None:
    levels = {z: {f.properties["level"] for _x, _y, f in _all(tiles, simbench, "lines", z)} for z in (10, 13)}
    assert levels[10] <= {"hv", "mv"}
    assert "lv" in levels[13]


def test_transformers_tell_whom_they_feed(tiles: TileSource, simbench: Network) -> None:
    feeding = Feeding.normal(simbench)
    seen = {f.id: f.properties for _x, _y, f in _all(tiles, simbench, "transformers", 12)}
    assert set(seen) == set(np.flatnonzero(simbench.edges.kind == EdgeKind.TRANSFORMER).tolist())
    assert sum(found["kind"] == "dedicated" for found in seen.values()) == 6
    position = {int(edge): at for at, edge in enumerate(feeding.tree.edge)}
    for row, found in seen.items():
        assert found["customers"] == feeding.customers_through[position[row]]
        assert found["name"] == simbench.edges.name[row]


def test_switches_show_their_position_and_stand_apart(tiles: TileSource, simbench: Network) -> None:
    seen = {}
    places = []
    for x, y, feature in _all(tiles, simbench, "switches", 16):
        seen[feature.id] = feature.properties
        places.append((x * EXTENT + feature.parts[0][0][0], y * EXTENT + feature.parts[0][0][1]))
    switching = np.isin(simbench.edges.kind, [int(kind) for kind in SWITCHING_KINDS])
    assert set(seen) == set(np.flatnonzero(switching).tolist())
    assert all(found["closed"] == simbench.edges.closed[row] for row, found in seen.items())
    assert len(set(places)) > 0.9 * len(places)


def test_areas_count_every_customer_once(tiles: TileSource, simbench: Network) -> None:
    for z in (5, 9, 12):
        counts = [f.properties["customers"] for _x, _y, f in _all(tiles, simbench, "areas", z)]
        assert sum(counts) == len(simbench.customers)
    assert not any(True for _ in _all(tiles, simbench, "areas", 13))


def test_cells_are_polygons_that_do_not_overlap(tiles: TileSource, simbench: Network) -> None:
    cells = Cells.of(simbench)
    names = set()
    area = 0.0
    for _x, _y, feature in _all(tiles, simbench, "cells", 11):
        names.add(feature.properties["name"])
        assert feature.properties["grid_id"] == cells.ids[feature.id]
        outer = _area(feature.parts[0])
        assert outer > 0
        assert all(_area(hole) < 0 for hole in feature.parts[1:])
        assert all(part[0] == part[-1] for part in feature.parts)
        area += outer
    assert names == set(cells.names)


def _area(ring: list[tuple[int, int]]) -> float:
    pairs = pairwise(ring)
    return sum(first[0] * second[1] - second[0] * first[1] for first, second in pairs) / 2


def test_what_does_not_exist_is_none_and_what_is_empty_is_nothing(tiles: TileSource) -> None:
    assert tiles.tile("roads", 3, 1, 1) is None
    assert tiles.tile("lines", 3, 8, 0) is None
    assert tiles.tile("lines", -1, 0, 0) is None
    assert tiles.tile("lines", 21, 0, 0) is None
    for layer in ("lines", "switches", "transformers", "customers", "cells", "areas"):
        assert tiles.tile(layer, 14, 3, 3) == b""


def test_a_network_without_coordinates_has_empty_tiles(folder: Path) -> None:
    lines = (folder / "nodes.csv").read_text(encoding="utf-8").splitlines()
    bare = [",".join([*line.split(",")[:3], "", "", *line.split(",")[5:]]) for line in lines[1:]]
    (folder / "nodes.csv").write_text("\n".join([lines[0], *bare]), encoding="utf-8")
    network = read_folder(folder).accepted()
    source = TileSource(network, Cells.of(network))
    for layer in ("lines", "switches", "transformers", "customers", "cells", "areas"):
        assert source.tile(layer, 0, 0, 0) == b""


def test_a_small_network_is_on_the_map(folder: Path) -> None:
    network = read_folder(folder).accepted()
    source = TileSource(network, Cells.of(network))
    x, y = (int(at) for at in mercator(np.array([116.01]), np.array([39.0]))[0] * 2**14)
    for layer in ("lines", "switches", "transformers", "customers", "cells"):
        tile = source.tile(layer, 14, x, y)
        assert tile
        assert read(tile)[1]


def test_known_courses_bend_and_break_at_the_edge(oberrhein: Network) -> None:
    source = TileSource(oberrhein, Cells.of(oberrhein))
    bent = [f for _x, _y, f in _all(source, oberrhein, "lines", 14) if len(f.parts[0]) > 2]
    assert len(bent) > 50


def test_of_too_many_points_the_important_stay() -> None:
    count = MOST_FEATURES + 5000
    places = np.random.default_rng(3).random((count, 2))
    importance = np.zeros(count, np.int8)
    importance[::100] = 2
    points = Points(places, np.arange(count, dtype=np.int32))
    rows, at = _in_tile(points, 0, 0, 0, importance)
    assert len(rows) == MOST_FEATURES
    assert set(range(0, count, 100)) <= set(rows.tolist())
    quarter = at // (EXTENT // 4)
    assert np.bincount(quarter[:, 0] * 4 + quarter[:, 1]).min() > MOST_FEATURES / 16 * 0.9


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**28 - 1), st.integers(-BUFFER, EXTENT + BUFFER), st.text(max_size=5)),
        min_size=1,
        max_size=30,
    ),
    st.integers(2, 5),
)
def test_whatever_is_written_is_read_again(rows: list[tuple[int, int, str]], vertices: int) -> None:
    ids = np.array([row[0] for row in rows], np.int32)
    rng = np.random.default_rng(abs(hash(tuple(rows))) % 2**32)
    course = rng.integers(-BUFFER, EXTENT + BUFFER, (len(rows), vertices, 2)).astype(np.int32)
    each = np.arange(len(rows), dtype=np.int32)
    columns = [
        Column("text", [row[2] for row in rows], each),
        Column("number", [abs(row[1]) for row in rows], each),
        Column("flag", (False, True), each % 2),
    ]
    layer = mvt.Layer("test")
    layer.add(mvt.LINE, ids, mvt.lines(course), columns)
    name, features = read(layer.encoded())
    assert name == "test"
    assert [feature.id for feature in features] == ids.tolist()
    for at, feature in enumerate(features):
        assert feature.parts == [[tuple(point) for point in course[at].tolist()]]
        assert feature.properties == {"text": rows[at][2], "number": abs(rows[at][1]), "flag": bool(at % 2)}
