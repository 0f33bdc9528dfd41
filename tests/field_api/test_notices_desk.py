"""Notices from the outage to the person: dwell, click, holds, expected times, plans, escalation, kills."""

import os
import subprocess
import sys
import threading
import time as time_module
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest

from field_api.adapters.notice_files import NoticeFolder
from field_api.app import build_services, build_worker
from field_api.calendars import ZONE
from field_api.http.app import create_app
from field_api.instants import MINUTE_MS, iso, milliseconds
from field_api.notice_house import NoticePolicy
from field_api.notices.call_list import STAFF
from field_api.notices.control import ChannelState
from field_api.notices.notice import LEASE_MS, NoticeState, provider_key
from field_api.notices.rules import DAY_MS, HOUR_MS, NoticeRules
from field_api.people.users import WHOLE_COMPANY
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.outages import OutageState
from tests.field_api.provider import LIE, Provider, running_provider
from tests.field_api.world import Person, World

CONFIRMED, RESTORED = OutageState.CONFIRMED, OutageState.RESTORED
NEVER_QUIET = time(0)
RULES = NoticeRules(
    automatic_below=3,
    key_waits=False,
    quiet_from=NEVER_QUIET,
    quiet_until=NEVER_QUIET,
    villages=False,
)
_EVENING_MS = milliseconds(datetime(2026, 11, 22, 21, 57, tzinfo=ZONE))
_PHONES = {"C3": "13612345670", "C4": "13712345671"}
CHANNEL = """
name = "sms"
kind = "http"
url = "{url}"
timeout_s = 0.5
body = '{{"to": {{phone}}, "words": {{text}}, "id": {{key}}}}'
[taken]
field = "code"
equals = ["0"]
[receipts]
reference = "id"
state = "state"
delivered = ["DELIVRD"]
"""
CALL_LIST = """
[[people]]
id = "lead"
name = "张班长"
level = 1
crews = ["crew-02"]
[[people]]
id = "desk"
name = "李指挥"
level = 2
[[people]]
id = "chief"
name = "王主任"
level = 3
"""


def _ruled(world: World, rules: NoticeRules = RULES, url: str = "") -> World:
    """The same company under rules, with a call list, and with a provider at ``url``."""
    folder = NoticeFolder(Path(world.home.data_dir) / "site")
    folder.channels.mkdir(parents=True, exist_ok=True)
    folder.call_list.write_text(CALL_LIST, encoding="utf-8")
    if url:
        (folder.channels / "sms.toml").write_text(CHANNEL.format(url=url), encoding="utf-8")
    home = replace(world.home, notices=NoticePolicy(rules, "sms" if url else "log", "log", folder))
    store = EmbeddedReadingStore(Path(world.home.data_dir) / "readings2")
    built = build_services(home, world.services.config, store, simulator_port=9)
    services = replace(built, clock=world.clock, throttle=world.services.throttle)
    worker = replace(build_worker(home), clock=world.clock)
    return replace(world, home=home, services=services, worker=worker, app=create_app(services))


def _states(world: World, staff: bool = False) -> dict[tuple[str, str], str]:
    """State of the newest notice by person and kind: of customers, or of people of the company."""
    with world.services.desk.reading() as session:
        listed = session.outbox.listed(WHOLE_COMPANY, None, 100)
    return {
        (one.posting.recipient, one.announcement.kind): one.state.value
        for one in reversed(listed)
        if one.posting.recipient.startswith(STAFF) is staff
    }


def _pass(world: World, span_ms: int) -> None:
    world.clock.now_ms += span_ms
    world.work()


@pytest.fixture
def ruled(world: World) -> World:
    return _ruled(world)


@pytest.fixture
def dispatcher(ruled: World) -> Person:
    return ruled.log_in("dispatcher")


def test_a_reclose_within_the_dwell_is_told_to_nobody(ruled: World) -> None:
    ruled.confirmed()
    assert _states(ruled) == {("C3", "outage"): "queued", ("C4", "outage"): "queued"}
    _pass(ruled, 30_000)
    ruled.publish("out-1", RESTORED)
    _pass(ruled, 10 * MINUTE_MS)
    assert _states(ruled) == {("C3", "outage"): "withdrawn", ("C4", "outage"): "withdrawn"}


