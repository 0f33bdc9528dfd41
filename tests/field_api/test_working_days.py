"""Working days: known, guessed, counted; the published ones against another package, day by day."""

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.published_days import published_days, published_years
from field_api.deadlines.calendar_entries import BadCalendar, CalendarEntry, check_entry
from field_api.deadlines.statutory_days import statutory_days
from field_api.deadlines.working_days import MAX_DAYS, CalendarDay, WorkCalendar

DAY = timedelta(days=1)
KNOWN = {one.day: one for year in range(2024, 2027) for one in published_days(year)}
CALENDAR = WorkCalendar(KNOWN)

days = st.dates(date(2024, 1, 1), date(2028, 12, 31))
counts = st.integers(0, 60)


def test_the_package_knows_these_years() -> None:
    assert published_years().start == 2004
    assert 2026 in published_years()


@pytest.mark.parametrize("year", range(2019, 2027))
def test_two_packages_agree_on_every_published_day(year: int) -> None:
    china = holidays.country_holidays("CN", years=year)
    ours = {one.day: one.is_work for one in published_days(year)}
    assert ours == {day: china.is_working_day(day) for day in ours}
    assert len(ours) == 366 - (year % 4 != 0)


@pytest.mark.parametrize("year", range(2027, 2037))
def test_days_off_by_law_are_those_of_another_package(year: int) -> None:
    china = holidays.country_holidays("CN", years=year)
    assert statutory_days(year) == frozenset(china)


@pytest.mark.parametrize(
    ("received", "number", "due", "provisional"),
    [
        ("2026-02-11", 4, "2026-02-24", False),
        ("2026-09-23", 8, "2026-10-12", False),
        ("2026-09-23", 27, "2026-11-06", False),
        ("2026-12-24", 8, "2027-01-06", True),
        ("2026-12-24", 5, "2026-12-31", False),
        ("2027-02-04", 1, "2027-02-11", True),
    ],
)
def test_golden_dates(received: str, number: int, due: str, provisional: bool) -> None:
    """The day of receipt does not count; make-up days do; an unpublished year makes it provisional."""
    landing = CALENDAR.after(date.fromisoformat(received), number)
    assert (landing.day.isoformat(), landing.provisional) == (due, provisional)


def test_a_make_up_saturday_is_a_working_day_and_a_bridge_day_is_none() -> None:
    assert CALENDAR.of(date(2026, 10, 10)).is_work
    assert not CALENDAR.of(date(2026, 10, 7)).is_work
    assert CALENDAR.of(date(2026, 10, 10)).source.startswith("chinesecalendar")


def test_a_year_that_is_entered_takes_the_guess_away() -> None:
    guessed = CALENDAR.after(date(2026, 12, 24), 8)
    entry = CalendarEntry(
        2027, "", "notice", True, {date(2027, 1, 1): False, date(2027, 1, 4): False, date(2027, 1, 9): True},
        0, "u", "u",
    )  # fmt: skip
    known = WorkCalendar({**KNOWN, **{one.day: one for one in entry.days()}})
    landing = known.after(date(2026, 12, 24), 8)
    assert (guessed.day, guessed.provisional) == (date(2027, 1, 6), True)
    assert (landing.day, landing.provisional) == (date(2027, 1, 7), False)


def test_how_far_the_published_days_reach() -> None:
    assert CALENDAR.known_to(date(2026, 11, 22)) == date(2026, 12, 31)
    assert CALENDAR.known_to(date(2027, 1, 1)) == date(2026, 12, 31)


def test_a_companys_own_day_goes_before_everybodys() -> None:
    own = date(2026, 11, 23)
    calendar = WorkCalendar({**KNOWN, own: CalendarDay(own, False, "township festival", True)})
    assert calendar.after(date(2026, 11, 20), 1).day == date(2026, 11, 24)


@pytest.mark.parametrize("number", [-1, MAX_DAYS + 1])
def test_a_count_that_makes_no_sense_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="working days"):
        CALENDAR.after(date(2026, 1, 1), number)


@settings(max_examples=150, deadline=None)
@given(days, counts, counts)
def test_adding_working_days_is_additive(day: date, one: int, other: int) -> None:
    assert CALENDAR.after(CALENDAR.after(day, one).day, other).day == CALENDAR.after(day, one + other).day


@settings(max_examples=150, deadline=None)
@given(days, counts, counts, st.integers(0, 40))
def test_adding_working_days_is_monotone(day: date, one: int, other: int, later: int) -> None:
    small, big = sorted((one, other))
    assert CALENDAR.after(day, small).day <= CALENDAR.after(day, big).day
    assert CALENDAR.after(day, small).day <= CALENDAR.after(day + later * DAY, small).day


@settings(max_examples=150, deadline=None)
@given(days, st.integers(1, 60))
def test_adding_working_days_lands_on_one_and_counts_back(day: date, number: int) -> None:
    landing = CALENDAR.after(day, number)
    assert CALENDAR.of(landing.day).is_work
    assert CALENDAR.between(day, landing.day) == number
    assert landing.provisional == (landing.day > max(KNOWN))


def _entry(year: int, said: dict[date, bool], company: str = "") -> CalendarEntry:
    return CalendarEntry(year, company, "test", True, said, 0, "u", "u")


def test_an_entry_that_works_on_a_day_off_by_law_is_refused() -> None:
    with pytest.raises(BadCalendar, match=r"calendar\.day_off_by_law.*2027-01-01"):
        check_entry(_entry(2027, {}))


def test_an_entry_with_another_years_day_is_refused() -> None:
    with pytest.raises(BadCalendar, match=r"calendar\.day_of_another_year.*2028-01-01.*2027"):
        check_entry(_entry(2027, {date(2028, 1, 1): False}))


def test_a_companys_entry_is_only_its_days() -> None:
    entry = _entry(2027, {date(2027, 4, 15): False}, company="x")
    check_entry(entry)
    assert [one.day for one in entry.days()] == [date(2027, 4, 15)]
    assert len(_entry(2027, {}).days()) == 365
