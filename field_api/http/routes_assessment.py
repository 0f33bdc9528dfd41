"""How the work of a cell and of its manager goes: first visits, who solved what, risks, the sheet."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from pydantic import Field

from field_api.calendars import ZONE
from field_api.http.fields import Query
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.routes_organisation import visible_cell
from field_api.http.site_of import current_site
from field_api.instants import milliseconds
from field_api.people.users import Role
from field_api.projection import Site
from field_api.resources import Resource
from field_api.service.assessment import FirstVisits, LocalSolves
from field_api.service.risks import RiskKind
from geo.errors import UnknownElement

operations: Final = Operations()
PEOPLE: Final = frozenset(Role) - {Role.MACHINE, Role.AUDITOR}
_FIRST: Final = date(1970, 1, 2)
_LAST: Final = date(9990, 1, 1)


class SheetQuery(Query):
    first_day: date = Field(description="Local day, included.")
    last_day: date = Field(description="Local day, included.")


class FirstVisitsResource(Resource):
    ratio: float | None = Field(description="Orders closed with one visit of all visited; null: none was.")
    first: tuple[str, ...]
    again: tuple[str, ...] = Field(description="Orders that needed more than one visit.")


class SolvesResource(Resource):
    closed: int
    solved: int = Field(description="Finished by the crew that got them first.")
    ratio: float | None = Field(description="Null: none was closed.")


class CrewSolvesResource(SolvesResource):
    crew_id: str


class LocalSolvesResource(SolvesResource):
    crews: tuple[CrewSolvesResource, ...] = Field(description="By the crew that got the order first.")


class ScoreLineResource(Resource):
    name: str
    points: float
    events: tuple[str, ...] = Field(description="Orders and findings that it follows from.")


class SheetResource(Resource):
    person_id: str
    score: float = Field(description="Of 100 what the lines leave.")
    closed: int
    first_visits: FirstVisitsResource
    lines: tuple[ScoreLineResource, ...]


class RiskResource(Resource):
    kind: RiskKind
    subject: str
    events: tuple[str, ...]


class RisksResource(Resource):
    items: tuple[RiskResource, ...]


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}/first-visits", "Orders of a cell closed with one visit",
    roles=EVERYONE, query=SheetQuery, answers={200: FirstVisitsResource},
)  # fmt: skip
def show_first_visits(call: Call) -> Answer:
    """Of those closed on these days."""
    cell, query = visible_cell(call), call.query(SheetQuery)
    found = call.services.assess.first_visits(call.scope, cell.id, *_span(query))
    return Answer(200, _visits(found))


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}/local-solves", "Orders of a cell that never changed hands",
    roles=EVERYONE, query=SheetQuery, answers={200: LocalSolvesResource},
)  # fmt: skip
def show_local_solves(call: Call) -> Answer:
    """Of those closed on these days, in all and by crew (REP-03)."""
    cell, query = visible_cell(call), call.query(SheetQuery)
    found = call.services.assess.local_solves(call.scope, cell.id, *_span(query))
    whole = LocalSolves(sum(one.closed for one in found.values()), sum(one.solved for one in found.values()))
    crews = tuple(CrewSolvesResource(crew_id=crew, **_solves(one)) for crew, one in found.items())
    return Answer(200, LocalSolvesResource(crews=crews, **_solves(whole)))


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}/risks", "What of a grid cell needs its manager's attention",
    roles=EVERYONE, answers={200: RisksResource}, refuses=frozenset({503}),
)  # fmt: skip
def list_risks(call: Call) -> Answer:
    """Orders late or near their limits, open complaints, outages that repeat, standing low voltage."""
    cell, site = visible_cell(call), current_site(call)
    found = call.services.assess.risks(call.scope, cell.id, lambda one: _cell_of(site, one), call.now_ms)
    items = tuple(RiskResource(kind=one.kind, subject=one.subject, events=one.events) for one in found)
    return Answer(200, RisksResource(items=items))


@operations.add(
    "GET", "/api/v1/staff/{person_id}/assessment", "A manager's assessment sheet",
    roles=PEOPLE, query=SheetQuery, answers={200: SheetResource},
)  # fmt: skip
def show_sheet(call: Call) -> Answer:
    """For the person, supervisors and administrators; every line with its events."""
    span = _span(call.query(SheetQuery))
    sheet = call.services.assess.sheet(call.user, call.path["person_id"], *span)
    resource = SheetResource(
        person_id=sheet.person_id, score=sheet.score, closed=sheet.closed,
        first_visits=_visits(sheet.first_visits),
        lines=tuple(
            ScoreLineResource(name=line.name, points=line.points, events=line.events) for line in sheet.lines
        ),
    )  # fmt: skip
    return Answer(200, resource)


def _solves(found: LocalSolves) -> dict[str, Any]:
    return {"closed": found.closed, "solved": found.solved, "ratio": found.ratio}


def _visits(found: FirstVisits) -> FirstVisitsResource:
    return FirstVisitsResource(ratio=found.ratio, first=found.first, again=found.again)


def _span(query: SheetQuery) -> tuple[int, int]:
    first, last = (min(max(day, _FIRST), _LAST) for day in (query.first_day, query.last_day))
    return _midnight_ms(first), _midnight_ms(last + timedelta(days=1))


def _midnight_ms(day: date) -> int:
    return milliseconds(datetime.combine(day, time(0), ZONE))


def _cell_of(site: Site, element: str) -> str:
    try:
        return site.cell_of_element(site.find(element))
    except UnknownElement:
        return ""