def test_after_the_dwell_everybody_hears_it_and_its_end(ruled: World) -> None:
    ruled.confirmed()
    _pass(ruled, MINUTE_MS)
    assert set(_states(ruled).values()) == {"sent"}
    ruled.publish("out-1", RESTORED)
    _pass(ruled, MINUTE_MS)
    assert _states(ruled)["C3", "restored"] == "sent"


def test_who_flickers_before_the_dwell_hears_the_last_word_once(ruled: World) -> None:
    ruled.confirmed()
    ruled.publish("out-1", CONFIRMED, not_out=("C3",), reasons=("returned=1",))
    ruled.work()
    assert _states(ruled)["C3", "outage"] == "withdrawn"
    ruled.publish("out-1", CONFIRMED)
    _pass(ruled, MINUTE_MS)
    with ruled.services.desk.reading() as session:
        listed = session.outbox.listed(WHOLE_COMPANY, None, 100)
    assert sorted((one.posting.recipient, one.state.value) for one in listed) == [
        ("C3", "sent"),
        ("C3", "withdrawn"),
        ("C4", "sent"),
    ]


def test_in_quiet_hours_only_the_key_customer_is_woken(world: World) -> None:
    """The world begins at 06:26 local time."""
    ruled = _ruled(world, replace(RULES, quiet_from=time(22), quiet_until=time(7)))
    ruled.confirmed()
    _pass(ruled, MINUTE_MS)
    assert _states(ruled) == {("C3", "outage"): "queued", ("C4", "outage"): "sent"}
    _pass(ruled, 40 * MINUTE_MS)
    assert _states(ruled)["C3", "outage"] == "sent"


def test_a_large_scope_waits_for_one_click(ruled: World, dispatcher: Person) -> None:
    ruled.confirmed(cause="CB1")
    _pass(ruled, 5 * MINUTE_MS)
    assert set(_states(ruled).values()) == {"pending"}
    (found,) = dispatcher.get("/api/v1/notices/pending").get_json()["items"]
    assert (found["incident_id"], found["messages"], found["customers"]) == ("inc-out-1", 4, 4)
    assert (found["waits"], found["to_key"], found["to_vulnerable"]) == (["large"], 1, 1)
    assert "95598" in found["text"]
    click = {"operation_id": "op-approve-1", "incident_id": "inc-out-1", "decision": "approve"}
    answers = [dispatcher.send("POST", "/api/v1/notices/approve", click) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200], "sent again, it is the same click"
    assert answers[0].get_json() == answers[1].get_json()
    ruled.work()
    assert set(_states(ruled).values()) == {"sent"}
    assert dispatcher.get("/api/v1/notices/pending").get_json()["items"] == []
    other = click | {"incident_id": "inc-out-2"}
    assert dispatcher.send("POST", "/api/v1/notices/approve", other).status_code == 409


def test_a_click_tells_the_other_screens(ruled: World, dispatcher: Person) -> None:
    body = {"operation_id": "op-hold-0001", "kind": "all", "note": "核实中"}
    hold = dispatcher.send("POST", "/api/v1/notices/hold", body).get_json()["id"]
    dispatcher.send("POST", "/api/v1/notices/release", {"hold_id": hold})
    with ruled.services.desk.reading() as session:
        told = [one.event.name for one in session.feed.read(0, 100)]
    assert told.count("notice_control") == 2


def test_a_no_is_kept_and_nobody_is_asked_again_at_that_size(ruled: World, dispatcher: Person) -> None:
    ruled.confirmed(cause="CB1")
    click = {"operation_id": "op-reject-1", "incident_id": "inc-out-1", "decision": "reject", "note": "试验"}
    assert dispatcher.send("POST", "/api/v1/notices/approve", click).status_code == 200
    ruled.publish("out-1", CONFIRMED, "CB1", cut=("CB1",), reasons=("last_gasps=4",))
    ruled.publish("out-1", RESTORED, "CB1")
    _pass(ruled, MINUTE_MS)
    assert set(_states(ruled).values()) == {"rejected"}


def test_only_somebody_of_every_cell_decides(ruled: World) -> None:
    ruled.confirmed(cause="CB1")
    click = {"operation_id": "op-approve-1", "incident_id": "inc-out-1", "decision": "approve"}
    for username in ("viewer", "crew-01"):
        answer = ruled.log_in(username).send("POST", "/api/v1/notices/approve", click)
        assert answer.status_code == 403, username


