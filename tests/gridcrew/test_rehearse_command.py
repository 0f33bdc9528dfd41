"""A company's own exports of a past storm, in its own formats and local time, played again."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import Result

from geo.adapters.csv_folder import write_folder
from gridcrew.commands.rehearse import command
from tests.commands import invoke
from tests.telemetry.nights import FEEDER, under

CHINA = timezone(timedelta(hours=8))
T0 = datetime(2026, 3, 1, 19, 0, tzinfo=UTC)


def _local(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _utc(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def _storm(folder: Path) -> Path:
    """Lateral A lost for 50 minutes; a third of the last gasps are lost, everything was read before."""
    write_folder(FEEDER, folder / "network")
    read = [f"TT-{meter[:2]},{meter},{_local(-10)},220.1," for meter in FEEDER.meters.ids]
    read += [f"TT-{meter[:2]},{meter},{_local(n)},220.1," for n in (5, 20, 35) for meter in under("B", "C")]
    (folder / "readings.csv").write_text(
        "terminal,meter,time,ua_v,quality\n" + "\n".join(read), encoding="gb18030"
    )
    off = [
        json.dumps({"at": _utc(0.05 * n), "device": meter, "kind": "power_off"})
        for n, meter in enumerate(under("A"))
        if n % 3
    ]
    on = [json.dumps({"at": _utc(50), "device": meter, "kind": "power_on"}) for meter in under("A")]
    (folder / "events.jsonl").write_text("\n".join(off + on), encoding="utf-8")
    calls = [("CA111", 12), ("CA122", 30), ("CB111", 8), ("C-nobody", 9)]
    told = "\n".join(f"{customer},{_local(minutes)}" for customer, minutes in calls)
    (folder / "calls.csv").write_text(f"customer,time\n{told}\n", encoding="utf-8")
    orders = [("W-1", 14, "CA111"), ("W-2", 31, "CA122"), ("W-3", 9, "CB111")]
    (folder / "orders.csv").write_text(
        "order,opened_at,customer,fault\n" + "".join(f"{n},{_local(m)},{c},停电\n" for n, m, c in orders),
        encoding="gb18030",
    )
    return folder


def _run(*arguments: str) -> Result:
    return invoke(command, arguments)


@pytest.fixture
def storm(tmp_path: Path) -> Path:
    return _storm(tmp_path)


def test_which_calls_were_foreseen_and_how_much_earlier(storm: Path) -> None:
    answer = json.loads(_run(str(storm), "--json").stdout)
    assert answer["calls"] == {"foreseen": 2, "later": 0, "missed": 1, "unknown": 1}
    early = {one["customer"]: one["earlier_min"] for one in answer["each_call"]}
    assert 9 < early["CA111"] < 12
    assert 27 < early["CA122"] < 30
    assert early["CB111"] is None
    (outage,) = answer["outages"]
    assert (outage["element"], outage["customers"], outage["calls"]) == ("LA", 16, 2)
    assert (outage["orders"], answer["orders_spared"]) == (["W-1", "W-2"], 1)
    assert {one["file"]: one["source"] for one in answer["files"]} == {
        "calls.csv": "calls",
        "events.jsonl": "events-jsonl",
        "readings.csv": "head-end-rows",
    }


def test_times_of_orders_without_a_zone_are_of_the_zone_named(storm: Path) -> None:
    answer = json.loads(_run(str(storm), "--zone", "UTC", "--json").stdout)
    assert answer["orders_spared"] == 0, "eight hours later there was no outage any more"
    assert "no time zone 'Mars'" in _run(str(storm), "--zone", "Mars").output


def test_events_that_arrive_late_foresee_less(storm: Path) -> None:
    answer = json.loads(_run(str(storm), "--late-s", "900", "--json").stdout)
    assert answer["calls"] == {"foreseen": 1, "later": 1, "missed": 1, "unknown": 1}


def test_people_get_a_page(storm: Path) -> None:
    page = _run(str(storm)).stdout
    assert "calls 来电: 4; foreseen 2" in page
    assert "line LA: 16 customers, 2 calls, 2 orders" in page


def test_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    write_folder(FEEDER, tmp_path / "network")
    result = _run(str(tmp_path))
    assert result.exit_code != 0
    assert "no file holds an event" in result.output


def test_a_file_that_fits_no_source_is_told_and_the_others_are_used(storm: Path) -> None:
    (storm / "readings-2.csv").write_text("meter,colour\nA111,red\n", encoding="utf-8")
    answer = json.loads(_run(str(storm), "--json").stdout)
    assert answer["calls"]["foreseen"] == 2
    refused = {one["file"]: one["refused"] for one in answer["files"] if one["refused"]}
    assert list(refused) == ["readings-2.csv"]
    assert "expected a column" in refused["readings-2.csv"]


def test_a_wrong_order_list_is_told_by_line_and_field(storm: Path) -> None:
    (storm / "orders.csv").write_text("order,opened_at,customer\nW-1,soon,CA111\n", encoding="utf-8")
    result = _run(str(storm))
    assert "orders.csv:2: opened_at: expected an ISO-8601 time" in result.output
