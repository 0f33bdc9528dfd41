"""From orders to jobs: what is under way, what is left of it, whom it concerns, by when."""

from typing import Any

import pytest

from field_api.adapters.data_files import load_profile, shipped_work_types
from field_api.adapters.published_days import published_days
from field_api.company import Company
from field_api.deadlines.working_days import WorkCalendar
from field_api.dispatch.jobs import LEAST_MINUTES, jobs_of
from field_api.dispatch.problem import Job, Running
from field_api.orders.work import HistoryEntry, Order, state_of
from field_api.ports import StoredOrder

MINUTE_MS = 60_000
OPENED_MS = 1_795_300_000_000
CREWS = ("crew-01", "crew-02", "crew-03", "crew-04", "crew-05", "crew-06")
DAYS = WorkCalendar({one.day: one for one in published_days(2026)})
COMPANY = Company(shipped_work_types(), load_profile("promise"), "zh", "log", lambda: DAYS)


def stored(kind: str, *steps: tuple[str, float, dict[str, Any]], **changes: Any) -> StoredOrder:
    """An order with this history after its opening: (step, minutes after opening, details)."""
    usual: dict[str, Any] = {
        "id": "ord-1", "number": "R-1", "type": kind, "incident_id": "inc-1", "outage_id": "out-1",
        "grid_id": "G1", "crew_id": "crew-01", "element": "T1", "element_kind": "transformer",
        "element_name": "T1", "lon": 116.0, "lat": 39.0, "customers": 7, "priority": "normal",
        "area": "urban", "created_ms": OPENED_MS,
    }  # fmt: skip
    entries = [HistoryEntry(1, 1, "assign", OPENED_MS, "system", "system")]
    for number, (step, minutes, details) in enumerate(steps, start=2):
        at_ms = OPENED_MS + round(minutes * MINUTE_MS)
        entries.append(HistoryEntry(number, number, step, at_ms, "u", "U", details=details))
    history = tuple(entries)
    return StoredOrder(Order(**{**usual, **changes}), state_of(COMPANY.work_type(kind), history), history)


def only(order: StoredOrder, minutes: float = 60.0) -> Job:
    (job,) = jobs_of([order], COMPANY, CREWS, OPENED_MS + round(minutes * MINUTE_MS))
    return job


def test_an_order_that_nobody_accepted_is_open_to_every_crew() -> None:
    job = only(stored("repair"), 1)
    assert (job.running, job.minutes, job.customers_out) == (Running.NO, 90.0, 7)
    assert job.skills == {"line_repair"}
    assert job.barred == frozenset()
    assert job.due_begin_ms == OPENED_MS + 45 * MINUTE_MS
    assert job.due_finish_ms == OPENED_MS + (45 + 180) * MINUTE_MS


def test_a_crew_on_the_way_is_under_way_and_one_on_site_has_the_rest_to_do() -> None:
    assert only(stored("repair", ("accept", 2, {}))).running is Running.UNDER_WAY
    there = only(stored("repair", ("accept", 2, {}), ("arrive", 20, {})), 50)
    assert (there.running, there.minutes) == (Running.ON_SITE, 60.0)
    assert there.due_begin_ms is None
    overlong = only(stored("repair", ("accept", 2, {}), ("arrive", 20, {})), 500)
    assert overlong.minutes == LEAST_MINUTES


def test_the_crews_own_estimate_says_how_long_it_still_takes() -> None:
    said = {"estimate_ms": OPENED_MS + 300 * MINUTE_MS}
    job = only(stored("repair", ("accept", 2, {}), ("arrive", 20, {}), ("estimate", 30, said)), 60)
    assert (job.minutes, job.estimate_ms) == (240.0, said["estimate_ms"])


@pytest.mark.parametrize(
    "steps",
    [
        [("accept", 1, {}), ("wait", 2, {})],
        [("accept", 1, {}), ("arrive", 2, {}), ("repair", 3, {}), ("close_unverified", 4, {})],
    ],
)
def test_who_waits_for_a_customer_or_for_proof_is_sent_nowhere(steps: list[Any]) -> None:
    assert jobs_of([stored("repair", *steps)], COMPANY, CREWS, OPENED_MS) == ()


