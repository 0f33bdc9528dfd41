"""Registers are files: checked, scoped, ended instead of changed, and opening the work that follows."""

from typing import Any

import pytest

from field_api.adapters.data_files import shipped_registers, shipped_work_types
from field_api.people.users import Role
from field_api.saying import plain_facts
from field_api.service.register_file import register_of
from field_api.service.registering import CONSENT, About, Entry, count_by, problems
from tests.field_api.forms import answer
from tests.field_api.world import Person, World

REGISTERS = shipped_registers()
NEEDED = {
    "CUS-06": "contact_group", "CUS-08": "liaison_card", "CUS-09": "opinion", "CUS-12": "pay_channel",
    "CUS-13": "pay_point", "CUS-14": "contact_detail", "CUS-15": "vulnerable_customer",
    "CUS-17": "request_on_behalf", "ORG-11": "chief_service_officer", "INT-07": "demand",
}  # fmt: skip


def _add(person: Person, register: str, about: str, entry: dict[str, Any]) -> Any:
    body = {"about": about, "entry": entry}
    return person.send("POST", f"/api/v1/registers/{register}/entries", body)


def _held(person: Person, register: str, more: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = person.get(f"/api/v1/registers/{register}/entries{more}").get_json()[
        "items"
    ]
    return items


@pytest.mark.parametrize(("requirement", "register"), NEEDED.items())
def test_the_registers_that_are_asked_for(requirement: str, register: str) -> None:
    assert register in REGISTERS, requirement


@pytest.mark.parametrize("name", sorted(REGISTERS))
def test_every_register_takes_a_whole_entry_and_says_what_is_missing(name: str) -> None:
    register = REGISTERS[name]
    fields = register.schema["properties"]
    whole = {field: answer(fields[field]) for field in register.schema["required"]}
    assert problems(register, whole) == ()
    for field in whole:
        without = {other: value for other, value in whole.items() if other != field}
        assert {"field": field} in [plain_facts(one) for one in problems(register, without)]
    assert {"fields": ["colour"]} in [
        plain_facts(one) for one in problems(register, whole | {"colour": "red"})
    ]
    assert set(register.titles) == {"zh", "en"}
    assert register.writes <= register.reads
    assert not register.opens or register.opens in shipped_work_types()


def test_cus_15_nothing_about_health_without_written_consent() -> None:
    register = REGISTERS["vulnerable_customer"]
    told = problems(register, {"category": "disabled", "purpose": "help"})
    assert "register.consent" in [one.code for one in told]
    assert Role.VIEWER not in register.reads
    declared = {
        "name": "secret", "title": {"zh": "密", "en": "secret"}, "about": "customer", "reads": ["admin"],
        "writes": ["admin"], "needs_consent": True, "entry": {"properties": {}},
    }  # fmt: skip
    with pytest.raises(ValueError, match=CONSENT):
        register_of(declared)


def test_cus_15_a_vulnerable_customer_is_served_at_home(world: World) -> None:
    world.work()
    admin = world.log_in("admin")
    entry = {"category": "life_support", "consent": True, "purpose": "上门服务"}
    written = _add(admin, "vulnerable_customer", "C2", entry)
    assert written.status_code == 201, written.text
    order = admin.get(f"/api/v1/orders/{written.get_json()['order_id']}").get_json()
    assert (order["type"], order["customer_id"], order["priority"]) == ("home_service", "C2", "vulnerable")
    crew = world.log_in("crew-01")
    assert crew.get("/api/v1/registers/vulnerable_customer/entries").status_code == 403
    seen = {one["name"] for one in crew.get("/api/v1/registers").get_json()["items"]}
    assert "vulnerable_customer" not in seen


def test_cus_06_a_demand_becomes_a_lead(world: World) -> None:
    world.work()
    dispatcher = world.log_in("dispatcher")
    entry = {"from": "contact_group", "kind": "charging_point", "wanted_day": "2026-12-20"}
    written = _add(dispatcher, "demand", "G1", entry).get_json()
    lead = dispatcher.get(f"/api/v1/orders/{written['order_id']}").get_json()
    assert (lead["type"], lead["grid_id"]) == ("customer_contact", "G1")
    assert lead["due"], "CUS-07: contact has a cadence that can be overdue"


def test_cus_08_a_card_holds_until_the_next_is_posted(world: World) -> None:
    world.work()
    dispatcher = world.log_in("dispatcher")
    with world.services.desk.reading() as session:
        village = session.establishment.read().villages[0].id
    for liaison in ("p-1", "p-2"):
        world.clock.now_ms += 1_000
        posted = _add(dispatcher, "liaison_card", village, {"liaison_id": liaison, "posted_on": "2026-11-22"})
        assert posted.status_code == 201, posted.text
    held = _held(dispatcher, "liaison_card", f"?about={village}")
    assert [one["entry"]["liaison_id"] for one in held] == ["p-2"]


def test_an_entry_is_ended_and_what_held_before_can_be_told(world: World) -> None:
    world.work()
    dispatcher = world.log_in("dispatcher")
    entry = {"from": "visit", "kind": "transfer", "wanted_day": "2026-12-20"}
    identifier = _add(dispatcher, "demand", "G2", entry).get_json()["id"]
    world.clock.now_ms += 60_000
    url = f"/api/v1/register-entries/{identifier}"
    assert world.log_in("crew-01").send("DELETE", url).status_code == 404, "another cell's"
    assert dispatcher.send("DELETE", url).status_code == 204
    assert dispatcher.send("DELETE", url).status_code == 409
    assert _held(dispatcher, "demand") == []
    assert [one["id"] for one in _held(dispatcher, "demand", "?at=2026-11-21T22:26:50Z")] == [identifier]


def test_what_is_wrong_is_told_field_by_field_and_nothing_is_kept(world: World) -> None:
    world.work()
    dispatcher = world.log_in("dispatcher")
    refused = _add(dispatcher, "demand", "G1", {"from": "dream", "wanted_day": "soon"})
    assert refused.status_code == 422
    wrong = [(one["code"], one["facts"]["field"]) for one in refused.get_json()["facts"]["problems"]]
    assert set(wrong) == {
        ("form.not_listed", "from"), ("form.other_pattern", "wanted_day"), ("form.unanswered", "kind"),
    }  # fmt: skip
    assert _add(dispatcher, "nothing", "G1", {}).status_code == 404
    assert _held(dispatcher, "demand") == []


def test_cus_09_opinions_are_counted_by_topic() -> None:
    def opinion(topic: str) -> Entry:
        return Entry("e", "opinion", "V1", "G1", {"topic": topic}, "u", "u", 0)

    counts = count_by([opinion("outage"), opinion("outage"), opinion("billing")], "topic")
    assert counts == {"outage": 2, "billing": 1}
    assert REGISTERS["opinion"].about is About.VILLAGE