@pytest.mark.parametrize(("kind", "thing"), [("all", ""), ("feeder", "CB1"), ("outage", "out-1")])
def test_what_is_on_hold_stays_until_it_is_released(
    ruled: World, dispatcher: Person, kind: str, thing: str
) -> None:
    ruled.confirmed()
    body = {"operation_id": "op-hold-0001", "kind": kind, "thing": thing, "note": "核实中"}
    made = dispatcher.send("POST", "/api/v1/notices/hold", body)
    assert made.status_code == 201, made.text
    _pass(ruled, 5 * MINUTE_MS)
    assert set(_states(ruled).values()) == {"queued"}
    release = {"hold_id": made.get_json()["id"], "note": "已核实"}
    assert dispatcher.send("POST", "/api/v1/notices/release", release).status_code == 200
    ruled.work()
    assert set(_states(ruled).values()) == {"sent"}
    (shown,) = dispatcher.get("/api/v1/notices/holds").get_json()["items"]
    assert (shown["by_name"], shown["note"], shown["released_note"]) == ("指挥员", "核实中", "已核实")
    unknown = body | {"operation_id": "op-hold-0002", "kind": "outage", "thing": "?"}
    assert dispatcher.send("POST", "/api/v1/notices/hold", unknown).status_code == 404


def test_another_expected_time_is_told_once_and_its_passing_too(ruled: World) -> None:
    ruled.confirmed()
    _pass(ruled, MINUTE_MS)
    (order,) = ruled.log_in("dispatcher").get("/api/v1/orders").get_json()["items"]
    crew = ruled.log_in("crew-02")
    steps: list[dict[str, Any]] = [
        {"step": "accept"},
        {"step": "estimate", "estimate_at": iso(ruled.clock() + HOUR_MS)},
    ]
    for number, step in enumerate(steps):
        body = {
            "operation_id": f"op-step-000{number}",
            "at": iso(ruled.clock()),
            "revision": order["revision"],
        }
        answer = crew.send("POST", f"/api/v1/orders/{order['id']}/steps", body | step)
        assert answer.status_code == 200, answer.text
        order = answer.get_json()
    for _ in range(3):
        _pass(ruled, 10_000)
    assert _texts(ruled, "C3") == ["outage", "progress"]
    _pass(ruled, 2 * HOUR_MS)
    for _ in range(3):
        _pass(ruled, 10_000)
    assert _texts(ruled, "C3") == ["outage", "progress", "progress"]
    with ruled.services.desk.reading() as session:
        newest = session.outbox.listed(WHOLE_COMPANY, None, 1)[0]
    assert newest.announcement.text.count("定") == 2, "复电时间待定，确定后 … and nothing provisional besides"
    assert "（暂定）" not in newest.announcement.text


def _texts(world: World, person: str) -> list[str]:
    with world.services.desk.reading() as session:
        listed = session.outbox.listed(WHOLE_COMPANY, None, 100)
    return [one.announcement.kind for one in reversed(listed) if one.posting.recipient == person]


def test_planned_work_is_told_in_time_and_its_cancellation_too(ruled: World, dispatcher: Person) -> None:
    starts_ms = ruled.clock() + 9 * DAY_MS
    plan = {"operation_id": "op-plan-0001", "element": "T1", "starts_at": iso(starts_ms),
            "ends_at": iso(starts_ms + 4 * HOUR_MS), "note": "检修"}  # fmt: skip
    assert dispatcher.send("POST", "/api/v1/planned-work", plan).status_code == 201
    _pass(ruled, MINUTE_MS)
    assert _states(ruled) == {}, "nine days ahead is too early"
    _pass(ruled, 2 * DAY_MS)
    _pass(ruled, MINUTE_MS)
    assert _states(ruled) == {("C1", "planned"): "sent", ("C2", "planned"): "sent"}
    dispatcher = ruled.log_in("dispatcher")  # two days later
    cancel = plan | {"operation_id": "op-plan-0002", "action": "cancel"}
    assert dispatcher.send("POST", "/api/v1/planned-work", cancel).status_code == 201
    for _ in range(3):
        _pass(ruled, MINUTE_MS)
    assert _texts(ruled, "C1") == ["planned", "planned_cancelled"]
    temporary = plan | {"operation_id": "op-plan-0003", "starts_at": iso(ruled.clock() + 30 * HOUR_MS),
                        "ends_at": iso(ruled.clock() + 31 * HOUR_MS)}  # fmt: skip
    assert dispatcher.send("POST", "/api/v1/planned-work", temporary).status_code == 201
    _pass(ruled, MINUTE_MS)
    assert _texts(ruled, "C1")[-1] == "temporary"


