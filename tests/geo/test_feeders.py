"""Which feeder everything belongs to."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from geo.adapters.csv_folder import read_folder
from geo.areas import Areas
from geo.feeders import feeders_of
from geo.network import ABSENT, Network

NODES = """id,kind,name,lon,lat,voltage_kv
S1,substation,,,,110
J0,junction,,,,110
BB,busbar,,,,10
J1,pole,,,,10
J2,pole,,,,10
J3,pole,,,,10
J4,pole,,,,10
L1,transformer_lv,,,,0.4
L2,transformer_lv,,,,0.4
L3,transformer_lv,,,,0.4
X1,pole,,,,10
"""
EDGES = """id,kind,from_id,to_id,closed,phases,length_m,name
HV1,line,S1,J0,1,,,
MT1,transformer,J0,BB,1,,,
CB1,breaker,BB,J1,1,,,
LN1,line,J1,J2,1,,,
SW1,switch,J2,J3,0,,,
T1,transformer,J2,L1,1,,,
LN2,line,BB,J4,1,,,
T2,transformer,J4,L2,1,,,
T3,transformer,J3,L3,1,,,
TIE,switch,J2,J4,0,,,
"""
METERS = """id,node_id,customer_id,phases,terminal_id
M1,L1,C1,,
M2,L2,C2,,
M3,L3,C3,,
"""


@pytest.fixture
def two_feeders(tmp_path: Path) -> Network:
    columns = "id,name,class,priority,phone,address,grid_id,access_point_id"
    customers = "\n".join([columns, *(f"C{number},,,,,,," for number in range(1, 5))]) + "\n"
    files = {"nodes": NODES, "edges": EDGES, "meters": METERS, "customers": customers}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return read_folder(tmp_path).accepted()


def _named(network: Network, table: str) -> Mapping[str, str]:
    feeders = feeders_of(network)
    return {key: feeders.name(table, row) for row, key in enumerate(getattr(network, table).ids)}


def test_a_feeder_begins_with_the_first_switch_below_the_busbar_or_the_line_without_one(
    two_feeders: Network,
) -> None:
    assert feeders_of(two_feeders).ids == ("CB1", "LN2")
    assert _named(two_feeders, "nodes") == {
        "S1": "", "J0": "", "BB": "", "J1": "CB1", "J2": "CB1", "J4": "LN2", "L1": "CB1", "L2": "LN2",
        "J3": "CB1", "L3": "CB1", "X1": "",
    }  # fmt: skip


def test_edges_belong_where_they_feed_and_open_ones_where_they_begin(two_feeders: Network) -> None:
    edges = _named(two_feeders, "edges")
    assert {edge for edge, feeder in edges.items() if feeder == "CB1"} == {
        "CB1", "LN1", "SW1", "T1", "T3", "TIE",
    }  # fmt: skip
    assert edges["HV1"] == edges["MT1"] == ""


def test_a_part_without_supply_belongs_to_the_feeder_that_a_switch_would_join(two_feeders: Network) -> None:
    assert _named(two_feeders, "meters")["M3"] == "CB1"
    assert _named(two_feeders, "customers") == {"C1": "CB1", "C2": "LN2", "C3": "CB1", "C4": ""}


def test_every_meter_of_a_reference_grid_has_one(oberrhein: Network) -> None:
    feeders = feeders_of(oberrhein)
    assert len(feeders.ids) == 4
    assert (feeders.of("meters") != ABSENT).all()
    assert np.bincount(feeders.of("meters")).tolist() == [31, 33, 28, 55]


def test_areas_are_the_last_transformer_above_supplied_or_not(two_feeders: Network) -> None:
    areas = Areas(two_feeders)
    ids = [two_feeders.edges.ids[row] for row in areas.of_meter]
    assert ids == ["T1", "T2", "T3"]
    assert areas.of_node[two_feeders.node_row["J1"]] == ABSENT
