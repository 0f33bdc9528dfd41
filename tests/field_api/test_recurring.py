"""Work that comes round by the calendar (REL-06, CUS-03)."""

from datetime import date

import pytest
from sqlalchemy import event

from field_api.adapters.data_files import shipped_recurring_work, shipped_work_types
from field_api.adapters.sql_desk import SqlDesk
from field_api.service.recurring import Schedule, due_day, filled, is_due
from field_api.usecases import open_recurring
from field_api.usecases.open_recurring import OpenRecurring
from geo.adapters.database import open_database
from tests.field_api.world import World

SCHEDULES = {one.name: one for one in shipped_recurring_work()}


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(2026, 11, date(2026, 11, 6)), (2026, 10, date(2026, 10, 13)), (2026, 2, date(2026, 2, 6))],
)
def test_rel_06_check_ups_fall_on_the_fifth_working_day(
    year: int, month: int, day: date, world: World
) -> None:
    """October begins with holidays to the 7th; the 10th, a Saturday, is worked."""
    calendar = world.services.company.calendar()
    assert due_day(SCHEDULES["enterprise_check_up"], year, month, calendar) == day


def test_a_schedule_is_due_from_its_day_to_the_end_of_its_month(world: World) -> None:
    calendar, schedule = world.services.company.calendar(), SCHEDULES["key_customer_visit"]
    assert due_day(schedule, 2026, 11, calendar) is None, "quarters begin in other months"
    assert not is_due(schedule, date(2026, 10, 1), calendar)
    assert is_due(schedule, date(2026, 10, 31), calendar)


def test_every_schedule_opens_a_kind_of_work_with_what_it_needs() -> None:
    for schedule in SCHEDULES.values():
        work_type = shipped_work_types()[schedule.work_type]
        assert set(work_type.needed_to_open) <= set(schedule.answers), schedule.name
        assert set(schedule.answers) <= set(work_type.form["properties"]), schedule.name


def test_cus_03_each_customer_is_visited_once_a_month(world: World) -> None:
    world.work()
    services = world.services
    schedule = Schedule(
        "visits", "enterprise_check_up", frozenset(), frozenset({"key"}), frozenset(range(1, 13)), 1,
        {"month": "{month}"},
    )  # fmt: skip
    opening = OpenRecurring(services.desk, services.company, services.sites, [schedule])
    assert opening(world.clock()) == 1
    assert opening(world.clock()) == 0
    orders = world.log_in("dispatcher").get("/api/v1/orders").get_json()["items"]
    visit = next(order for order in orders if order["type"] == "enterprise_check_up")
    assert (visit["customer_id"], visit["source"]) == ("C4", "schedule")
    world.clock.now_ms += 31 * 24 * 3_600_000
    assert opening(world.clock()) == 1, "the next month's"


def test_what_was_opened_is_looked_up_for_many_customers_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round in which nothing is due any more costs one question for every ``MAX_ASKED`` customers."""
    schedule = Schedule(
        "rounds", "enterprise_check_up", frozenset(), frozenset(), frozenset(range(1, 13)), 1, {"month": "-"}
    )
    database, asked = open_database(world.home.location, "desk"), list[str]()
    event.listen(database, "before_cursor_execute", lambda *told: asked.append(str(told[2])))
    opening = OpenRecurring(SqlDesk(database), world.services.company, world.services.sites, [schedule])
    assert opening(world.clock()) == 4, "everybody in the network"
    for at_once, questions in ((500, 1), (3, 2), (1, 4)):
        monkeypatch.setattr(open_recurring, "MAX_ASKED", at_once)
        asked.clear()
        assert opening(world.clock()) == 0
        assert sum("operations" in one for one in asked) == questions


def test_the_month_is_filled_in() -> None:
    assert filled(SCHEDULES["enterprise_check_up"], date(2026, 11, 22)) == {"month": "2026-11"}
