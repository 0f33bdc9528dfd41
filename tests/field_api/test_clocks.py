"""Due times: rule, basis, provisional or not (REP-01, REP-02, invariant 5)."""

import math
from datetime import date, datetime, time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.data_files import load_profile, load_work_type, shipped_profiles, shipped_work_types
from field_api.adapters.published_days import published_days
from field_api.calendars import ZONE, clock_face, day_stamp, end_of_day_ms, local
from field_api.deadlines.clocks import ClockState, Due, deadline, due_times, unchanged_until_ms
from field_api.deadlines.limits import Limit, LimitUnit, OfficeHours, Profile
from field_api.deadlines.working_days import WorkCalendar
from field_api.instants import MINUTE_MS, milliseconds
from field_api.orders.work import HistoryEntry, WorkType, apply, legal_steps

REPAIR, PROMISE = load_work_type("repair"), load_profile("promise")
CALENDAR = WorkCalendar({one.day: one for one in published_days(2026)})
T0 = 1_795_300_000_000
HOUR_MS = 60 * MINUTE_MS


def _history(*steps: tuple[str, int], **details: str) -> list[HistoryEntry]:
    return [
        HistoryEntry(n, n, step, T0 + minutes * MINUTE_MS, "x", "x", details=details)
        for n, (step, minutes) in enumerate(steps, start=1)
    ]


def _of(history: list[HistoryEntry], area: str, now_min: int, **more: int) -> dict[str, Due]:
    now_ms = T0 + now_min * MINUTE_MS
    return {due.clock: due for due in due_times(REPAIR, PROMISE, area, history, now_ms, CALENDAR, **more)}


def _due(area: str, now_min: int, **at_min: int) -> dict[str, Due]:
    return _of(_history(("assign", 0), *at_min.items()), area, now_min)


def _local_ms(text: str) -> int:
    return milliseconds(datetime.fromisoformat(text).replace(tzinfo=ZONE))


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
    [
        (29, None, "running"),
        (30, None, "at_risk"),
        (45, None, "at_risk"),
        (46, None, "late"),
        (60, 45, "met"),
        (60, 46, "late"),
    ],
)
def test_a_clock_is_at_risk_before_it_is_late(now: int, arrived: int | None, state: str) -> None:
    """The last fifth of 45 minutes is nine: the last quarter of an hour is more."""
    steps = {} if arrived is None else {"arrive": arrived}
    assert _due("urban", now, **steps)["arrival"].state == state


def test_long_clocks_warn_in_their_last_fifth() -> None:
    due = _due("urban", 20, arrive=20)["restoration"]
    assert due.at_risk_ms == due.due_ms - 36 * MINUTE_MS


def test_the_regulation_stands_beside_the_promise_and_alarms_nobody() -> None:
    arrival = _due("urban", 50, arrive=50)["arrival"]
    assert arrival.state is ClockState.LATE
    assert arrival.beside is not None
    assert (arrival.beside.due_ms, arrival.beside.state) == (T0 + 60 * MINUTE_MS, ClockState.MET)
    assert "regulation" in arrival.beside.rule
    assert arrival.beside.unverified


def test_restoration_is_met_by_evidence_not_by_a_crews_word() -> None:
    assert _due("urban", 40, arrive=20, repair=30)["restoration"].state is ClockState.RUNNING
    assert _due("urban", 40, arrive=20, supply_returned=35)["restoration"].state is ClockState.MET


def test_a_cancelled_order_has_no_running_clock() -> None:
    assert {due.state for due in _due("urban", 500, cancel=5).values()} == {ClockState.MET}


def test_a_request_accepted_elsewhere_starts_the_clock_there() -> None:
    arrival = _of(_history(("assign", 0)), "urban", 0, accepted_ms=T0 - 10 * MINUTE_MS)["arrival"]
    assert arrival.due_ms == T0 + 35 * MINUTE_MS


def test_rep_02_every_kind_of_area_has_both_limits() -> None:
    for area in ("urban", "rural", "remote"):
        assert set(_due(area, 0)) == {"arrival", "restoration"}
    with pytest.raises(KeyError, match="promise"):
        PROMISE.limit("arrival", "lunar")


