"""The crosswalk of foreign ids over HTTP: everybody sees what names things of their grid cells."""

import shutil
from pathlib import Path

import pytest

from geo.adapters.csv_folder import read_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from tests.field_api.world import START_MS, World, make_world, write_network

ROWS = """system,foreign_id,own_id,from,to
marketing,1001,M1,,2026-06-01
marketing,1002,M1,2026-06-01,
marketing,1003,M3,,
pms,T-77,T1,,
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, template: Path) -> World:
    folder = tmp_path_factory.mktemp("identifiers")
    prepared = folder / "prepared"
    shutil.copytree(template, prepared)
    write_network(prepared / "network")
    (prepared / "network" / "identifiers.csv").write_text(ROWS, encoding="utf-8")
    network = read_folder(prepared / "network").accepted()
    store = SqlNetworkStore(open_database(str(prepared / "var"), "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 1, START_MS, "crosswalk"))
    return make_world(folder / "world", template=prepared)


@pytest.mark.parametrize(
    ("query", "foreign"),
    [
        ("", ["1001", "1002", "1003", "T-77"]),
        ("own_id=M1", ["1001", "1002"]),
        ("foreign_id=1003", ["1003"]),
        ("system=pms", ["T-77"]),
        ("foreign_id=1003&system=pms", []),
        ("foreign_id=nobody", []),
    ],
)
def test_foreign_ids_are_found_by_system_and_either_name(
    world: World, query: str, foreign: list[str]
) -> None:
    page = world.log_in("dispatcher").get(f"/api/v1/network/identifiers?{query}").get_json()
    assert [item["foreign_id"] for item in page["items"]] == foreign


def test_an_exchange_is_two_spans_of_one_meter(world: World) -> None:
    page = world.log_in("dispatcher").get("/api/v1/network/identifiers?own_id=M1").get_json()
    assert [(item["valid_from"], item["valid_to"], item["grid_id"]) for item in page["items"]] == [
        ("", "2026-06-01", "G1"), ("2026-06-01", "", "G1"),
    ]  # fmt: skip


def test_pages_hold_what_is_of_ones_cells_and_follow_each_other(world: World) -> None:
    crew = world.log_in("crew-01")
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        page = crew.get(f"/api/v1/network/identifiers?limit=1{cursor}").get_json()
        found.extend(item["foreign_id"] for item in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["1001", "1002", "T-77"]


def test_what_a_system_does_not_name_is_listed_by_area(world: World) -> None:
    everybody = world.log_in("dispatcher").get("/api/v1/network/identifiers/unmatched").get_json()["items"]
    assert {(item["system"], item["kind"], item["area"]): item["elements"] for item in everybody} == {
        ("marketing", "meters", "T1"): ["M2"],
        ("marketing", "meters", "T2"): ["M4"],
        ("pms", "transformers", "T2"): ["T2"],
    }
    mine = world.log_in("crew-01").get("/api/v1/network/identifiers/unmatched?system=marketing").get_json()
    assert [(item["area"], item["count"], item["of"]) for item in mine["items"]] == [("T1", 1, 2)]
