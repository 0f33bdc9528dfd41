"""The inbox: only whole files, every line once, bad lines named; files move on and never vanish."""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.files.drop import Keeping
from gateway.backpressure import Pressure
from geo.identifiers import Crosswalk
from geo.network import Identifiers
from telemetry.evidence import EvidenceKind
from telemetry.readings import Quality
from tests.gateway.file_site import QUICK, FileSite, file_site
from tests.gateway.running import await_true

HEAD = "terminal,meter,time,quality,ua_v,ub_v,uc_v,ia_a,ib_a,ic_a,p_w,import_kwh\n"
GOOD = "T1,M1,2026-11-20 08:00,,230.1,231,229.95,1.5,,,2500,1000.01\n"


def _ms(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FileSite]:
    with file_site(tmp_path / "var") as made:
        yield made


def test_rows_become_readings_exactly_and_the_file_moves_to_done(site: FileSite) -> None:
    site.drop("readings_1.csv", HEAD + GOOD)
    door = site.read()
    reading = site.readings.latest(["M1"])["M1"]
    assert reading.at_ms == _ms("2026-11-20 08:00")
    assert reading.terminal == "T1"
    assert reading.values == {
        "voltage_a_v": Decimal("230.10"),
        "voltage_b_v": Decimal(231),
        "voltage_c_v": Decimal("229.95"),
        "current_a_a": Decimal("1.5"),
        "active_power_kw": Decimal("2.5"),
        "energy_import_kwh": Decimal("1000.01"),
    }
    assert site.done() == ["readings_1.csv"]
    assert site.refused() == {}
    assert door.counters() == {
        "files": 1, "refused_files": 0, "lines": 1, "refused_lines": 0, "unmatched_lines": 0, "frames": 1,
    }  # fmt: skip
    (alive,) = site.facts()
    assert alive.evidence.kind is EvidenceKind.ALIVE
    assert alive.evidence.devices == ("M1",)


def test_unfinished_files_are_left_alone_until_they_are_whole(site: FileSite) -> None:
    growing = site.inbox / "readings_2.csv"
    growing.write_text(HEAD)
    (site.inbox / "readings_3.csv.part").write_text(HEAD + GOOD)
    (site.inbox / ".readings_4.csv").write_text(HEAD + GOOD)
    with site.door(Keeping(settle_s=1.5, poll_s=0.02)):
        for _ in range(10):
            with growing.open("a") as handle:
                handle.write(GOOD)
            time.sleep(0.1)
            assert growing.exists(), "picked up while it grew"
        await_true(lambda: site.done() == ["readings_2.csv"], "the settled file")
    assert (site.inbox / "readings_3.csv.part").exists()
    assert (site.inbox / ".readings_4.csv").exists()


def test_an_ok_file_says_that_the_file_is_whole(site: FileSite) -> None:
    site.drop("readings_1.csv", HEAD + GOOD)
    (site.inbox / "readings_1.csv.ok").touch()
    with site.door(Keeping(settle_s=3600, poll_s=0.02)):
        await_true(lambda: site.done() == ["readings_1.csv"], "the file")
    assert not (site.inbox / "readings_1.csv.ok").exists()


