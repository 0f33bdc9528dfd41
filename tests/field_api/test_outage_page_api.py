"""What the page of one outage reads besides: English names, each customer's times, back-feeds."""

import uuid
from typing import Any

from telemetry.outages import OutageState
from tests.field_api.world import World

MINUTE_MS = 60_000


def _absences(world: World, who: str = "dispatcher", more: str = "") -> dict[str, Any]:
    answer = world.log_in(who).get(f"/api/v1/outages/out-1/absences{more}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.get_json()
    return page


def _restored_in_steps(world: World) -> None:
    """CB1 fails, T1's people come back after ten minutes, T2's after twenty-five."""
    world.confirmed(cause="CB1")
    world.clock.now_ms += 10 * MINUTE_MS
    back_ms = world.clock()
    world.publish(
        "out-1", OutageState.CONFIRMED, "CB1", restored=("T1",), reasons=(f"returned_at={back_ms - 5_000}",)
    )
    world.work()
    world.clock.now_ms += 15 * MINUTE_MS


def test_each_customer_has_times_of_their_own(world: World) -> None:
    _restored_in_steps(world)
    page = _absences(world)
    assert (page["customers"], page["still_out"]) == (4, 2)
    assert [one["id"] for one in page["items"]] == ["C3", "C4", "C1", "C2"], "still out first"
    assert [one["on_at"] is None for one in page["items"]] == [True, True, False, False]
    assert [(step["at"], step["customers"]) for step in page["steps"]] == [(page["items"][2]["on_at"], 2)]
    world.publish("out-1", OutageState.RESTORED, "CB1")
    world.work()
    over = _absences(world)
    assert over["still_out"] == 0
    assert [step["customers"] for step in over["steps"]] == [2, 2]
    assert {one["off_at"] for one in over["items"]} == {page["items"][0]["off_at"]}


def test_times_come_in_pages_and_only_of_my_cells(world: World) -> None:
    _restored_in_steps(world)
    first = _absences(world, more="?limit=3")
    rest = _absences(world, more=f"?limit=3&cursor={first['next_cursor']}")
    assert [one["id"] for page in (first, rest) for one in page["items"]] == ["C3", "C4", "C1", "C2"]
    assert rest["next_cursor"] is None
    mine = _absences(world, "crew-01")
    assert ([one["id"] for one in mine["items"]], mine["customers"], mine["still_out"]) == (
        ["C1", "C2"],
        2,
        0,
    )
    assert mine["items"][0]["name"] == "张*"


def test_nobody_has_times_before_the_outage_is_confirmed(world: World) -> None:
    world.publish("out-1", OutageState.SUSPECTED)
    world.work()
    assert _absences(world)["items"] == []


def test_an_outage_that_is_not_mine_has_no_times(world: World) -> None:
    world.confirmed(cause="T2")
    assert world.log_in("crew-01").get("/api/v1/outages/out-1/absences").status_code == 404


def test_english_names_stand_beside_the_chinese_ones(world: World) -> None:
    order = world.confirmed(cause="T2")
    dispatcher = world.log_in("dispatcher")
    cause = dispatcher.get(f"/api/v1/outages/{order['outage_id']}").get_json()["cause"]
    assert (cause["name"], cause["name_en"]) == ("二号变", "transformer 2")
    element = dispatcher.get("/api/v1/elements/T2").get_json()
    assert element["name_en"] == "transformer 2"
    assert [step["name_en"] for step in element["path"]] == ["", "feeder breaker", "", "transformer 2"]
    found = dispatcher.get("/api/v1/search?q=T2").get_json()["items"]
    assert "transformer 2" in {one["name_en"] for one in found}


def test_an_order_lists_what_could_feed_back(world: World) -> None:
    order = world.confirmed(cause="T2")
    crew, path = world.log_in("crew-02"), f"/api/v1/orders/{order['id']}"
    assert crew.get(path).get_json()["back_feeds"] == []
    generator = {"operation_id": uuid.uuid4().hex, "element": "~L2", "position": "closed", "note": "医院"}
    assert crew.send("POST", "/api/v1/network/switching", generator).status_code == 201
    shown = crew.get(path).get_json()
    assert shown["back_feeds_known"] is True
    assert [(one["kind"], one["id"]) for one in shown["back_feeds"]] == [("generator", "L2")]


def test_an_outages_page_has_an_address_of_its_own(world: World) -> None:
    """The same page as at /; what is missing stays missing."""
    dist = world.services.config.dist
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>page</title>")
    browser = world.app.test_client()
    with browser.get("/outages/out-1") as own, browser.get("/") as home:
        assert own.data == home.data
    assert browser.get("/assets/none.js").status_code == 404