def test_ntf_02_every_touched_village_gets_its_task_and_its_liaison_hears_before_everybody(
    world: World,
) -> None:
    ruled = _ruled(world, replace(RULES, villages=True))
    ruled.confirmed()
    assert _tasks(ruled) == [], "not before the dwell is over"
    for _ in range(3):
        _pass(ruled, MINUTE_MS)
    assert _tasks(ruled) == [{"village_id": "village-G2", "outage_kind": "fault"}]
    with ruled.services.desk.reading() as session:
        listed = session.outbox.listed(WHOLE_COMPANY, None, 100)
    urgency = {one.posting.recipient: one.posting.urgency for one in listed}
    assert urgency["C4"] < urgency["staff:G2-hand-2"] < urgency["C3"]
    ruled.publish("out-1", RESTORED)
    _pass(ruled, MINUTE_MS)
    assert _states(ruled, staff=True)["staff:G2-hand-2", "restored"] == "sent"


def test_ntf_02_planned_work_has_its_tasks_too(world: World) -> None:
    ruled = _ruled(world, replace(RULES, villages=True))
    dispatcher = ruled.log_in("dispatcher")
    plan = {"operation_id": "op-plan-0001", "element": "T2", "starts_at": iso(ruled.clock() + 2 * DAY_MS),
            "ends_at": iso(ruled.clock() + 3 * DAY_MS), "note": "检修"}  # fmt: skip
    assert dispatcher.send("POST", "/api/v1/planned-work", plan).status_code == 201
    for _ in range(3):
        _pass(ruled, MINUTE_MS)
    assert _tasks(ruled) == [{"village_id": "village-G2", "outage_kind": "temporary"}]
    assert _states(ruled, staff=True) == {("staff:G2-hand-2", "temporary"): "sent"}


def _tasks(world: World) -> list[dict[str, Any]]:
    with world.services.desk.reading() as session:
        found = session.orders.open_of(WHOLE_COMPANY, ["liaison_notice"])
    return [dict(one.history[0].details["answers"]) for one in found]


def test_an_order_that_nobody_accepts_climbs_the_call_list(ruled: World) -> None:
    ruled.confirmed()
    for _ in range(20):
        _pass(ruled, MINUTE_MS)
    people = [person for person, kind in _states(ruled, staff=True) if kind == "escalation"]
    assert people == ["staff:lead", "staff:desk", "staff:chief"]
    shown = ruled.log_in("dispatcher").get("/api/v1/notices").get_json()["items"]
    assert any(one["recipient"] == "staff:lead" for one in shown)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.mark.parametrize("fault", ["down", "lie", "cut"])