def _walked(data: st.DataObject) -> tuple[WorkType, list[HistoryEntry]]:
    """An order of any kind, some legal steps on its way."""
    work_type = data.draw(st.sampled_from(list(shipped_work_types().values())))
    steps, at_ms = [(work_type.opening, T0)], T0
    state = apply(work_type, None, work_type.opening)
    for _ in range(data.draw(st.integers(0, 8))):
        legal = legal_steps(work_type, state)
        if not legal:
            break
        step, at_ms = data.draw(st.sampled_from(legal)), at_ms + data.draw(st.integers(0, 40 * 24 * HOUR_MS))
        state = apply(work_type, state, step)
        steps.append((step, at_ms))
    return work_type, [HistoryEntry(n, n, step, at, "x", "x") for n, (step, at) in enumerate(steps, start=1)]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_rep_02_no_order_of_any_work_type_is_ever_without_a_due_time(data: st.DataObject) -> None:
    """Whatever happens to it, by every profile, in every kind of area; each with rule, basis and origin."""
    work_type, history = _walked(data)
    profile = load_profile(data.draw(st.sampled_from(shipped_profiles())))
    area = data.draw(st.sampled_from(["urban", "rural", "remote"]))
    found = due_times(work_type, profile, area, history, history[-1].at_ms, CALENDAR)
    assert found
    for due in found:
        assert due.rule
        assert due.basis
        assert due.origin
        assert due.from_ms <= due.at_risk_ms <= due.due_ms


@settings(max_examples=100, deadline=None)
@given(st.data(), st.floats(0, 1, exclude_max=True))
def test_due_times_hold_until_the_instant_that_they_tell(data: st.DataObject, share: float) -> None:
    work_type, history = _walked(data)
    now_ms = history[-1].at_ms + data.draw(st.integers(0, 40 * 24 * HOUR_MS))

    def found(at_ms: int) -> tuple[Due, ...]:
        return due_times(work_type, PROMISE, "urban", history, at_ms, CALENDAR)

    until_ms = unchanged_until_ms(found(now_ms), now_ms)
    last_ms = min(until_ms, now_ms + 400 * 24 * HOUR_MS) - 1
    if until_ms > now_ms:
        assert found(now_ms) == found(int(last_ms)) == found(now_ms + int((last_ms - now_ms) * share))
    else:
        assert found(now_ms) != found(now_ms + 1), "a wait goes on"


def test_a_due_time_changes_when_it_is_at_risk_and_when_it_is_late() -> None:
    turns = [
        unchanged_until_ms((_due("urban", now)["arrival"],), T0 + now * MINUTE_MS) for now in (0, 30, 61)
    ]
    regulation_ms = T0 + 60 * MINUTE_MS
    assert turns == [T0 + 30 * MINUTE_MS, T0 + 45 * MINUTE_MS + 1, math.inf]
    assert unchanged_until_ms([_due("urban", 50)["arrival"]], T0 + 50 * MINUTE_MS) == regulation_ms + 1


def test_a_wait_for_the_customer_stops_the_clock_to_the_minute() -> None:
    history = _history(("assign", 0), ("accept", 5), ("wait", 10), ("resume", 40), ("arrive", 70))
    arrival = _of(history, "urban", 80)["arrival"]
    assert arrival.due_ms == T0 + 75 * MINUTE_MS
    assert (arrival.state, arrival.waited_ms) == (ClockState.MET, {"customer": 30 * MINUTE_MS})
    assert "等待不计时" in arrival.rule


def test_a_wait_that_goes_on_makes_the_due_time_provisional() -> None:
    arrival = _of(_history(("assign", 0), ("accept", 5), ("wait", 10)), "urban", 100)["arrival"]
    assert (arrival.due_ms, arrival.provisional) == (T0 + 135 * MINUTE_MS, True)
    assert arrival.state is ClockState.RUNNING


def test_a_wait_after_the_due_time_saves_nobody() -> None:
    arrival = _of(_history(("assign", 0), ("accept", 5), ("wait", 50), ("resume", 90)), "urban", 95)[
        "arrival"
    ]
    assert (arrival.due_ms, arrival.state) == (T0 + 45 * MINUTE_MS, ClockState.LATE)