def test_what_is_done_by_telephone_is_no_errand() -> None:
    assert jobs_of([stored("call_back")], COMPANY, CREWS, OPENED_MS) == ()


def test_of_several_accepted_orders_the_newest_is_the_one_driven_to() -> None:
    orders = [
        stored("repair", ("accept", 2, {}), id="ord-1"),
        stored("repair", ("accept", 5, {}), id="ord-2"),
        stored("repair", ("accept", 9, {}), id="ord-3", crew_id="crew-02"),
        stored("repair", ("accept", 1, {}), ("arrive", 4, {}), id="ord-4", crew_id="crew-02"),
    ]
    found = {job.id: job.running for job in jobs_of(orders, COMPANY, CREWS, OPENED_MS + 10 * MINUTE_MS)}
    assert found == {
        "ord-1": Running.TAKEN, "ord-2": Running.UNDER_WAY, "ord-3": Running.TAKEN, "ord-4": Running.ON_SITE,
    }  # fmt: skip


def test_an_accepted_appointment_of_the_afternoon_does_not_hold_the_crew() -> None:
    begins, ends = OPENED_MS + 240 * MINUTE_MS, OPENED_MS + 300 * MINUTE_MS
    agreed = {"appointment": [begins, ends]}
    order = stored("meter_installation", ("appoint", 1, agreed), ("accept", 2, {}), outage_id="", customers=1)
    job = only(order, 10)
    assert (job.running, job.window_ms, job.customers_out) == (Running.TAKEN, (begins, ends), 0)
    assert only(order, 200).running is Running.UNDER_WAY
    assert only(stored("meter_installation", ("appoint", 1, agreed)), 400).window_ms is None


def test_crews_that_had_an_order_do_not_get_it_back() -> None:
    """REP-03: no A → B → A, and after three hand-overs the office decides."""
    once = stored(
        "repair", ("transfer", 3, {"from_crew": "crew-01", "to_crew": "crew-02"}), crew_id="crew-02"
    )
    assert only(once).barred == {"crew-01"}
    moves = [("crew-01", "crew-02"), ("crew-02", "crew-03"), ("crew-03", "crew-04")]
    thrice = stored(
        "repair",
        *(("transfer", n, {"from_crew": a, "to_crew": b}) for n, (a, b) in enumerate(moves, start=1)),
        crew_id="crew-04",
    )
    assert only(thrice).barred == frozenset(CREWS) - {"crew-04"}


def test_who_has_supply_again_waits_for_nobody() -> None:
    assert only(stored("repair", ("supply_returned", 5, {}))).customers_out == 0


def test_jobs_of_an_incident_come_in_their_turn() -> None:
    """Another incident's jobs are not theirs; what has ended on site is waited for no longer."""
    kinds = ("restoration_check", "repair", "switching", "patrol")
    orders = [stored(kind, id=kind) for kind in kinds] + [stored("patrol", id="x", incident_id="inc-2")]
    after = _after(orders)
    assert after == {
        "restoration_check": {"repair", "switching", "patrol"}, "repair": {"switching", "patrol"},
        "switching": {"patrol"}, "patrol": set(), "x": set(),
    }  # fmt: skip
    orders[3] = stored("patrol", ("accept", 1, {}), ("wait", 2, {}), id="patrol")
    assert _after(orders)["repair"] == {"switching", "patrol"}, "nobody knows how long it stands still"
    ended: list[Any] = [("accept", 1, {}), ("arrive", 2, {}), ("repair", 3, {}), ("close_unverified", 4, {})]
    assert _after([stored("repair", *ended, id="repair"), orders[0]]) == {"restoration_check": set()}


def _after(orders: list[StoredOrder]) -> dict[str, set[str]]:
    return {one.id: set(one.after) for one in jobs_of(orders, COMPANY, CREWS, OPENED_MS + 5 * MINUTE_MS)}