def test_bad_lines_are_named_and_can_be_dropped_again_when_mended(site: FileSite) -> None:
    lines = [
        GOOD,
        "T1,1.23457E+11,2026-11-20 08:00,,230,,,,,,,\n",
        "T1,M2,yesterday,,230,,,,,,,\n",
        "T1,M2,2026-11-20 08:00,,2x0,,,,,,,\n",
        "T1,M2,2026-11-20\n",
        "\n",
        GOOD.replace("M1", "M3"),
    ]
    site.drop("readings_1.csv", HEAD + "".join(lines))
    site.read()
    refused = site.refused()
    assert set(refused) == {"readings_1.csv.reasons.txt", "readings_1.rejected.csv"}
    told = refused["readings_1.csv.reasons.txt"].splitlines()
    assert told[0] == "4 of 6 lines cannot be used"
    assert "line 3: id: expected an id, found '1.23457E+11': a spreadsheet has rounded it" in told[1]
    assert told[2].startswith("line 4: time: expected a time as %Y-%m-%d %H:%M:%S or ")
    assert told[3] == "line 5: voltage_a_v: expected a number, found '2x0'"
    assert told[4] == "line 6: line: expected 12 columns, found 3"
    assert refused["readings_1.rejected.csv"] == HEAD + "".join(lines[1:5])
    assert set(site.readings.latest(["M1", "M2", "M3"])) == {"M1", "M3"}
    mended = refused["readings_1.rejected.csv"].replace("2x0", "220").splitlines(keepends=True)
    site.drop("readings_1.csv", "".join((mended[0], mended[3])))
    site.read()
    assert site.readings.latest(["M2"])["M2"].values == {"voltage_a_v": Decimal(220)}
    assert site.done() == ["readings_1-2.csv", "readings_1.csv"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("whatever.csv", "a,b\n1,2\n", "source: expected one whose file pattern or header fits"),
        (
            "readings_1.csv",
            "meter,time\nM1,2026-11-20\n",
            "header: expected a column 'ua_v' (values[0].column)",
        ),
        ("readings_1.csv", "", "header: expected the columns' names, found nothing"),
        ("readings_1.csv", HEAD.encode("utf-16"), "encoding: expected UTF-8 or GBK, found UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    site: FileSite, name: str, content: bytes | str, reason: str
) -> None:
    site.drop(name, content)
    site.read()
    refused = site.refused()
    assert set(refused) == {name, f"{name}.reasons.txt"}
    assert reason in refused[f"{name}.reasons.txt"]
    assert site.done() == []


def test_a_file_of_an_unknown_folder_is_refused_and_one_of_a_broken_source_waits(site: FileSite) -> None:
    site.add_source("ours", 'kind = "rows"\nspeed = 3\n')
    site.drop("x.csv", HEAD + GOOD, folder="nobody")
    waiting = site.drop("y.csv", HEAD + GOOD, folder="ours")
    with site.door() as door:
        await_true(lambda: "x.csv" in site.refused(), "the refusal")
        await_true(lambda: "ours/y.csv waits" in door.trouble, "the trouble")
        assert "ours.toml: object contains unknown field `speed`" in door.trouble
        assert waiting.exists()
        shipped = (Path("gateway/sources") / "head-end-rows.toml").read_text(encoding="utf-8")
        site.add_source("ours", shipped)
        await_true(lambda: site.done() == ["y.csv"], "the file once its source is mended")
    assert "expected the name of a source" in site.refused()["x.csv.reasons.txt"]


def test_no_file_is_picked_up_on_a_disk_that_runs_full(site: FileSite) -> None:
    site.intake.step = Pressure.SLOW
    site.drop("readings_1.csv", HEAD + GOOD)
    with site.door() as door:
        await_true(lambda: "files wait" in door.trouble, "the trouble")
        assert (site.inbox / "readings_1.csv").exists()
        site.intake.step = Pressure.FREE
        await_true(lambda: site.done() == ["readings_1.csv"], "the file")
        await_true(lambda: not door.trouble, "no trouble")


def test_a_restatement_replaces_and_an_estimate_is_marked_and_proves_no_life(site: FileSite) -> None:
    site.drop("readings_1.csv", HEAD + GOOD)
    site.read()
    site.drop("readings_2.csv", HEAD + "T1,M1,2026-11-20 08:00,estimated,228,,,,,,,\n")
    site.read()
    at_ms = _ms("2026-11-20 08:00")
    (reading,) = site.readings.series("M1", at_ms, at_ms + 1)
    assert reading.values["voltage_a_v"] == 228
    assert reading.values["voltage_b_v"] == 231
    assert reading.doubts["voltage_a_v"] & Quality.ESTIMATED
    assert not reading.doubts.get("voltage_b_v", Quality.GOOD) & Quality.ESTIMATED
    assert len(site.facts()) == 1


def test_the_same_file_read_again_says_nothing_new(site: FileSite) -> None:
    """As after death between the spool and the move to done."""
    path = site.drop("readings_1.csv", HEAD + GOOD + GOOD.replace("M1", "M2"))
    site.read()
    moved = next((site.inbox / "done").rglob("readings_1.csv"))
    again = site.inbox / "working" / "head-end-rows"
    again.mkdir(parents=True, exist_ok=True)
    moved.rename(again / path.name)
    site.read()
    counters = site.records.counters()
    assert (counters.received, counters.stored, counters.duplicate) == (2, 1, 1)
    assert len(site.facts()) == 1


def test_a_list_of_outages_that_comes_again_adds_only_what_is_new(site: FileSite) -> None:
    """Hourly the head-end lists the same outages; what was still out has an end later."""
    head = "表号,停电时间,复电时间\n"
    site.drop("outages_1.csv", head + "1,2026-11-20 08:00,\n2,2026-11-20 08:00,\n")
    site.read()
    site.drop("outages_2.csv", head + "2,2026-11-20 08:00,2026-11-20 09:00\n1,2026-11-20 08:00,\n")
    site.read()
    told = [(row.evidence.kind.value, row.evidence.devices, row.evidence.at_ms) for row in site.facts()]
    assert told == [
        ("power_off", ("000000000001",), _ms("2026-11-20 08:00")),
        ("power_off", ("000000000002",), _ms("2026-11-20 08:00")),
        ("power_on", ("000000000002",), _ms("2026-11-20 09:00")),
    ]
    assert all(row.evidence.source == "file:outage-pairs" for row in site.facts())


def test_names_of_windows_and_line_ends_of_windows(site: FileSite) -> None:
    raw = os.fsdecode("readings_营口.csv".encode("gb18030"))
    (site.inbox / raw).write_bytes((HEAD + GOOD).replace("\n", "\r\n").encode())
    site.read()
    assert len(site.readings.series("M1", 0, 2**52)) == 1
    assert site.dead_letters.count() == 0


def test_old_files_are_let_go(site: FileSite) -> None:
    site.drop("readings_1.csv", HEAD + GOOD + "x\n")
    site.read()
    assert site.done()
    assert site.refused()
    time.sleep(0.1)
    with site.door(Keeping(QUICK.settle_s, QUICK.poll_s, done_s=0.05, refused_s=0.05)):
        await_true(lambda: not site.done() and not site.refused(), "an empty done and refused")


def test_unmatched_ids_are_counted_and_meters_are_exchanged(tmp_path: Path) -> None:
    walk = Identifiers(
        ("HES", "HES"), ("000000000001", "000000000001"), ("M1", "M2"), ("", "2026-11-20T04:00:00Z"),
        ("2026-11-20T04:00:00Z", ""),
    )  # fmt: skip
    with file_site(tmp_path / "var", Crosswalk.of(walk)) as site:
        site.add_source(
            "curve24",
            'kind = "curves"\n[id]\ncolumn = "表号"\ndigits = 12\nsystem = "HES"\n'
            '[time]\ncolumns = ["日期"]\n'
            '[curve]\nfirst = "P1"\npoints = 24\nfirst_at = "01:00"\nquantity_column = "数据项"\n'
            '[curve.quantities]\n"A相电压" = { quantity = "voltage_a_v", scale = 0.1 }\n',
        )
        head = "表号,日期,数据项," + ",".join(f"P{n}" for n in range(1, 25))
        line = "1,20261120,A相电压," + ",".join(str(2300 + n) for n in range(24))
        other = line.replace("1,", "77,", 1)
        site.drop("a.csv", f"{head}\n{line}\n{other}\n{other}\n".encode("gbk"), folder="curve24")
        site.read()
        first = site.readings.series("M1", 0, 2**52)
        second = site.readings.series("M2", 0, 2**52)
        assert [reading.at_ms for reading in first] == [
            _ms("2026-11-20 01:00") + n * 3_600_000 for n in range(11)
        ]
        assert second[0].at_ms == _ms("2026-11-20 12:00")
        assert second[-1].at_ms == _ms("2026-11-21 00:00")
        assert [reading.values["voltage_a_v"] for reading in (*first, *second)] == [
            Decimal(2300 + n) / 10 for n in range(24)
        ]
        told = site.refused()["a.csv.reasons.txt"]
        assert "line 3: id: expected an id that the crosswalk of HES holds then, found '000000000077'" in told
        assert told.endswith("ids that the crosswalk does not hold:\n  000000000077: 2 lines\n")
        assert site.refused()["a.rejected.csv"].count("\n") == 3
