"""Mappings: what is wrong with one is told by place, and nothing that they do not name is lost."""

import tomllib
from pathlib import Path

import pytest

from geo.adapters.sources import Reading, read_source
from geo.coordinate_systems import UnknownSystem, coordinate_system
from geo.mapping import BadMapping, LayerMapping, mapped, source_mapping
from geo.report import Report
from geo.rows import Table

LAYER = '[[layers]]\ntable = "nodes"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "layers"),
        ("layers = []", "no layers"),
        ('[[layers]]\ntable = "nods"', "layers[0].table is 'nods', expected nodes"),
        (LAYER + 'colums = { id = "X" }', "unknown field `colums` - at `$.layers[0]`"),
        ("tolerance_m = 0\n" + LAYER, "tolerance_m is 0, expected above 0 up to 50"),
        ("tolerance_m = 51\n" + LAYER, "tolerance_m is 51"),
        ('crs = "gcj03"\n' + LAYER, "crs is 'gcj03', expected wgs84, cgcs2000, gcj02"),
        (LAYER + 'crs = "cgcs2000-gk3:24"', "expected a zone from 25 to 45"),
        (LAYER + 'columns = { id = "A" }\nconstants = { id = "B" }', "stand in columns and in constants"),
        (LAYER + 'courses = "some"', "courses"),
        (LAYER + 'encoding = "GBX"', "layers[0].encoding is 'GBX', expected one such as UTF-8 or GBK"),
    ],
)
def test_a_bad_mapping_names_the_place_and_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(BadMapping) as told:
        source_mapping(tomllib.loads(text))
    assert expected in str(told.value)


@pytest.mark.parametrize(
    ("name", "epsg", "meridian", "shifted"),
    [
        ("wgs84", 4326, None, False),
        ("GCJ02", 4326, None, True),
        ("cgcs2000-gk3:39", 4527, 117.0, False),
        ("cgcs2000-gk3:117E", 4548, 117.0, False),
        ("EPSG:4527", 4527, 117.0, False),
        ("EPSG:3857", 3857, None, False),
    ],
)
def test_coordinate_systems_by_name(name: str, epsg: int, meridian: float | None, shifted: bool) -> None:
    found = coordinate_system(name)
    assert (found.epsg, found.meridian_deg, found.shifted) == (epsg, meridian, shifted)


@pytest.mark.parametrize("name", ["", "beijing54", "cgcs2000-gk3:118E", "cgcs2000-gk3:9", "EPSG:"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownSystem, match="expected"):
        coordinate_system(name)


def test_rows_are_renamed_translated_and_counted_where_skipped() -> None:
    source = Table("x.csv", {"A": ("1", "2", "3"), "K": ("杆", "字", "塔"), "Z": ("a", "b", "c")}, (2, 3, 4))
    layer = LayerMapping(
        table="nodes", columns={"id": "A", "kind": "K"}, values={"kind": {"杆": "pole"}}, skip={"K": ("字",)}
    )
    report = Report()
    found = mapped(layer, source, report)
    assert dict(found.columns) | {"id": ("1", "3"), "kind": ("pole", "塔"), "Z": ("a", "c")} == found.columns
    assert list(found.lines) == [2, 4]
    assert [(finding.rule, finding.facts["count"]) for finding in report.findings()] == [("skipped", "1")]


def test_a_column_that_is_not_there_is_an_error() -> None:
    report = Report()
    mapped(LayerMapping(table="nodes", columns={"id": "NR"}), Table("x.csv", {"A": ("1",)}, (2,)), report)
    assert "column 'NR' is missing; found 'A'" in str(report.findings()[0])


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("layers = 3", "bad-mapping"),
        ("not toml", "bad-mapping"),
        (LAYER + 'file = "nowhere.shp"', "missing-table"),
    ],
)
def test_a_source_whose_mapping_does_not_fit_is_refused_with_one_finding(
    tmp_path: Path, content: str, rule: str
) -> None:
    (tmp_path / "mapping.toml").write_text(content, encoding="utf-8")
    assembled = read_source(str(tmp_path))
    assert assembled.network is None
    assert [finding.rule for finding in assembled.findings] == [rule]


def test_files_that_are_no_drawings_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.gpkg").write_bytes(b"not a database")
    (tmp_path / "m.toml").write_text(LAYER, encoding="utf-8")
    told = read_source(str(tmp_path / "x.gpkg"), reading=Reading(mapping=tmp_path / "m.toml")).findings
    assert [finding.rule for finding in told] == ["unreadable"]


def test_a_file_that_is_no_drawing_is_told_without_a_mapping_too(tmp_path: Path) -> None:
    (tmp_path / "x.gpkg").write_bytes(b"")
    assert [found.rule for found in read_source(str(tmp_path / "x.gpkg")).findings] == ["unreadable"]


def test_a_list_may_be_of_another_encoding_and_the_reading_is_watched(folder: Path) -> None:
    lines = ['crs = "wgs84"']
    for file in sorted(folder.glob("*.csv")):
        lines += ["[[layers]]", f'file = "{file.name}"', f'table = "{file.stem}"', 'encoding = "GBK"']
        file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))
    (folder / "mapping.toml").write_text("\n".join(lines), encoding="utf-8")
    steps: list[tuple[str, int, int]] = []
    reading = Reading(progress=lambda *step: steps.append(step))
    network = read_source(str(folder), reading=reading).accepted()
    assert "一号院" in network.customers.address
    layers = len(lines) // 4
    assert [(done, whole) for _what, done, whole in steps] == [(n + 1, layers) for n in range(layers)]
