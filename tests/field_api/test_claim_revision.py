"""One outage, one incident, one order, whatever the detector says and however often (invariant 4)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from field_api.notices.notice import NoticeState
from field_api.orders.incidents import MOMENTARY_MS
from field_api.people.users import WHOLE_COMPANY
from field_api.usecases.claim_revision import POSITION
from telemetry.outages import OutageState
from tests.field_api.world import CREW_OF, World

AT = "2026-11-22T08:00:00Z"
CONFIRMED, RESTORED = OutageState.CONFIRMED, OutageState.RESTORED
LONG_MS = 600_000
EVERYBODY = ("C1", "C2", "C3", "C4")


def _orders(world: World, outage: str = "out-1") -> list[str]:
    with world.services.desk.reading() as session:
        return [one.state for one in session.orders.of_outage(WHOLE_COMPANY, outage)]


def _told(world: World) -> list[tuple[str, str]]:
    with world.services.desk.reading() as session:
        notices = session.outbox.listed(WHOLE_COMPANY, None, 100)
    return sorted((one.posting.recipient, one.announcement.kind) for one in notices)


def test_a_suspicion_shows_but_orders_nothing(world: World) -> None:
    world.publish("out-1", OutageState.SUSPECTED)
    world.work()
    shown = world.log_in("dispatcher").get("/api/v1/outages").get_json()["items"]
    assert [(one["id"], one["state"], one["customers_out"]) for one in shown] == [("out-1", "suspected", 2)]
    assert _orders(world) == []
    assert _told(world) == []


@pytest.mark.parametrize(
    ("cause", "cell", "people"), [("T1", "G1", ["C1", "C2"]), ("T2", "G2", ["C3", "C4"])]
)
def test_rep_01_a_confirmed_outage_is_an_order_of_its_cells_crew(
    world: World, cause: str, cell: str, people: list[str]
) -> None:
    order = world.confirmed(cause=cause)
    assert (order["grid_id"], order["crew_id"]) == (cell, CREW_OF[cell])
    assert order["number"] == "R-20261122-0001"
    assert len(order["due"]) == 2
    assert _told(world) == [(one, "outage") for one in people]


def test_revisions_update_what_is_there(world: World) -> None:
    world.confirmed()
    world.publish("out-1", CONFIRMED, "LN2", cut=("LN2",))
    world.work()
    assert _orders(world) == ["assigned"]
    order = world.log_in("dispatcher").get("/api/v1/orders").get_json()["items"][0]
    assert order["element"] == "LN2"
    detail = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()
    assert [entry["step"] for entry in detail["history"]] == ["assign", "scope_changed"]
    assert order["revision"] == 1, "a fact makes nobody's step stale"
    assert _told(world) == [("C3", "outage"), ("C4", "outage")]


def test_handled_twice_is_once(world: World) -> None:
    world.confirmed()
    logged = world.outages.read(0)[0]
    assert not world.worker.claim(logged, 0, world.clock()), "the position has moved on"
    with world.services.desk.writing() as session:
        session.positions.advance(POSITION, logged.id, 0, world.clock())
    world.work()
    assert _orders(world) == ["assigned"]
    assert len(_told(world)) == 2


def test_a_momentary_interruption_is_recorded_and_leaves_no_order(world: World) -> None:
    world.confirmed()
    world.clock.now_ms += MOMENTARY_MS - 2_000
    world.publish("out-1", RESTORED)
    world.work()
    assert _orders(world) == ["cancelled"]
    closed = world.log_in("dispatcher").get("/api/v1/outages?state=closed").get_json()["items"]
    assert [one["id"] for one in closed] == ["out-1"]
    assert ("C3", "restored") in _told(world)


def test_a_crew_that_set_out_hears_that_a_momentary_interruption_is_over(world: World) -> None:
    order = world.confirmed()
    body = {"operation_id": "op-accept-0001", "step": "accept", "at": AT, "revision": order["revision"]}
    assert (
        world.log_in("crew-02").send("POST", f"/api/v1/orders/{order['id']}/steps", body).status_code == 200
    )
    world.publish("out-1", RESTORED)
    world.work()
    assert _orders(world) == ["accepted"]


def test_beyond_the_ownership_boundary_no_order_is_made_and_nobody_is_told_of_a_crew(world: World) -> None:
    world.publish("out-1", CONFIRMED, owner_side="dedicated_transformer=T2")
    world.work()
    assert _orders(world) == []
    assert _told(world) == []
    shown = world.log_in("dispatcher").get("/api/v1/outages/out-1").get_json()
    assert shown["owner_side"] == "dedicated_transformer=T2"


def test_an_order_is_withdrawn_when_the_fault_proves_to_be_the_owners(world: World) -> None:
    world.confirmed()
    world.publish("out-1", CONFIRMED, owner_side="owner=T2")
    world.work()
    assert _orders(world) == ["cancelled"]


def test_power_returns_and_everybody_hears_it_once(world: World) -> None:
    world.confirmed()
    world.clock.now_ms += LONG_MS
    world.publish("out-1", RESTORED)
    world.work()
    world.publish("out-1", RESTORED)
    world.work()
    assert _told(world) == [(one, kind) for one in ("C3", "C4") for kind in ("outage", "restored")]
    closed = world.log_in("dispatcher").get("/api/v1/outages?state=closed").get_json()["items"][0]
    assert closed["customers_out"] == 2, "what it was at its widest"
    assert _orders(world) == ["assigned"], "somebody still has to look"


def test_a_retraction_cancels_what_nobody_reached_and_corrects(world: World) -> None:
    world.confirmed()
    world.publish("out-1", OutageState.RETRACTED)
    world.work()
    assert _orders(world) == ["cancelled"]
    assert ("C3", "correction") in _told(world)


def test_two_that_prove_one_share_incident_and_order(world: World) -> None:
    world.confirmed("out-1", "T1")
    world.confirmed("out-2", "T2")
    world.publish("out-2", OutageState.MERGED, "T2", merged_into="out-1")
    world.work()
    with world.services.desk.reading() as session:
        incidents = {session.incidents.of_outage(outage) for outage in ("out-1", "out-2")}
    assert len(incidents) == 1
    assert (_orders(world, "out-1"), _orders(world, "out-2")) == (["assigned"], ["cancelled"])
    world.publish("out-1", CONFIRMED, "CB1", cut=("CB1",))
    world.work()
    assert len(_told(world)) == 4, "those who were told about the one are not told again about the other"


def test_an_order_follows_its_outage_into_one_without(world: World) -> None:
    world.confirmed("out-2", "T2")
    world.publish("out-1", OutageState.SUSPECTED, "LN2")
    world.publish("out-2", OutageState.MERGED, "T2", merged_into="out-1")
    world.publish("out-1", CONFIRMED, "LN2", cut=("LN2",))
    world.work()
    assert (_orders(world, "out-1"), _orders(world, "out-2")) == (["assigned"], [])


def test_part_of_it_returns(world: World) -> None:
    world.confirmed(cause="CB1")
    world.publish("out-1", CONFIRMED, "CB1", cut=("CB1",), restored=("T1",))
    world.work()
    assert [one for one in _told(world) if one[1] == "restored"] == [("C1", "restored"), ("C2", "restored")]


def test_who_passes_from_one_outage_to_another_hears_its_beginning_and_its_end_once(world: World) -> None:
    world.confirmed("out-1", "T2", also_out=("C1",))
    world.clock.now_ms += 5_000
    world.confirmed("out-2", "T1")
    world.publish("out-1", CONFIRMED, "T2")
    world.work()
    assert [kind for person, kind in _told(world) if person == "C1"] == ["outage"], "no correction either"
    for outage, cause in (("out-2", "T1"), ("out-1", "T2")):
        world.clock.now_ms += LONG_MS
        world.publish(outage, RESTORED, cause)
        world.work()
    assert _told(world) == [(one, kind) for one in EVERYBODY for kind in ("outage", "restored")]


def _last_words(world: World) -> dict[str, str]:
    """Person → what they heard last; fails where somebody hears the same twice in a row."""
    with world.services.desk.reading() as session:
        notices = session.outbox.listed(WHOLE_COMPANY, None, 10_000)
    last: dict[str, str] = {}
    for notice in reversed(notices):
        kind = "out" if notice.announcement.kind == "outage" else "over"
        if notice.state is not NoticeState.WITHDRAWN and notice.announcement.kind != "progress":
            assert last.get(notice.posting.recipient) != kind, (
                f"{notice.posting.recipient} hears {kind} twice"
            )
            last[notice.posting.recipient] = kind
    return last


@given(st.lists(st.tuples(st.integers(0, 2), st.sets(st.sampled_from(EVERYBODY))), min_size=2, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ntf_01_of_overlapping_outages_each_hears_the_beginning_and_the_end_once(
    world: World, story: list[tuple[int, set[str]]]
) -> None:
    """Three outages grow, shrink and overlap at will, as soon as words have left; then all are over."""
    night = f"night-{len(world.published)}"
    scopes: dict[int, set[str]] = {}
    for number, out in story:
        world.clock.now_ms += 5_000
        others, own = out & set(EVERYBODY[:2]), set(EVERYBODY[2:]) - out
        world.publish(f"{night}-{number}", CONFIRMED, also_out=tuple(others), not_out=tuple(own))
        world.work()
        scopes[number] = out
        thinks_out = {one for one, words in _last_words(world).items() if words == "out"}
        assert thinks_out == set().union(*scopes.values())
    for number in scopes:
        world.clock.now_ms += LONG_MS
        world.publish(f"{night}-{number}", RESTORED)
        world.work()
    assert set(_last_words(world).values()) <= {"over"}


def test_people_who_return_one_by_one_hear_that_and_no_correction(world: World) -> None:
    world.confirmed(reasons=("last_gasps=2",))
    world.clock.now_ms += LONG_MS
    world.publish("out-1", CONFIRMED, not_out=("C3",), reasons=("returned=1", "last_gasps=1"))
    world.publish("out-1", CONFIRMED, not_out=("C3", "C4"), reasons=("returned=2",))
    world.publish("out-1", RESTORED, reasons=("returned=2",))
    world.work()
    assert _told(world) == [(one, kind) for one in ("C3", "C4") for kind in ("outage", "restored")]
    closed = world.log_in("dispatcher").get("/api/v1/outages?state=closed").get_json()["items"][0]
    assert closed["customers_out"] == 2
    order = world.log_in("dispatcher").get("/api/v1/orders").get_json()["items"][0]
    assert order["customers"] == 2, "the job is as large as it was"


def test_an_order_closed_on_proof_is_not_followed_by_an_empty_one(world: World) -> None:
    order = world.confirmed()
    world.publish("out-1", CONFIRMED, not_out=("C3", "C4"), reasons=("returned=2",))
    world.work()
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive", "repair", "close"):
        body: dict[str, object] = {"operation_id": f"op-{step}-0001", "step": step, "at": AT}
        answer = crew.send(
            "POST", f"/api/v1/orders/{order['id']}/steps", body | {"revision": order["revision"]}
        )
        assert answer.status_code == 200, answer.text
        order = answer.get_json()
    world.publish("out-1", CONFIRMED, not_out=("C3", "C4"), reasons=("returned=2",))
    world.work()
    assert _orders(world) == ["closed"]
    world.publish("out-1", CONFIRMED, not_out=("C3",))
    world.work()
    assert _orders(world) == ["closed", "assigned"], "somebody is out again"


def test_key_and_vulnerable_customers_hear_first(world: World) -> None:
    world.confirmed(cause="CB1")
    lines = (world.home.data_dir / "notices.log").read_text(encoding="utf-8").splitlines()
    first = [json.loads(line)["key"].split("/")[2] for line in lines]
    assert first == ["C4", "C2", "C1", "C3"], "the key customer, the vulnerable one, everybody"


def test_notices_reach_the_log_masked_and_once(world: World) -> None:
    world.confirmed()
    world.work()
    text = (world.home.data_dir / "notices.log").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2
    assert "136****5670" in text
    assert "13612345670" not in text
    assert "王五" not in text


_KILLED = """
import os, sys
from pathlib import Path
import field_api.adapters.sql_views as views
from field_api.app import Installation, build_worker
from threading import Event

keep = views.SqlFeed.append
def die(self, at_ms, events):
    keep(self, at_ms, events)
    os._exit(9)
if sys.argv[2] == "die":
    views.SqlFeed.append = die
worker = build_worker(Installation(sys.argv[1], Path(sys.argv[1]), "zh"))
worker.turn(Event())
"""


def test_a_worker_killed_in_the_middle_leaves_nothing_half(world: World, tmp_path: Path) -> None:
    world.publish("out-1", CONFIRMED)
    script = tmp_path / "killed.py"
    script.write_text(_KILLED, encoding="utf-8")
    for how, code, orders in (("die", 9, []), ("live", 0, ["assigned"]), ("live", 0, ["assigned"])):
        ended = subprocess.run(
            [sys.executable, str(script), world.home.location, how],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            check=False, capture_output=True,
        )  # fmt: skip
        assert ended.returncode == code, ended.stderr.decode()
        assert _orders(world) == orders
    assert len(_told(world)) == 2
