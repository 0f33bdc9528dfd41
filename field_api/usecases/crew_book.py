"""What planning knows of a crew: its members' skills and its roster's hours of the coming days."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from field_api.calendars import local_day
from field_api.deadlines.working_days import WorkCalendar
from field_api.dispatch.problem import ALWAYS, Hand
from field_api.organisation.cells import Crew
from field_api.organisation.shifts import working_spans
from field_api.ports import DeskSession

PLANNED_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Rosters:
    """A ``CrewBook``: of whom no skill is known can do everything, who has no roster is always there."""

    calendar: Callable[[], WorkCalendar]

    def __call__(self, session: DeskSession, crew: Crew, area: str, now_ms: int) -> Hand:  # noqa: ARG002
        """The crew as a plan sees it; its hours change only at midnight, so that a plan stays what it was."""
        skills = crew.skills or None
        return Hand(
            crew.id, crew.lon, crew.lat, frozenset(crew.grid_ids), area, skills, self._hours(crew, now_ms)
        )

    def _hours(self, crew: Crew, now_ms: int) -> tuple[tuple[int, int], ...]:
        if not crew.shifts:
            return ALWAYS
        known = self.calendar()
        yesterday = local_day(now_ms) - timedelta(days=1)
        return working_spans(crew.shifts, yesterday, PLANNED_DAYS + 2, lambda day: known.of(day).is_work) or (
            (0, 0),
        )
