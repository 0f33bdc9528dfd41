"""What is exported comes back: the same network, or a listed difference (INT-03)."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.adapters.cim import read_cim
from geo.adapters.cim_export import write_cim
from geo.adapters.csv_folder import read_folder
from geo.adapters.gis import read_gis
from geo.adapters.gis_export import write_geopackage, write_shapefiles
from geo.adapters.sources import read_source
from geo.adapters.targets import FORMATS, format_of, write_network
from geo.differences import differences
from geo.feeders import feeders_of
from geo.network import Network
from geo.tree import energise
from tests.geo.conftest import FILES

pytestmark = pytest.mark.xdist_group("reference-grids")
TARGET = {"csv": "out", "geojson": "out", "shp": "out", "gpkg": "out.gpkg", "cim": "out.xml"}


@pytest.mark.parametrize("form", TARGET)
def test_a_small_network_comes_back_as_it_was(folder: Path, tmp_path: Path, form: str) -> None:
    network = read_folder(folder).accepted()
    target = tmp_path / "to" / TARGET[form]
    target.parent.mkdir()
    assert write_network(network, target, form) == ()
    assembled = read_source(str(target))
    assert assembled.findings == ()
    assert assembled.accepted().content_hash == network.content_hash


@pytest.mark.parametrize("form", ["geojson", "gpkg", "cim"])
def test_a_reference_grid_comes_back_as_it_was(oberrhein: Network, tmp_path: Path, form: str) -> None:
    target = tmp_path / TARGET[form]
    assert write_network(oberrhein, target, form) == ()
    assert read_source(str(target)).accepted().content_hash == oberrhein.content_hash


def test_what_shapefiles_cannot_hold_is_listed(oberrhein: Network, tmp_path: Path) -> None:
    lost = write_shapefiles(oberrhein, tmp_path / "shp")
    found = differences(oberrhein, read_source(str(tmp_path / "shp")).accepted())
    changed = list(found.tables["edges"].changed)
    assert len(found) == len(changed)
    assert {f"edges.path of {change.id}: two vertices only" for change in changed} == set(lost)
    assert all(set(change.fields) == {"path"} for change in changed)


@pytest.mark.parametrize("form", TARGET)
def test_an_export_replaces_the_one_before(
    folder: Path, oberrhein: Network, tmp_path: Path, form: str
) -> None:
    small, target = read_folder(folder).accepted(), tmp_path / "to" / TARGET[form]
    target.parent.mkdir()
    write_network(oberrhein, target, form)
    write_network(small, target, form)
    assert read_source(str(target)).accepted().content_hash == small.content_hash


def test_pandapower_keeps_what_is_connected(oberrhein: Network, tmp_path: Path) -> None:
    lost = write_network(oberrhein, tmp_path / "net.json", "pandapower")
    assert any(line.startswith("terminals, sensors, customers") for line in lost)
    assembled = read_source(f"pandapower:{tmp_path / 'net.json'}")
    assert [found.place for found in assembled.findings if found.rule == "made-up"] == ["net.json"]
    back = assembled.accepted()
    assert (len(back.nodes), len(back.edges), len(back.meters)) == (
        len(oberrhein.nodes), len(oberrhein.edges), len(oberrhein.meters),
    )  # fmt: skip
    assert sorted(np.bincount(feeders_of(back).of("meters"))) == sorted(
        np.bincount(feeders_of(oberrhein).of("meters"))
    )
    assert len(energise(back)) == len(energise(oberrhein))


def test_three_windings_become_a_node_with_three_edges() -> None:
    network = read_source("pandapower:example_multivoltage").accepted()
    ends = [row for row, name in enumerate(network.edges.ids) if name.startswith("TW0")]
    assert [network.edges.ids[row] for row in ends] == ["TW0HV", "TW0MV", "TW0LV"]
    assert {network.nodes.ids[network.edges.from_node[row]] for row in ends} == {"TW0"}
    assert network.nodes.voltage_kv[network.node_row["TW0"]] == 110.0
    assert len(energise(network)) == len(network.nodes)


def test_places_in_plain_metres_are_told_and_not_drawn() -> None:
    assembled = read_source("pandapower:ieee_european_lv_asymmetric")
    assert assembled.findings[0].rule == "coordinates-not-read"
    network = assembled.accepted()
    assert np.isnan(network.nodes.lon).all()
    assert len(network.meters) == 55


def test_formats_follow_from_paths() -> None:
    told = {name: format_of(Path(name)) for name in ("a", "a.gpkg", "a.xml", "a.json", "a.shp")}
    assert told == {"a": "csv", "a.gpkg": "gpkg", "a.xml": "cim", "a.json": "pandapower", "a.shp": "shp"}
    assert set(told.values()) < set(FORMATS)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).map(str.strip)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS, note=TEXTS, address=TEXTS, lon=st.floats(73, 135), lat=st.floats(18, 53))
def test_any_text_and_place_survives(
    tmp_path_factory: pytest.TempPathFactory, name: str, note: str, address: str, lon: float, lat: float
) -> None:
    network = _with_texts(tmp_path_factory.mktemp("texts"), name, note, address, lon, lat)
    folder = tmp_path_factory.mktemp("out")
    write_cim(network, folder / "out.xml")
    assert read_cim(folder / "out.xml").accepted().content_hash == network.content_hash
    write_geopackage(network, folder / "out.gpkg")
    assert read_gis(folder / "out.gpkg").accepted().content_hash == network.content_hash


def _with_texts(folder: Path, name: str, note: str, address: str, lon: float, lat: float) -> Network:
    name, note, address = (f'"{text.replace(chr(34), chr(34) * 2)}"' for text in (name, note, address))
    texts = dict(FILES)
    texts["nodes.csv"] = texts["nodes.csv"].replace(
        "东站,116.0,39.0,10,x", f"{name},{lon!r},{lat!r},10,{note}"
    )
    texts["customers.csv"] = texts["customers.csv"].replace("一号院", address)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8", newline="")
    return read_folder(folder).accepted()
