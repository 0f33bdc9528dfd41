"""Tickets of 95598: once by their number, judged before a truck rolls, told back in the site's columns."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.ticket_files import load_mappings
from field_api.instants import MINUTE_MS, iso
from field_api.partners.tickets import FOLLOWED_MS, STALE_MS, Findings, Verdict, judge
from field_api.sideline import Sideline
from field_api.sideline_app import SidelinePlan, build_sideline
from gateway.codecs.own import decode
from gateway.frames import Frame
from telemetry.outages import OutageState
from tests.field_api.world import START_MS, Person, World
from tests.gateway.running import readings_body

PASTED = """工单编号\t受理时间\t户号\t受理内容\t用电地址
T-1\t2026-11-22 06:20:00\tC3\t家中停电，电话13612345670\t西山村3组
T-2\t昨天\tC4\t停电\t
T-3\t2026/11/22 06:21\tX9\t户号记不清\t西山村5组
"""
KINDS = """工单编号,受理时间,户号,业务类型
T-1,2026-11-22 06:20:00,C3,投诉
T-2,2026-11-22 06:20:00,C4,故障报修
T-3,2026-11-22 06:20:00,C1,
"""


def _sent(number: str, customer: str, accepted_ms: int = START_MS) -> dict[str, Any]:
    return {"number": number, "accepted_at": iso(accepted_ms), "customer": customer, "text": "停电"}


def _take(who: Person, *tickets: dict[str, Any]) -> list[dict[str, Any]]:
    answer = who.send("POST", "/api/v1/tickets", {"tickets": list(tickets)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["items"]
    return found


@pytest.fixture
def sideline(world: World, tmp_path: Path) -> Sideline:
    plan = SidelinePlan(tmp_path / "board", 300.0, 3, tmp_path / "in", tmp_path / "out")
    return build_sideline(world.home, plan, world.services.readings, world.clock)


def _turn(world: World, sideline: Sideline) -> None:
    world.clock.now_ms += MINUTE_MS
    sideline.turn()


def test_an_unexplained_ticket_opens_a_verification_whose_clock_began_there(world: World) -> None:
    """REP-02: forty minutes went by before it reached us; they count."""
    who = world.log_in("dispatcher")
    (taken,) = _take(who, _sent("T-1", "C3", START_MS - 40 * MINUTE_MS))
    assert (taken["outcome"], taken["ticket"]["verdict"]) == ("taken", "verify")
    order = who.get(f"/api/v1/orders/{taken['ticket']['order_id']}").get_json()
    assert (order["type"], order["source"], order["customer_id"]) == ("verification", "95598", "C3")
    assert order["accepted_at"] == iso(START_MS - 40 * MINUTE_MS)
    assert min(due["due_at"] for due in order["due"]) == iso(START_MS + 5 * MINUTE_MS)


def test_the_same_number_again_changes_nothing(world: World) -> None:
    who = world.log_in("dispatcher")
    first, again, other = _take(who, _sent("T-1", "C3"), _sent("T-1", "C3"), _sent("T-1", "C4"))
    assert [one["outcome"] for one in (first, again, other)] == ["taken", "known", "differs"]
    assert other["ticket"] == first["ticket"]
    assert len(who.get("/api/v1/orders").get_json()["items"]) == 1


def test_a_customer_in_an_open_outage_goes_with_it(world: World, sideline: Sideline) -> None:
    """REP-01: no second order; the repair knows of the ticket, and what became of it is told back."""
    order, who = world.confirmed("out-1"), world.log_in("dispatcher")
    (taken,) = _take(who, _sent("T-1", "C4", START_MS - 10 * MINUTE_MS))
    assert (taken["ticket"]["verdict"], taken["ticket"]["outage_id"]) == ("covered", "out-1")
    _turn(world, sideline)
    detail = who.get(f"/api/v1/orders/{order['id']}").get_json()
    assert [one["note"] for one in detail["history"] if one["step"] == "call_attached"] == ["95598 T-1"]
    assert detail["accepted_at"] == iso(START_MS - 10 * MINUTE_MS)
    assert len(who.get("/api/v1/orders").get_json()["items"]) == 1

    crew = world.log_in("crew-02")
    for step, more in (
        ("accept", {}),
        ("arrive", {}),
        ("repair", {"finding": {"element": "T2", "cause": "树障"}}),
    ):
        body = {"operation_id": f"op-{step}-01", "step": step, "at": iso(world.clock()), **more}
        detail = crew.send(
            "POST", f"/api/v1/orders/{order['id']}/steps", body | {"revision": detail["revision"]}
        ).get_json()
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    _turn(world, sideline)
    ticket = who.get("/api/v1/tickets/T-1").get_json()
    assert (ticket["cause"], ticket["open"], ticket["restored_at"] is None) == ("树障", False, False)
    since = taken["ticket"]["sequence"]
    changed = who.get(f"/api/v1/tickets?since={since}").get_json()
    assert [one["number"] for one in changed["items"]] == ["T-1"]
    assert who.get(f"/api/v1/tickets?since={changed['newest']}").get_json()["items"] == []

    _turn(world, sideline)
    files = sorted((sideline.chores[-1].do.write.__self__.folder).glob("*.csv"))  # type: ignore[attr-defined]
    with files[-1].open(encoding="utf-8-sig", newline="") as lines:
        (row,) = list(csv.DictReader(lines))
    assert (row["工单编号"], row["故障原因"], row["处理结果"]) == ("T-1", "树障", "已并入停电事件")
    assert row["到达现场时间"].startswith("2026-11-22 ")
    assert row["恢复送电时间"]


def test_a_ticket_follows_its_outage_into_another(world: World, sideline: Sideline) -> None:
    who = world.log_in("dispatcher")
    world.confirmed("out-1")
    _take(who, _sent("T-1", "C4"))
    order = world.confirmed("out-2", cause="LN2")
    world.publish("out-1", OutageState.MERGED, merged_into="out-2")
    world.work()
    _turn(world, sideline)
    ticket = who.get("/api/v1/tickets/T-1").get_json()
    assert (ticket["verdict"], ticket["outage_id"], ticket["order_id"]) == ("covered", "out-2", order["id"])


def test_an_outage_that_was_none_leaves_no_ticket_behind(world: World, sideline: Sideline) -> None:
    who = world.log_in("dispatcher")
    world.publish("out-1", OutageState.SUSPECTED)
    world.work()
    (taken,) = _take(who, _sent("T-1", "C4"))
    assert taken["ticket"]["verdict"] == "covered"
    world.publish("out-1", OutageState.RETRACTED)
    world.work()
    _turn(world, sideline)
    ticket = who.get("/api/v1/tickets/T-1").get_json()
    assert (ticket["verdict"], ticket["outage_id"], ticket["open"]) == ("verify", "", True)
    assert who.get(f"/api/v1/orders/{ticket['order_id']}").get_json()["type"] == "verification"


def test_a_second_ticket_of_the_same_customer_opens_nothing(world: World) -> None:
    who = world.log_in("dispatcher")
    first, second = _take(who, _sent("T-1", "C3"), _sent("T-2", "C3"))
    assert (second["ticket"]["verdict"], second["ticket"]["order_id"]) == (
        "duplicate",
        first["ticket"]["order_id"],
    )


def test_an_unknown_customer_is_kept_until_somebody_knows_whose_it_is(world: World) -> None:
    who = world.log_in("dispatcher")
    (taken,) = _take(who, _sent("T-1", "X9", START_MS - MINUTE_MS))
    assert (taken["ticket"]["verdict"], taken["ticket"]["order_id"]) == ("unknown", "")
    listed = who.get("/api/v1/tickets?verdict=unknown").get_json()["items"]
    assert [one["number"] for one in listed] == ["T-1"]
    manager = world.log_in("crew-01")
    assert manager.get("/api/v1/tickets").status_code == 403
    path = "/api/v1/tickets/T-1/customer"
    assert who.send("POST", path, {"customer_id": "X9"}).status_code == 404
    named = who.send("POST", path, {"customer_id": "C3"}).get_json()
    assert (named["verdict"], named["accepted_at"]) == ("verify", iso(START_MS - MINUTE_MS))
    assert who.send("POST", path, {"customer_id": "C4"}).status_code == 409


def test_a_pasted_table_names_its_bad_lines(world: World) -> None:
    who = world.log_in("dispatcher")
    answer = who.send("POST", "/api/v1/tickets/pasted", {"text": PASTED})
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert [(one["ticket"]["number"], one["ticket"]["verdict"]) for one in told["items"]] == [
        ("T-1", "verify"),
        ("T-3", "unknown"),
    ]
    assert [one["line"] for one in told["refused"]] == [3]
    assert told["refused"][0]["code"] == "ticket.no_time"
    assert told["refused"][0]["problem"].startswith("“受理时间”的时间“昨天”读不出来")
    assert "136****5670" in told["items"][0]["ticket"]["text"]
    assert who.send("POST", "/api/v1/tickets/pasted", {"text": "a\tb\n1\t2"}).status_code == 409


def test_the_sites_words_tell_complaints_from_faults(world: World) -> None:
    """What no word of the mapping names, and a list without that column, report faults as before."""
    who = world.log_in("dispatcher")
    items = who.send("POST", "/api/v1/tickets/pasted", {"text": KINDS}).get_json()["items"]
    assert [(one["ticket"]["kind"], one["ticket"]["verdict"]) for one in items] == [
        ("complaint", "complaint"), ("fault", "verify"), ("fault", "verify"),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_dropped_files_are_taken_once(
    world: World, sideline: Sideline, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "in").mkdir()
    _drop(tmp_path / "in" / "95598.csv", PASTED.replace("\t", ",").encode(encoding))
    _drop(
        tmp_path / "in" / "tickets.json",
        json.dumps([{"工单编号": "T-9", "受理时间": "2026-11-22 06:00", "户号": "C1"}]).encode(),
    )
    _drop(tmp_path / "in" / "broken.json", b"{")
    (tmp_path / "in" / "growing.csv").write_text("工单")
    _turn(world, sideline)
    who = world.log_in("dispatcher")
    assert {one["number"] for one in who.get("/api/v1/tickets").get_json()["items"]} == {"T-1", "T-3", "T-9"}
    left = {
        path.relative_to(tmp_path / "in").as_posix()
        for path in (tmp_path / "in").rglob("*")
        if path.is_file()
    }
    assert left == {
        "done/95598.csv", "done/tickets.json", "refused/broken.json", "refused/broken.json.reason.txt",
        "refused/95598.lines.csv", "growing.csv",
    }  # fmt: skip


def _drop(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    os.utime(file, (0, 0))


@pytest.mark.parametrize(
    ("findings", "age_ms", "verdict"),
    [
        (Findings("out-1", "boundary=T2", "ord-1"), 0, Verdict.ADVICE),
        (Findings("out-1", "", "ord-1"), STALE_MS * 2, Verdict.COVERED),
        (Findings(None, "", "ord-1"), STALE_MS * 2, Verdict.DUPLICATE),
        (Findings(), STALE_MS + 1, Verdict.STALE),
        (Findings(), STALE_MS, Verdict.VERIFY),
    ],
)
def test_the_checks_before_a_truck_rolls(findings: Findings, age_ms: int, verdict: Verdict) -> None:
    assert judge(findings, START_MS - age_ms, START_MS) is verdict


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "columns"),
        ('[columns]\nnumber = "a"', "expected accepted_at"),
        ('[columns]\nnumber = "a"\naccepted_at = "b"\ncustomer = "c"\nphone = "d"', "unknown words: phone"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "ours.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataFile, match=f"ours.toml: .*{problem}"):
        load_mappings(tmp_path)


def test_who_was_told_that_the_meter_lives_is_right_when_it_dies(world: World, sideline: Sideline) -> None:
    """A call before the meters: advice for now; the outage found minutes later takes the ticket with it."""
    who = world.log_in("dispatcher")
    frame = Frame("gridcrew/v1/TT2/readings", readings_body(1, ["M3"], at_ms=START_MS), START_MS)
    world.services.readings.write(list(decode(frame).batches))
    called_ms = START_MS - MINUTE_MS
    (first,) = _take(who, _sent("T-1", "C3", called_ms))
    assert (first["ticket"]["verdict"], first["ticket"]["open"]) == ("advice", True)
    order = world.confirmed()
    _turn(world, sideline)
    now = who.get("/api/v1/tickets/T-1").get_json()
    assert (now["verdict"], now["order_id"], now["advice"]) == ("covered", order["id"], "")
    assert who.get(f"/api/v1/orders/{order['id']}").get_json()["accepted_at"] == iso(called_ms)


def test_an_advice_that_nothing_contradicts_is_over_after_half_an_hour(
    world: World, sideline: Sideline
) -> None:
    who = world.log_in("dispatcher")
    frame = Frame("gridcrew/v1/TT2/readings", readings_body(1, ["M3"], at_ms=START_MS), START_MS)
    world.services.readings.write(list(decode(frame).batches))
    _take(who, _sent("T-1", "C3", START_MS - MINUTE_MS))
    _turn(world, sideline)
    assert who.get("/api/v1/tickets/T-1").get_json()["open"]
    world.clock.now_ms += FOLLOWED_MS
    _turn(world, sideline)
    assert not who.get("/api/v1/tickets/T-1").get_json()["open"]
