"""A crew says where it is, and only while it has an accepted order: nobody is followed without work."""

from dataclasses import dataclass

from field_api.company import Company
from field_api.organisation.cells import CrewState
from field_api.people.users import Role, User
from field_api.ports import Desk
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
        with self.desk.writing() as session:
            if session.organisation.crew(user.scope, crew_id) is None:
                raise NotFound(f"no crew {crew_id!r}")
            if user.role is Role.CREW and user.crew_id != crew_id:
                raise Forbidden("a crew reports its own position only")
            if crew_id not in session.orders.under_way(waiting_state(self.company)):
                return
            lon, lat = position.lon, position.lat
            if session.organisation.move_crew(crew_id, lon, lat, at_ms, position.state):
                crew = session.organisation.crew(user.scope, crew_id)
                if crew is not None:
                    session.feed.append(now_ms, [crew_event(session, self.company, crew)])
