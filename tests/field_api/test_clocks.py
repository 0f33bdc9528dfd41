"""Due times: rule, basis, provisional or not (REP-01, REP-02, invariant 5)."""

import pytest

from field_api.adapters.data_files import load_profile, load_work_type
from field_api.calendars import clock_face, day_stamp
from field_api.clocks import ClockState, Due, due_times
from field_api.instants import MINUTE_MS
from field_api.work import HistoryEntry

REPAIR, PROMISE = load_work_type("repair"), load_profile("promise")
T0 = 1_795_300_000_000


def _due(area: str, now_min: int, **at_min: int) -> dict[str, Due]:
    history = [
        HistoryEntry(n, n, step, T0 + minutes * MINUTE_MS, "x", "x")
        for n, (step, minutes) in enumerate({"assign": 0, **at_min}.items(), start=1)
    ]
    return {due.clock: due for due in due_times(REPAIR, PROMISE, area, history, T0 + now_min * MINUTE_MS)}


@pytest.mark.parametrize(("area", "minutes"), [("urban", 45), ("rural", 90), ("remote", 120)])
def test_rep_01_arrival_is_promised_by_kind_of_area(area: str, minutes: int) -> None:
    arrival = _due(area, 0)["arrival"]
    assert arrival.due_ms == T0 + minutes * MINUTE_MS
    assert (arrival.basis, arrival.provisional, arrival.state) == ("assign", False, ClockState.RUNNING)
    assert str(minutes) in arrival.rule or "2小时" in arrival.rule


def test_restoration_is_provisional_until_the_crew_has_arrived() -> None:
    before = _due("urban", 10)["restoration"]
    assert before.due_ms == T0 + (45 + 180) * MINUTE_MS
    assert (before.basis, before.provisional) == ("arrival due", True)
    after = _due("urban", 30, arrive=20)["restoration"]
    assert after.due_ms == T0 + (20 + 180) * MINUTE_MS
    assert (after.basis, after.provisional) == ("arrive", False)


@pytest.mark.parametrize(
    ("now", "arrived", "state"),
    [(45, None, "running"), (46, None, "late"), (60, 45, "met"), (60, 46, "late")],
)
def test_a_clock_is_late_only_after_its_due_time(now: int, arrived: int | None, state: str) -> None:
    steps = {} if arrived is None else {"arrive": arrived}
    assert _due("urban", now, **steps)["arrival"].state == state


def test_restoration_is_met_by_evidence_not_by_a_crews_word() -> None:
    assert _due("urban", 40, arrive=20, repair=30)["restoration"].state is ClockState.RUNNING
    assert _due("urban", 40, arrive=20, supply_returned=35)["restoration"].state is ClockState.MET


def test_a_cancelled_order_has_no_running_clock() -> None:
    assert {due.state for due in _due("urban", 500, cancel=5).values()} == {ClockState.MET}


def test_rep_02_every_kind_of_area_has_both_limits() -> None:
    for area in ("urban", "rural", "remote"):
        assert set(_due(area, 0)) == {"arrival", "restoration"}
    with pytest.raises(KeyError, match="promise"):
        PROMISE.limit("arrival", "lunar")


def test_days_are_the_companys_days() -> None:
    late_evening_utc = 1_795_280_400_000 + 16 * 3_600_000
    assert day_stamp(1_795_280_400_000) == "20261122"
    assert day_stamp(late_evening_utc) == "20261122"
    assert clock_face(1_795_280_400_000) == "11-22 01:00"