def test_a_provider_in_trouble_gets_each_message_once_and_people_hear_of_it(
    world: World, provider: Provider, fault: str
) -> None:
    """Fault 31: retried with the same key, one delivery for each, escalated after five minutes."""
    ruled = _ruled(world, url=provider.url)
    provider.status, provider.cut = (503 if fault == "down" else 200), fault == "cut"
    provider.answer = LIE if fault == "lie" else provider.answer
    ruled.confirmed()
    for _ in range(14):
        _pass(ruled, MINUTE_MS // 2)
    states = _states(ruled)
    assert states["C3", "outage"] == "queued"
    assert _states(ruled, staff=True)["staff:desk", "channel_down"] == "sent"
    assert len(provider.requests) > 4, "tried again and again"
    provider.status, provider.cut, provider.answer = 200, False, {"code": 0}
    for _ in range(8):
        _pass(ruled, 5 * MINUTE_MS)
    assert _states(ruled)["C3", "outage"] == "sent"
    keys = {provider_key(f"out-1/outage/{one}/0") for one in ("C3", "C4")}
    assert {key: count for key, count in provider.delivered.items() if key in keys} == dict.fromkeys(keys, 1)
    with ruled.services.desk.reading() as session:
        assert session.notices.channel("sms").failing_since_ms is None


def test_a_retry_that_falls_into_the_night_waits_for_the_morning(world: World, provider: Provider) -> None:
    """Queued in the evening, the provider down until quiet hours began: then only the key customer is called,
    and for the other one no attempt is made before they end."""
    ruled = _ruled(world, replace(RULES, quiet_from=time(22), quiet_until=time(7)), provider.url)
    world.clock.now_ms = _EVENING_MS
    provider.status = 503
    ruled.confirmed()
    for _ in range(6):
        _pass(ruled, MINUTE_MS)
    both, tried = {_PHONES["C3"], _PHONES["C4"]}, len(provider.requests)
    assert {one["to"] for one in provider.requests} == both, "both were tried before the night"
    provider.status = 200
    for span_ms in (10 * MINUTE_MS, *[HOUR_MS] * 8):
        _pass(ruled, span_ms)
        assert {one["to"] for one in provider.requests[tried:]} == {_PHONES["C4"]}
    assert _states(ruled)["C4", "outage"] == "sent"
    _pass(ruled, HOUR_MS)
    assert {one["to"] for one in provider.requests[tried:]} == both


def test_receipts_come_back_and_never_go_back(world: World, provider: Provider) -> None:
    ruled = _ruled(world, url=provider.url)
    ruled.confirmed()
    _pass(ruled, MINUTE_MS)
    key = provider_key("out-1/outage/C3/0")
    admin = ruled.log_in("admin")
    receipts = [{"id": key, "state": "DELIVRD"}, {"id": "unknown", "state": "DELIVRD"}]
    answer = admin.send("POST", "/api/v1/notices/receipts/sms", receipts)
    assert answer.get_json() == {"known": 1, "told": 2}
    assert _states(ruled)["C3", "outage"] == "delivered"
    assert admin.send("POST", "/api/v1/notices/receipts/sms", {"x": 1}).status_code == 422
    assert admin.send("POST", "/api/v1/notices/receipts/log", {"x": 1}).status_code == 404


def test_killed_between_the_provider_and_the_note_each_message_arrives_once(
    world: World, provider: Provider, tmp_path: Path
) -> None:
    ruled = _ruled(world, url=provider.url)
    ruled.confirmed()
    script = tmp_path / "killed.py"
    script.write_text(_KILLED, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(script), world.home.location, str(ruled.clock() + MINUTE_MS)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False, capture_output=True,
    )  # fmt: skip
    assert ended.returncode == 9, ended.stderr.decode()
    assert set(_states(ruled).values()) == {"sending"}, "marked before it was handed over"
    assert len(provider.requests) == 2
    _pass(ruled, MINUTE_MS + LEASE_MS)
    assert set(_states(ruled).values()) == {NoticeState.SENT.value}
    assert len(provider.requests) == 4
    assert set(provider.delivered.values()) == {1}, "the provider knows the key again"


def test_a_slow_provider_keeps_nobody_else_waiting(world: World, provider: Provider) -> None:
    """The running worker: each channel sends by itself, revisions go on being claimed, the end is soon."""
    ruled = _ruled(world, replace(RULES, dwell_ms=0), url=provider.url)
    provider.wait_s = 1.0  # beyond the channel's patience
    stop, worker = threading.Event(), threading.Thread(target=lambda: ruled.worker.run(stop))
    worker.start()
    try:
        ruled.publish("out-1", CONFIRMED)
        _until(lambda: bool(provider.requests))
        state = ChannelState("other", ruled.clock(), "away", reported=False)
        with ruled.services.desk.writing() as session:
            ruled.worker.notices.staff.channel_down(session, state, ruled.clock())
        ruled.publish("out-2", CONFIRMED, "T1")
        _until(lambda: _states(ruled, staff=True).get(("staff:desk", "channel_down")) == "sent")
        _until(lambda: ("C1", "outage") in _states(ruled))
    finally:
        stop.set()
        worker.join(10)
    assert not worker.is_alive()


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time_module.monotonic() + 15
    while not holds():
        assert time_module.monotonic() < deadline_s
        time_module.sleep(0.02)


_KILLED = """
import os, sys
from pathlib import Path
import field_api.usecases.deliver_notices as deliver
from field_api.adapters.notice_files import NoticeFolder
from field_api.app import Installation, build_worker
from field_api.notice_house import NoticePolicy
from field_api.notices.rules import NoticeRules

deliver._keep = lambda *_: os._exit(9)
folder = Path(sys.argv[1])
from datetime import time
rules = NoticeRules(key_waits=False, quiet_from=time(0), quiet_until=time(0))
policy = NoticePolicy(rules, "sms", "log", NoticeFolder(folder / "site"))
worker = build_worker(Installation(sys.argv[1], folder, "zh", notices=policy))
worker.notices.deliver(int(sys.argv[2]))
"""
