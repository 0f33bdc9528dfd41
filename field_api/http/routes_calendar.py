"""The working days of a year: what holds, who said so, and entering what the State Council has published."""

from datetime import date
from typing import Annotated, Final

from pydantic import Field

from field_api.deadlines.calendar_entries import EVERYBODY, FIRST_YEAR, LAST_YEAR, CalendarEntry, days_of
from field_api.http.fields import Input, Line
from field_api.http.operations import SIGNED_IN, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.instants import iso
from field_api.resources import Instant, Resource
from field_api.usecases.enter_calendar import MAY_ENTER, Said

operations: Final = Operations()
MAX_DAYS: Final = 366


class SaidDay(Input):
    day: Annotated[date, Field(strict=False)]
    is_work: bool


class CalendarBody(Input):
    source: Line = Field(description="Who says so: the number or the address of the notice.")
    days: tuple[SaidDay, ...] = Field(
        max_length=MAX_DAYS, strict=False,
        description="The days that differ: days off from Monday to Friday, working days at weekends.",
    )  # fmt: skip
    published: bool = Field(default=True, description="False: still a guess, due times stay provisional.")
    own: bool = Field(default=False, description="Only the named days, and only for this company.")


class CalendarDayResource(Resource):
    day: str
    is_work: bool
    source: str
    published: bool


class CalendarChangeResource(Resource):
    at: Instant
    by_name: str
    source: str
    published: bool
    own: bool
    days: int = Field(description="How many days it named.")


class CalendarYearResource(Resource):
    year: int
    published: bool = Field(description="Every day is published; false: due times in it are provisional.")
    working_days: int
    days: tuple[CalendarDayResource, ...]
    changes: tuple[CalendarChangeResource, ...] = Field(description="Newest first, at most 200.")


@operations.add(
    "GET", "/api/v1/calendar/{year}", "The working days of a year", roles=SIGNED_IN,
    answers={200: CalendarYearResource},
)  # fmt: skip
def show_calendar(call: Call) -> Answer:
    """Every day: known where it was published, else guessed from the weekday and the days off by law."""
    return Answer(200, _year(call, _wanted(call)))


@operations.add(
    "PUT", "/api/v1/calendar/{year}", "Enter the working days of a year", roles=MAY_ENTER,
    body=CalendarBody, answers={200: CalendarYearResource},
)  # fmt: skip
def enter_calendar(call: Call) -> Answer:
    """Replaces what was known of the year; kept with your name. All due times follow at once."""
    year, body = _wanted(call), call.body(CalendarBody)
    said = {one.day: one.is_work for one in body.days}
    if len(said) != len(body.days):
        raise HttpProblem(422, "calendar.day_twice")
    call.services.enter_calendar(
        call.user, Said(year, body.source, said, body.published, body.own), call.now_ms
    )
    return Answer(200, _year(call, year))


def _wanted(call: Call) -> int:
    text = call.path["year"]
    if not (text.isascii() and text.isdigit() and FIRST_YEAR <= int(text[:5]) <= LAST_YEAR):
        raise HttpProblem(404, "calendar.no_such_year", first=FIRST_YEAR, last=LAST_YEAR)
    return int(text)


def _year(call: Call, year: int) -> CalendarYearResource:
    calendar = call.services.calendars()
    days = [calendar.of(day) for day in days_of(year)]
    return CalendarYearResource(
        year=year,
        published=all(one.published for one in days),
        working_days=sum(one.is_work for one in days),
        days=tuple(
            CalendarDayResource(
                day=one.day.isoformat(), is_work=one.is_work, source=one.source, published=one.published
            )
            for one in days
        ),
        changes=tuple(_change(one) for one in call.services.calendars.changes(year)),
    )


def _change(entry: CalendarEntry) -> CalendarChangeResource:
    return CalendarChangeResource(
        at=iso(entry.at_ms), by_name=entry.user_name, source=entry.source, published=entry.published,
        own=entry.company != EVERYBODY, days=len(entry.said),
    )  # fmt: skip
