"""An administrator enters the working days of a year; all due times follow, for none of them is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from field_api.deadlines.calendar_entries import EVERYBODY, BadCalendar, CalendarEntry, check_entry
from field_api.people.users import Role, User
from field_api.ports import WorkCalendars
from field_api.saying import Term
from field_api.usecases.errors import Forbidden, NotPossible

MAY_ENTER: Final = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Said:
    """What the administrator says of a year."""

    year: int
    source: str
    days: Mapping[date, bool]
    """Day → is it a working day? Days not named are as any Monday to Friday, Saturday or Sunday."""
    published: bool = True
    own: bool = False
    """Only the named days, and only for this company."""


@dataclass(frozen=True, slots=True)
class EnterCalendar:
    calendars: WorkCalendars
    company: str

    def __call__(self, user: User, said: Said, now_ms: int) -> CalendarEntry:
        """What was kept; raises a kind of ``Refused``."""
        if user.role not in MAY_ENTER:
            raise Forbidden("calendar.role_cannot_enter", role=Term("role", user.role.value))
        if said.own and not self.company:
            raise NotPossible("calendar.no_company_code")
        entry = CalendarEntry(
            said.year, self.company if said.own else EVERYBODY, said.source, said.published,
            dict(said.days), now_ms, user.id, user.name,
        )  # fmt: skip
        try:
            check_entry(entry)
        except BadCalendar as problem:
            raise NotPossible.like(problem) from problem
        self.calendars.enter(entry)
        return entry
