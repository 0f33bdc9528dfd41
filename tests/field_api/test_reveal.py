"""Personal data: masked for everybody, unmasked for a reason that stays on record."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from field_api.instants import milliseconds
from field_api.people.masking import mask_words
from field_api.people.users import Role
from field_api.usecases.reveal import KEEP_MS, PER_HOUR
from tests.field_api.people import acts, hire
from tests.field_api.world import START_MS, Person, World

PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
CALL = {"reason": "call", "reference": "95598-1"}


def _step(person: Person, order: dict[str, Any], step: str, **more: Any) -> dict[str, Any]:
    shown = person.get(f"/api/v1/orders/{order['id']}").get_json()
    body = {
        "operation_id": f"{step}-{shown['revision']:08d}", "step": step, "at": "2026-11-22T08:00:00Z",
        "revision": shown["revision"], **more,
    }  # fmt: skip
    answer = person.send("POST", f"/api/v1/orders/{order['id']}/steps", body)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def test_a_reveal_is_on_record_with_its_reason(world: World) -> None:
    shown = world.log_in("dispatcher").send("POST", "/api/v1/customers/C3/reveal", CALL)
    assert shown.status_code == 200
    assert shown.get_json() == {
        "customer_id": "C3", "name": "王五", "phone": "13612345670", "address": "西山村3组12号",
        "revealed_at": shown.get_json()["revealed_at"],
    }  # fmt: skip
    with world.services.desk.reading() as session:
        newest = session.audit.newest()
        assert session.reveals.known("dispatcher", "call 95598-1") == {"C3"}
    assert newest is not None
    assert (newest.act.action, newest.act.subject, newest.act.actor_name) == ("reveal", "C3", "dispatcher")
    assert newest.act.details == {"reason": "call 95598-1"}


def test_the_record_itself_holds_no_phone(world: World) -> None:
    body = {"reason": "call", "reference": "called back on 13612345670"}
    world.log_in("dispatcher").send("POST", "/api/v1/customers/C3/reveal", body)
    auditor = hire(world, "olga", Role.AUDITOR)
    assert "136****5670" in auditor.get("/api/v1/audit").get_data(as_text=True)
    assert not PHONE.search(auditor.get("/api/v1/audit").get_data(as_text=True))


def test_a_reason_is_needed_and_a_foreign_cell_is_unknown(world: World) -> None:
    manager = hire(world, "gina", Role.GRID_MANAGER, ("G1",))
    assert manager.send("POST", "/api/v1/customers/C1/reveal", {}).status_code == 422
    assert manager.send("POST", "/api/v1/customers/C1/reveal", {"reason": "curiosity"}).status_code == 422
    assert manager.send("POST", "/api/v1/customers/C3/reveal", CALL).status_code == 404
    assert manager.send("POST", "/api/v1/customers/C1/reveal", CALL).status_code == 200
    for name in ("admin", "viewer"):
        assert world.log_in(name).send("POST", "/api/v1/customers/C1/reveal", CALL).status_code == 403


def test_nobody_reads_the_whole_list(world: World) -> None:
    person = world.log_in("dispatcher")
    for _ in range(PER_HOUR):
        assert person.send("POST", "/api/v1/customers/C3/reveal", CALL).status_code == 200
    refused = person.send("POST", "/api/v1/customers/C3/reveal", CALL)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    world.clock.now_ms += 3_600_001
    assert person.send("POST", "/api/v1/customers/C3/reveal", CALL).status_code == 200


def test_a_crew_reveals_for_its_own_open_order_only(world: World) -> None:
    order = world.confirmed(cause="T1")
    crew = world.log_in("crew-01")
    path = "/api/v1/customers/C1/reveal"
    assert crew.send("POST", path, CALL).status_code == 403
    assert crew.send("POST", path, {"reason": "order", "reference": "none"}).status_code == 403
    assert crew.send("POST", path, {"reason": "order", "reference": order["id"]}).status_code == 200


def test_an_accepted_order_brings_its_phones_until_it_is_closed(world: World) -> None:
    order = world.confirmed(cause="T1")
    crew = world.log_in("crew-01")
    path = f"/api/v1/orders/{order['id']}/contacts"
    assert crew.get(path).status_code == 403, "not accepted yet"
    _step(crew, order, "accept")
    shown = crew.get(path).get_json()
    assert {one["customer_id"]: one["phone"] for one in shown["items"]} == {
        "C1": "13812345678",
        "C2": "13912345679",
    }
    assert milliseconds(datetime.fromisoformat(shown["wipe_at"])) == START_MS + KEEP_MS
    crew.get(path)
    assert acts(world).count(("reveal.order", order["id"], "crew-01")) == 1, "the same look again"
    assert world.log_in("dispatcher").get(path).status_code == 403
    _step(world.log_in("dispatcher"), order, "cancel", note="no fault found")
    assert crew.get(path).status_code == 403, "closed"


def test_the_phones_end_after_a_day(world: World) -> None:
    order = world.confirmed(cause="T1")
    _step(world.log_in("crew-01"), order, "accept")
    world.clock.now_ms = START_MS + KEEP_MS + 60_000
    assert world.log_in("crew-01").get(f"/api/v1/orders/{order['id']}/contacts").status_code == 403


def test_another_crew_sees_none(world: World) -> None:
    order = world.confirmed(cause="T1")
    _step(world.log_in("crew-01"), order, "accept")
    assert world.log_in("crew-02").get(f"/api/v1/orders/{order['id']}/contacts").status_code == 404


def test_a_position_is_kept_only_with_an_accepted_order(world: World) -> None:
    world.clock.now_ms = START_MS + 24 * 3_600_000
    crew = world.log_in("crew-01")
    body = {"lon": 116.5, "lat": 39.5, "at": "2026-11-22T08:00:00Z", "state": "travelling"}

    def place() -> tuple[float, float]:
        shown = crew.get("/api/v1/crews").get_json()["items"][0]
        return shown["lon"], shown["lat"]

    before = place()
    assert crew.send("PUT", "/api/v1/crews/crew-01/position", body).status_code == 204
    assert place() == before
    order = world.confirmed(cause="T1")
    assert crew.send("PUT", "/api/v1/crews/crew-01/position", body).status_code == 204
    assert place() == before, "assigned is not accepted"
    _step(crew, order, "accept")
    crew.send("PUT", "/api/v1/crews/crew-01/position", body)
    assert place() == (116.5, 39.5)


def test_what_a_crew_writes_down_is_masked(world: World) -> None:
    order = world.confirmed(cause="T1")
    note = "rang 13812345678, card 11010119900307751X"
    _step(world.log_in("crew-01"), order, "accept", note=note)
    shown = world.log_in("crew-01").get(f"/api/v1/orders/{order['id']}").get_json()["history"][-1]
    assert shown["note"] == "rang 138****5678, card 1101**********751X"
    assert mask_words({"rang": ["13812345678", 5]}) == {"rang": ["138****5678", 5]}


def test_no_log_and_no_feed_holds_a_number(busy_world: World, caplog: pytest.LogCaptureFixture) -> None:
    person = busy_world.log_in("dispatcher")
    person.send(
        "POST", "/api/v1/calls", {"customer_id": "C3", "text": "from 13612345670, 110101199003077512"}
    )
    busy_world.work()
    kept = "".join(file.read_text(encoding="utf-8") for file in busy_world.home.data_dir.glob("**/*.log"))
    with busy_world.services.desk.reading() as session:
        kept += json.dumps([one.event.data for one in session.feed.read(0, 1000)], ensure_ascii=False)
    for path in ("/metrics", "/api/v1/notices", "/api/v1/orders?state=all"):
        kept += person.get(path).get_data(as_text=True)
    kept += caplog.text
    assert kept
    assert not PHONE.search(kept)
    assert not IDENTITY.search(kept)