def test_a_wait_of_our_own_is_reported_and_stops_nothing() -> None:
    history = _history(("assign", 0), ("accept", 5), ("wait", 10), ("resume", 40), attribution="company")
    arrival = _of(history, "urban", 41)["arrival"]
    assert arrival.due_ms == T0 + 45 * MINUTE_MS
    assert arrival.waited_ms == {"company": 30 * MINUTE_MS}
    assert not _of(history[:3], "urban", 20)["arrival"].provisional


def test_a_wait_of_many_years_ends_somewhere() -> None:
    history = _history(("assign", 0), ("accept", 5), ("wait", 10))
    survey = load_work_type("site_survey")
    (due,) = due_times(survey, PROMISE, "urban", history, T0 + 20 * 366 * 24 * HOUR_MS, CALENDAR)
    assert due.due_ms > T0


def test_a_step_taken_without_signal_counts_when_it_was_taken() -> None:
    history = _history(("assign", 0), ("accept", 5))
    arrived = HistoryEntry(
        3,
        3,
        "arrive",
        T0 + 90 * MINUTE_MS,
        "x",
        "x",
        device_ms=T0 + 40 * MINUTE_MS - HOUR_MS,
        offset_ms=HOUR_MS,
    )
    arrival = _of([*history, arrived], "urban", 91)["arrival"]
    assert (arrival.state, arrival.by_device) == (ClockState.MET, True)


def _limit(amount: int, unit: LimitUnit) -> Limit:
    return Limit("connection", "any", amount, unit, "rule")


def _ends(received: str, limit: Limit, profile: Profile = PROMISE, *waits: tuple[str, str]) -> str:
    spans = [(_local_ms(begin), _local_ms(end)) for begin, end in waits]
    found = deadline(limit, _local_ms(received), profile, CALENDAR, spans)
    return local(found.due_ms).isoformat(timespec="seconds")[:16]


@pytest.mark.parametrize(
    ("requirement", "case", "received", "due"),
    [
        ("APP-08", "lv_resident", "2026-02-11 16:00", "2026-02-24T23:59"),
        ("APP-09", "lv_non_resident", "2026-09-23 08:00", "2026-10-12T23:59"),
        ("APP-10", "hv_single", "2026-09-23 23:59", "2026-10-28T23:59"),
        ("APP-10", "hv_double", "2026-09-23 00:00", "2026-11-06T23:59"),
    ],
)
def test_the_simplified_limits_count_make_up_days(
    requirement: str, case: str, received: str, due: str
) -> None:
    """4, 8, 20 and 27 working days (APP-08, APP-09, APP-10)."""
    limit = load_profile("simplified").limit("connection", "urban", date(2026, 1, 1), case)
    assert _ends(received, limit) == due, requirement


def test_a_limit_that_reaches_an_unpublished_year_is_provisional_and_made_again_when_it_is_known() -> None:
    limit, received = _limit(8, LimitUnit.WORKING_DAYS), _local_ms("2026-12-24 10:00")
    guessed = deadline(limit, received, PROMISE, CALENDAR)
    both = WorkCalendar({one.day: one for year in (2025, 2026) for one in published_days(year)})
    known = deadline(limit, _local_ms("2025-12-24 10:00"), PROMISE, both)
    assert (local(guessed.due_ms).date(), guessed.provisional) == (date(2027, 1, 6), True)
    assert (local(known.due_ms).date(), known.provisional) == (date(2026, 1, 6), False)


def test_the_words_beside_a_due_time_are_one_sentence_in_each_language() -> None:
    survey = load_work_type("site_survey")
    history = _history(("assign", 0), ("accept", 5), ("wait", 10))
    (due,) = due_times(survey, PROMISE, "urban", history, T0 + HOUR_MS, CALENDAR)
    assert due.rule == (
        "unverified: 现场勘查2个工作日，当日不计，末日24:00止，非公司原因的等待不计时 · "
        "site survey 2 working days, the first day does not count, until 24:00, "
        "waits that are not the company's do not count"
    )


