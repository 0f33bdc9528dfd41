"""A source is one TOML file: what it can say, what it is refused for, and what any bytes do to it."""

import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.files.sources import SHIPPED, LiveSources
from gateway.codecs.file_exports import has_header, make_decoder, read_slice, topic
from gateway.exports.cells import BadCell, read_id, read_number, read_time
from gateway.exports.lines import FileRefused
from gateway.exports.matching import match
from gateway.exports.parsing import Said
from gateway.exports.sources import DEFAULT_FORMATS, FileSource, SourceKind, read_source
from gateway.frames import Frame
from gateway.site_toml import SiteFileRefused
from geo.adapters.database import open_database
from gridcrew.cli import cli
from gridcrew.migrations.runner import migrate
from telemetry.readings import MISSING, Quality
from tests.geo.conftest import FILES

CASES = Path(__file__).parent / "cases" / "files"
DOCS = Path(__file__).parent.parent.parent / "docs"
ROWS = """
kind = "rows"
[id]
column = "m"
digits = 4
[time]
columns = ["d", "t"]
[[values]]
column = "u"
quantity = "voltage_a_v"
scale = 0.1
"""
CURVE = """
kind = "curves"
header = false
[id]
column = 1
[time]
columns = [2]
[curve]
first = 3
points = 24
stale_after = 3
[curve.quantities]
"*" = { quantity = "energy_import_kwh" }
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")


def _identity(_system: str, foreign_id: str, _at_ms: int) -> str:
    return foreign_id


def _read(source: FileSource, body: bytes) -> Said:
    return read_slice(source, body, 2 if has_header(source) else 1, _identity)


def _values(said: Said) -> dict[tuple[str, str, str], str]:
    """(meter, local time, quantity) → value with its doubts."""
    found: dict[tuple[str, str, str], str] = {}
    for block in said.blocks:
        for m, meter in enumerate(block.meters):
            for q, quantity in enumerate(block.quantities):
                for t, at_ms in enumerate(block.at_ms):
                    scaled = int(block.scaled[m, q, t])
                    if scaled == MISSING:
                        continue
                    local = datetime.fromtimestamp(at_ms / 1000, SHANGHAI).isoformat(sep=" ")[:16]
                    doubt = Quality(int(block.doubts[m, q, t]))
                    text = str(Decimal(scaled).scaleb(-block.decimals[q]))
                    found[meter, local, quantity] = (
                        f"{text} {doubt.name.lower()}" if doubt.name and doubt else text
                    )
    return found


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_golden_exports(case: str) -> None:
    """Each case: a file as exported, its source.toml (or the name of a shipped one), and what it says."""
    folder = CASES / case
    assert (folder / "source").read_text(encoding="utf-8").strip(), "where it comes from"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    own = folder / "source.toml"
    file = own if own.exists() else SHIPPED / f"{expected['source']}.toml"
    source = read_source(file.stem, file.read_text(encoding="utf-8"))
    export = next(path for path in folder.iterdir() if path.stem == "export")
    said = _read(source, export.read_bytes().replace(b"\r\n", b"\n").rstrip(b"\n"))
    assert {" ".join(name): value for name, value in _values(said).items()} == expected.get("values", {})
    events = [f"{event.kind} {event.device} {event.at_ms}" for event in said.events]
    assert events == expected.get("events", [])
    told = [str(problem) for problem in said.problems]
    wanted = expected.get("problems", [])
    assert [text[: len(start)] for text, start in zip(told, wanted, strict=True)] == wanted


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_source_can_be_read_and_has_a_case(file: Path) -> None:
    source = read_source(file.stem, file.read_text(encoding="utf-8"))
    assert source.what
    assert source.kind is SourceKind.CROSSING or any(
        json.loads((folder / "expected.json").read_text())["source"] == file.stem
        for folder in CASES.iterdir()
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('kind = "rows"', 'kind = "row"', "kind: invalid enum value 'row'"),
        (
            'quantity = "voltage_a_v"',
            'quantity = "volt"',
            "values[0].quantity: expected one of the catalogue",
        ),
        ("scale = 0.1", "scale = 0", "values[0].scale: expected a number from 1e-9 to 1e9, found 0"),
        ('column = "u"', "column = 0", "values[0].column: expected a column number from 1, found 0"),
        ('kind = "rows"', 'kind = "rows"\nheader = false', "id.column: expected a column number"),
        ('kind = "rows"', 'kind = "rows"\nzone = "Mars"', "zone: expected a zone such as Asia/Shanghai"),
        ('kind = "rows"', 'kind = "rows"\nencoding = "utf-16"', "encoding: expected one of utf-8, gbk"),
        ('kind = "rows"', 'kind = "pairs"', "end: expected with kind pairs"),
        ('kind = "rows"', 'kind = "rows"\nspeed = 1', "unknown field `speed`"),
        ('["d", "t"]', '["d", "t"]\nformats = ["YYYY"]', "time.formats: expected %Y-%m-%d"),
        ("digits = 4", "digits = 99", "id.digits: expected 0 to 64"),
        ("digits = 4", "digits = '4'", "id.digits: expected `int`, got `str`"),
    ],
)
def test_a_wrong_source_is_refused_with_its_field(old: str, new: str, expected: str) -> None:
    assert read_source("good", ROWS)
    with pytest.raises(SiteFileRefused, match=re.escape(expected)):
        read_source("bad", ROWS.replace(old, new, 1))


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("12", "0012"), ("0012", "0012"), (' ="0012" ', "0012"), ("'12", "0012"), ("A12", "A12"),
        ("12345", None), ("1.2E+10", None), ("1.23457E+11", None), ("", None), ("a\x01b", None),
    ],
)  # fmt: skip
def test_ids_survive_spreadsheets_or_are_refused(cell: str, found: str | None) -> None:
    if found is None:
        with pytest.raises(BadCell):
            read_id(cell, 4)
    else:
        assert read_id(cell, 4) == found


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-11-20 24:00", "2026-11-21 00:00"), ("2026-12-31 24:00:00", "2027-01-01 00:00"),
        ("202611202400", "2026-11-21 00:00"), ("20261120240000", "2026-11-21 00:00"),
        ("2026/1/5 8:05", "2026-01-05 08:05"), ("20261120", "2026-11-20 00:00"),
        ("2026-11-20T08:00:00Z", "2026-11-20 16:00"), ("2026-11-20  08:00", "2026-11-20 08:00"),
        ("2026-11-20 24:01", None), ("2026-11-20 25:00", None), ("45983.25", None), ("2026-13-01", None),
        ("", None), ("1900-01-01", None), ("9999-12-31 24:00", None), ("今天", None),
    ],
)  # fmt: skip
def test_local_times(text: str, local: str | None) -> None:
    if local is None:
        with pytest.raises(BadCell):
            read_time(text, DEFAULT_FORMATS, "Asia/Shanghai")
        return
    at_ms = read_time(text, DEFAULT_FORMATS, "Asia/Shanghai")
    assert datetime.fromtimestamp(at_ms / 1000, SHANGHAI).isoformat(sep=" ")[:16] == local


@pytest.mark.parametrize("text", ["1_000", "１２", "0x10", "NaN", "inf", "1e400", "9" * 19, "1,5"])
def test_no_number_is_guessed(text: str) -> None:
    with pytest.raises(BadCell):
        read_number(text, frozenset())


def test_a_curve_without_header_in_any_scale_and_repeated_values_are_stale() -> None:
    source = read_source("curve", CURVE)
    cells = ["", "-", "1e2", *["7.001"] * 20, "123456789.123456"]
    said = _read(source, f"M1,2026-11-20,{','.join(cells)}".encode())
    values = _values(said)
    assert values["M1", "2026-11-20 02:00", "energy_import_kwh"] == "100.000000"
    assert values["M1", "2026-11-20 06:00", "energy_import_kwh"] == "7.001000"
    assert values["M1", "2026-11-20 07:00", "energy_import_kwh"] == "7.001000 stale"
    assert values["M1", "2026-11-20 23:00", "energy_import_kwh"] == "123456789.123456"
    assert len(values) == 22
    assert not said.problems


def test_a_value_beyond_the_catalogue_is_kept_and_marked() -> None:
    said = _read(read_source("rows", ROWS), b"m,d,t,u\n1,2026-11-20,8:00,99999")
    assert _values(said) == {("0001", "2026-11-20 08:00", "voltage_a_v"): "9999.9 out_of_range"}


def test_number_too_large_for_its_unit_is_named() -> None:
    source = read_source("rows", ROWS.replace("0.1", "1000000000"))
    said = _read(source, b"m,d,t,u\n1,2026-11-20,8:00,999999999999\n2,2026-11-20,8:00,0.00001")
    assert [str(problem) for problem in said.problems] == [
        "line 2: voltage_a_v: expected a number that 64 bits hold"
    ]
    assert list(_values(said).values()) == ["10000.0 out_of_range"]


def test_numbers_too_fine_are_rounded_where_64_bits_end_and_harm_nobody() -> None:
    source = read_source("rows", ROWS.replace("0.1", "1"))
    fine = [b"230.10000000000002", b"0.123456789012345678", b"9999999999999.12345", b"10000000000000"]
    lines = [b"%d,2026-11-20,8:00,%s" % (number, cell) for number, cell in enumerate(fine)]
    said = _read(source, b"\n".join([b"m,d,t,u", *lines]))
    assert [value.split()[0] for value in _values(said).values()] == [
        "230.10000",
        "0.12346",
        "9999999999999.12345",
    ]
    assert [problem.line for problem in said.problems] == [5]


@pytest.mark.parametrize("points", [24, 48, 96, 288])
def test_a_day_has_as_many_points_as_the_source_says(points: int) -> None:
    step = 1440 // points
    first_at = f"{step // 60:02}:{step % 60:02}"
    text = CURVE.replace("points = 24", f'points = {points}\nfirst_at = "{first_at}"')
    said = _read(
        read_source("curve", text), f"M1,20261120,{','.join(map(str, range(1, points + 1)))}".encode()
    )
    values = _values(said)
    assert len(values) == points
    assert values["M1", f"2026-11-20 {first_at}", "energy_import_kwh"] == "1.00"
    assert values["M1", "2026-11-21 00:00", "energy_import_kwh"] == f"{points}.00"


def test_only_what_was_measured_and_past_proves_life() -> None:
    source = read_source("rows", ROWS)
    received_ms = read_time("2026-11-20 12:00", DEFAULT_FORMATS, "Asia/Shanghai")
    lines = [
        "1,2026-11-20,11:50,2300",
        "2,2026-11-20,11:50,0",
        "3,2026-11-20,12:30,2300",
        "4,2026-11-19,12:00,1",
    ]
    body = "\n".join(["m,d,t,u", *lines]).encode()
    decode = make_decoder(lambda: {"rows": source}, lambda: _identity, 900_000)
    decoded = decode(Frame(topic("rows", "x.csv", 1, 2), body, received_ms, "file:rows"))
    assert {fact.devices: (received_ms - fact.at_ms) // 60_000 for fact in decoded.evidence} == {
        ("0004",): 1440,
        ("0001",): 10,
    }
    quality = {meter: batch.quality for batch in decoded.batches for meter in batch.meters}
    assert quality == {
        "0001": Quality.GOOD, "0002": Quality.GOOD, "0003": Quality.CLOCK_SUSPECT, "0004": Quality.LATE,
    }  # fmt: skip
    assert len({(batch.terminal, batch.boot, batch.seq) for batch in decoded.batches}) == len(decoded.batches)
    assert decoded.terminal == ""
    assert decoded.online is None


DIGITS = st.decimals(min_value=-10_000, max_value=10_000, places=4, allow_nan=False)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), DIGITS), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_value_is_exact_and_the_last_statement_holds(rows: list[tuple[int, int, Decimal]]) -> None:
    source = read_source("rows", ROWS)
    lines = [f"{meter},2026-11-20,0{hour}:00,{value}" for meter, hour, value in rows]
    said = _read(source, "\n".join(["m,d,t,u", *lines]).encode())
    expected = {
        (f"{meter:04}", f"2026-11-20 0{hour}:00", "voltage_a_v"): value / 10 for meter, hour, value in rows
    }
    assert {name: Decimal(text.split()[0]) for name, text in _values(said).items()} == expected
    assert not said.problems


@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")), max_size=8), st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_cost_their_own_line_only(lines: list[bytes], data: st.DataObject) -> None:
    """Two good lines stay good among any others; every problem names a line that is there."""
    kinds = (ROWS, CURVE, (SHIPPED / "events-jsonl.toml").read_text(encoding="utf-8"))
    place = data.draw(st.integers(0, len(lines)))
    for text in kinds:
        source = read_source("any", text)
        good = {
            ROWS: [b"1,2026-11-20,8:00,2201", b"2,2026-11-20,8:00,2202"],
            CURVE: [b"M1,2026-11-20," + b",".join([b"1.5"] * 24), b"M2,2026-11-20," + b",".join([b"2"] * 24)],
        }.get(text, [b'{"at":"2026-11-20T00:00:00Z","device":"M%d","kind":"power_off"}' % n for n in (1, 2)])
        body = [*lines[:place], *good, *lines[place:]]
        header = [b"m,d,t,u"] if has_header(source) else []
        said = _read(source, b"\n".join([*header, *body]))
        first = 2 if header else 1
        assert said.lines == sum(1 for line in body if line.strip())
        assert {first + place, first + place + 1} & said.bad_lines == set()
        assert all(first <= line < first + len(body) for line in said.bad_lines)
        assert said.blocks or said.events


@given(st.binary(max_size=300), st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_frame_makes_the_decoder_raise(body: bytes, name: str) -> None:
    sources = {"rows": read_source("rows", ROWS), "curve": read_source("curve", CURVE)}
    decode = make_decoder(lambda: sources, lambda: _identity, 900_000)
    for place in (topic("rows", name, 1, 1), topic("curve", name, 1, 1), topic("none", name, 1, 1), name):
        assert decode(Frame(place, body, 1_795_300_000_000, "file:rows")).key


def test_the_source_is_found_by_folder_name_or_header() -> None:
    sources = LiveSources(CASES / "nowhere").current()
    calls = b"customer,time\nC1,2026-11-20 08:00\n"
    assert match(sources, "calls", "x.csv", b"").why == "the folder calls names it"
    assert match(sources, "", "calls_1.csv", b"").source == sources["calls"]
    assert match(sources, "", "x.csv", calls).why == "the header names its columns"
    event = b'{"at":"2026-11-20T00:00:00Z","device":"M1","kind":"alive"}\n'
    assert match(sources, "", "x.txt", event).source == sources["events-jsonl"]
    assert match(sources, "", "x.txt", b"\xff\xfe\x00").source is None
    assert "calls" in match(sources, "telephone", "x.csv", calls).why


def test_a_header_in_the_wrong_encoding_is_explained() -> None:
    text = (SHIPPED / "outage-pairs.toml").read_text(encoding="utf-8").replace('"auto"', '"utf-8"')
    source = read_source("pairs", text)
    with pytest.raises(FileRefused, match="expected utf-8, found byte 0xb1 at 1; it reads as gb18030"):
        _read(source, "表号,停电时间,复电时间\n".encode("gbk"))


def _answer(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gateway", "try", *arguments])


def test_the_example_of_the_page_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/add-a-source.md, word for word, on a network with the page's crosswalk."""
    page = (DOCS / "add-a-source.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"<!-- example: (\S+) -->\n```\w*\n(.*?)```", page, re.DOTALL))
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "daily-freeze.toml").write_text(parts["daily-freeze.toml"], encoding="utf-8")
    (tmp_path / "daily.csv").write_bytes(parts["daily.csv"].encode("gbk"))
    for name, text in (FILES | {"identifiers.csv": parts["identifiers.csv"]}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    migrate(open_database(str(tmp_path / "var"), "network"), "network")
    monkeypatch.setenv("GRIDCREW_GATEWAY__SITE_DIR", str(tmp_path))
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    imported = CliRunner().invoke(cli, ["network", "import", "."])
    assert imported.exit_code == 0, imported.output
    answer = _answer("daily.csv")
    assert answer.exit_code == 0, answer.output
    assert answer.output == parts["answer"]
    assert json.loads(_answer("daily.csv", "--source", "daily-freeze", "--json").output)["refused_lines"] == 1


def test_one_column_of_values_is_enough_and_the_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path / "var"))
    file = tmp_path / "readings_1.csv"
    file.write_text(
        "meter,terminal,quality,time,import_kwh\nM1,T1,,2026-11-20 08:00,12.5\n", encoding="utf-8"
    )
    report = json.loads(_answer(str(file), "--json").output)
    assert (report["refused_lines"], report["values"]) == (0, 1)
    assert report["first"][0]["values"] == {"energy_import_kwh": "12.50"}
    assert report["absent_columns"] == ["ua_v", "ub_v", "uc_v", "ia_a", "ib_a", "ic_a", "p_w"]
    assert "so nothing is read of: ua_v, ub_v" in _answer(str(file)).output
    sources = LiveSources(CASES / "nowhere").current()
    assert match(sources, "", "x.csv", file.read_bytes()).source == sources["head-end-rows"]
    file.write_text("meter,terminal,quality,time\nM1,T1,,2026-11-20 08:00\n", encoding="utf-8")
    assert "expected a column 'ua_v' (values[0].column), found not there" in _answer(str(file)).output


