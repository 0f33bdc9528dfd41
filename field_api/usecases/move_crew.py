"""A crew says where it is, and only while it has an accepted order: nobody is followed without work."""

from dataclasses import dataclass, replace

from field_api.company import Company
from field_api.organisation.cells import Crew, CrewState
from field_api.people.users import Role, User
from field_api.ports import Desk, DeskSession
from field_api.usecases.errors import Forbidden, NotFound
from field_api.usecases.tell import crew_event, waiting_state


@dataclass(frozen=True, slots=True)
class Position:
    lon: float
    lat: float
    at_ms: int
    state: CrewState


@dataclass(frozen=True, slots=True)
class MoveCrew:
    """Notes positions; an older one than known changes nothing, and one without work is not kept."""

    desk: Desk
    company: Company

    def __call__(self, user: User, crew_id: str, position: Position, now_ms: int) -> None:
        """Raises ``NotFound`` outside the person's cells, ``Forbidden`` for another's crew."""
        # A phone whose clock runs ahead must not lock its crew's place for hours.
        at_ms = min(position.at_ms, now_ms)
        with self.desk.reading() as session:
            crew = self._own(session, user, crew_id)
            if not self._has_work(session, crew_id):
                return
        with self.desk.writing() as session:
            lon, lat = position.lon, position.lat
            # Asked again: the work may have ended while this waited for its turn to write.
            if not self._has_work(session, crew_id):
                return
            if session.organisation.move_crew(crew_id, lon, lat, at_ms, position.state):
                moved = replace(crew, lon=lon, lat=lat, position_ms=at_ms, state=position.state)
                session.feed.append(now_ms, [crew_event(session, self.company, moved)])

    @staticmethod
    def _own(session: DeskSession, user: User, crew_id: str) -> Crew:
        crew = session.organisation.crew(user.scope, crew_id)
        if crew is None:
            raise NotFound("crew.unknown", crew=crew_id)
        if user.role is Role.CREW and user.crew_id != crew_id:
            raise Forbidden("crew.position_of_another")
        return crew

    def _has_work(self, session: DeskSession, crew_id: str) -> bool:
        return session.orders.under_way_of(crew_id, waiting_state(self.company)) is not None