def test_days_end_with_the_office_where_the_profile_says_so() -> None:
    early = Profile("x", "x", (), office=OfficeHours(time(8), time(17, 30)), day_ends="office_close")
    assert _ends("2026-02-11 09:00", _limit(4, LimitUnit.WORKING_DAYS), early) == "2026-02-24T17:30"
    assert _ends("2026-02-11 09:00", _limit(4, LimitUnit.CALENDAR_DAYS), early) == "2026-02-15T17:30"
    assert _ends("2026-02-11 09:00", _limit(4, LimitUnit.HOURS), early) == "2026-02-11T13:00"


@pytest.mark.parametrize(
    ("waits", "due"),
    [
        ([], "2026-03-05T23:59"),
        ([("2026-03-03 09:00", "2026-03-03 17:00")], "2026-03-05T23:59"),
        ([("2026-03-03 16:00", "2026-03-04 09:00")], "2026-03-06T23:59"),
        ([("2026-03-03 16:00", "2026-03-04 00:30"), ("2026-03-04 00:31", "2026-03-04 09:00")],
         "2026-03-06T23:59"),
        ([("2026-03-03 16:00", "2026-03-09 09:00")], "2026-03-11T23:59"),
        ([("2026-03-06 08:00", "2026-03-20 09:00")], "2026-03-05T23:59"),
    ],
)  # fmt: skip
def test_a_wait_takes_the_days_that_begin_in_it(waits: list[tuple[str, str]], due: str) -> None:
    """Three working days from Monday: none for a wait within a day, none for one after the end."""
    assert _ends("2026-03-02 10:00", _limit(3, LimitUnit.WORKING_DAYS), PROMISE, *waits) == due


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(LimitUnit)), st.integers(1, 30), st.integers(0, 400), st.integers(0, 200))
def test_more_time_or_a_later_beginning_never_ends_earlier(
    unit: LimitUnit, amount: int, hours: int, later: int
) -> None:
    def ends(amount: int, hours: int) -> int:
        return deadline(_limit(amount, unit), T0 + hours * HOUR_MS, PROMISE, CALENDAR).due_ms

    assert ends(amount, hours) < ends(amount + 1, hours)
    assert ends(amount, hours) <= ends(amount, hours + later)
    assert ends(amount, hours) > T0 + hours * HOUR_MS


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(LimitUnit)),
    st.integers(1, 30),
    st.lists(st.integers(-50, 900), min_size=2, max_size=6, unique=True),
)
def test_a_wait_counts_as_much_however_it_is_cut(unit: LimitUnit, amount: int, hours: list[int]) -> None:
    at = [T0 + hour * HOUR_MS for hour in sorted(hours)]
    limit = _limit(amount, unit)
    whole = deadline(limit, T0, PROMISE, CALENDAR, [(at[0], at[-1])])
    assert deadline(limit, T0, PROMISE, CALENDAR, list(pairwise(at))) == whole
    assert whole.due_ms >= deadline(limit, T0, PROMISE, CALENDAR).due_ms


def test_a_limit_holds_from_its_day_on_and_the_named_goes_before_any() -> None:
    old, new, named = (
        Limit("x", "any", 5, LimitUnit.WORKING_DAYS, "old"),
        Limit("x", "any", 4, LimitUnit.WORKING_DAYS, "new", effective_from=date(2026, 7, 1)),
        Limit("x", "rural", 6, LimitUnit.WORKING_DAYS, "named"),
    )
    profile = Profile("x", "x", (new, named, old))
    assert profile.limit("x", "urban", date(2026, 6, 30)) is old
    assert profile.limit("x", "urban", date(2026, 7, 1)) is new
    assert profile.limit("x", "rural", date(2026, 7, 1)) is named


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_limit_says_where_it_comes_from_in_both_languages(name: str) -> None:
    for limit in (*load_profile(name).limits, *load_profile(name).beside):
        assert limit.origin
        assert limit.rule.count(" · ") == 1
        assert limit.unverified or not limit.rule.startswith("unverified")


def test_days_are_the_companys_days() -> None:
    late_evening_utc = 1_795_280_400_000 + 16 * 3_600_000
    assert day_stamp(1_795_280_400_000) == "20261122"
    assert day_stamp(late_evening_utc) == "20261122"
    assert clock_face(1_795_280_400_000) == "11-22 01:00"
    assert local(end_of_day_ms(date(2026, 11, 22))) == datetime(2026, 11, 22, 23, 59, 59, 999_000, ZONE)