def test_a_trial_writes_nothing_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path / "var"))
    file = tmp_path / "calls_1.csv"
    file.write_text("customer,time\nC1,2026-11-20 08:00\n,\n", encoding="utf-8")
    answer = _answer(str(file))
    assert "2 lines, 1 refused; 0 values of 0 meters, 1 events" in answer.output
    assert "refused: line 3: time: expected a time, found nothing" in answer.output
    assert "2026-11-20T00:00:00Z  call  C1" in answer.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["calls_1.csv"]
    file.write_text("when,who\n", encoding="utf-8")
    answer = _answer(str(file))
    assert answer.exit_code != 0
    assert "calls_1.csv: header: expected a column 'customer' (id.column), found not there" in answer.output
    assert "Traceback" not in answer.output
    answer = _answer(str(file), "--source", "telephone")
    assert "folder: expected the name of a source (calls, crossing" in answer.output


def test_a_better_version_is_seen_live_and_a_wrong_one_leaves_the_last_good(tmp_path: Path) -> None:
    live = LiveSources(tmp_path, look_s=0)
    file = tmp_path / "calls.toml"
    shipped = live.current()["calls"]
    file.write_text(ROWS, encoding="utf-8")
    assert live.current()["calls"].kind is SourceKind.ROWS
    file.write_text(ROWS.replace("rows", "x"), encoding="utf-8")
    assert live.current()["calls"].kind is SourceKind.ROWS
    assert "calls.toml" in live.problems()["calls"]
    file.unlink()
    assert live.current()["calls"] == shipped
    assert not live.problems()
