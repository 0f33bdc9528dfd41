"""Who works where and answers for what: units, people, grid cells with manager and liaisons, coverage."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import Field

from field_api.http.fields import (
    DeviceTime,
    Identifier,
    Input,
    Latitude,
    Line,
    Longitude,
    Page,
    PageQuery,
    Query,
)
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.http.problems import HttpProblem
from field_api.http.site_of import current_site
from field_api.instants import iso, iso_or_none, milliseconds
from field_api.organisation.cells import AreaKind, GridCell
from field_api.organisation.coverage import Coverage, Share, coverage
from field_api.organisation.duties import Assignment, manager_at
from field_api.organisation.establishment import Establishment
from field_api.organisation.segments import Segment, segment_counts, segment_rows
from field_api.organisation.staffing import (
    Person,
    Qualification,
    TeamKind,
    UnitKind,
    headcounts,
    skill_matrix,
    team_warnings,
)
from field_api.organisation.villages import liaison_at
from field_api.people.masking import mask_name, mask_phone
from field_api.people.users import WHOLE_COMPANY, Scope
from field_api.resources import Box, Instant, Resource
from field_api.saying import Language
from field_api.usecases.appoint import MAY_APPOINT
from field_api.validity import holding

operations: Final = Operations()


class AtQuery(Query):
    at: DeviceTime | None = Field(default=None, description="As of when; now where not given.")


class PeopleQuery(PageQuery):
    at: DeviceTime | None = Field(default=None, description="As of when; now where not given.")
    skill: Identifier | None = Field(default=None, description="Only who has it.")


class PlaceQuery(Query):
    lon: Longitude
    lat: Latitude


class SegmentQuery(PageQuery):
    segment: Segment


class UnitResource(Resource):
    id: str
    kind: UnitKind
    parent_id: str = Field(description="What it belongs to; empty for the company.")
    name: str
    name_en: str
    team_kind: TeamKind
    number: int = Field(description="Of a numbered team; 0: not numbered.")
    headcount: int


class TeamWarningResource(Resource):
    unit_id: str
    rule: str
    told: dict[Language, str]


class OrganisationResource(Resource):
    at: Instant
    units: tuple[UnitResource, ...]
    warnings: tuple[TeamWarningResource, ...] = Field(description="What is not as the rules have it.")


class PersonBrief(Resource):
    id: str
    name: str
    name_en: str
    unit_id: str
    phone: str = Field(description="Masked.")


class StaffResource(PersonBrief):
    rating: float | None
    skills: tuple[str, ...]
    grid_ids: tuple[str, ...] = Field(description="Cells managed, or with a village looked after.")
    crew_ids: tuple[str, ...]


class StaffPage(Page[StaffResource]):
    pass


class ShareResource(Resource):
    covered: int
    whole: int
    part: float


class GapResource(Resource):
    grid_id: str
    known: bool = Field(description="False: the network names a cell that the organisation does not have.")
    customers: int
    transformer_areas: int
    assets: int
    examples: tuple[str, ...]


class CoverageResource(Resource):
    at: Instant
    customers: ShareResource
    transformer_areas: ShareResource
    assets: ShareResource
    villages: ShareResource
    gaps: tuple[GapResource, ...]
    villages_without: tuple[str, ...]


class CellLiaison(Resource):
    village_id: str
    village_name: str
    person: PersonBrief | None


class CellDetailResource(Resource):
    id: str
    name: str
    name_en: str
    area: AreaKind
    bounds: Box
    at: Instant
    manager: PersonBrief | None = Field(description="Customer manager and asset owner; null: nobody.")
    liaisons: tuple[CellLiaison, ...]
    crew_ids: tuple[str, ...]
    segments: dict[Segment, int] = Field(description="How many customers; together all of the cell.")


class DutyResource(Resource):
    grid_id: str
    person_id: str
    service: bool
    work: bool
    asset: bool
    from_at: Instant | None = Field(description="Null: since ever.")
    until_at: Instant | None = Field(description="Null: until somebody follows.")


class DutiesResource(Resource):
    items: tuple[DutyResource, ...] = Field(description="Oldest first.")


class DutyBody(Input):
    person_id: Identifier
    from_at: DeviceTime = Field(strict=False)
    until_at: DeviceTime | None = Field(default=None, strict=False)
    work: bool = True
    note: Line | None = None


class SkillBody(Input):
    from_at: DeviceTime = Field(strict=False)
    until_at: DeviceTime | None = Field(default=None, strict=False, description="When the proof ends.")
    note: Line | None = None


class SkillResource(Resource):
    person_id: str
    skill: str
    from_at: Instant | None
    until_at: Instant | None


class PlaceCellResource(Resource):
    grid_id: str
    manager: PersonBrief | None


class CellCustomer(Resource):
    id: str
    name: str = Field(description="Masked.")
    phone: str = Field(description="Masked.")


class CellCustomerPage(Page[CellCustomer]):
    pass


@operations.add(
    "GET", "/api/v1/organisation", "The units, their headcounts and what is not as the rules have it",
    roles=EVERYONE, query=AtQuery, answers={200: OrganisationResource},
)  # fmt: skip
def show_organisation(call: Call) -> Answer:
    """Company, service centres, stations, teams, contractors; each after what it belongs to."""
    at_ms = instant_of(call, call.query(AtQuery).at)
    whole = _whole(call)
    counts = headcounts(whole.units, whole.people, at_ms)
    units = tuple(
        UnitResource(
            id=unit.id, kind=unit.kind, parent_id=unit.parent_id, name=unit.name, name_en=unit.name_en,
            team_kind=unit.team_kind, number=unit.number, headcount=counts[unit.id],
        )
        for unit in sorted(whole.units, key=lambda unit: list(UnitKind).index(unit.kind))
    )  # fmt: skip
    warnings = tuple(
        TeamWarningResource(unit_id=one.unit_id, rule=one.rule, told={"zh": one.zh, "en": one.en})
        for one in team_warnings(whole.units, whole.people, at_ms)
    )
    return Answer(200, OrganisationResource(at=iso(at_ms), units=units, warnings=warnings))


@operations.add(
    "GET", "/api/v1/staff", "People with their skills, cells and crews",
    roles=EVERYONE, query=PeopleQuery, answers={200: StaffPage},
)  # fmt: skip
def list_staff(call: Call) -> Answer:
    """Those who have to do with my grid cells; telephone numbers masked."""
    query = call.query(PeopleQuery)
    at_ms, start = instant_of(call, query.at), number_after(query.cursor) or 0
    found = [
        one for one in _staff(call, _whole(call), at_ms) if query.skill is None or query.skill in one.skills
    ]
    rows, cursor = cut(
        found[start : start + query.limit + 1], query.limit, lambda _: (start + query.limit, "")
    )
    return Answer(200, StaffPage(items=tuple(rows), next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/organisation/coverage", "How much somebody answers for, and where nobody does",
    roles=EVERYONE, query=AtQuery, answers={200: CoverageResource}, refuses=frozenset({503}),
)  # fmt: skip
def show_coverage(call: Call) -> Answer:
    """Customers, transformer areas, assets and villages of my grid cells; the target is all."""
    at_ms, site, whole = instant_of(call, call.query(AtQuery).at), current_site(call), _whole(call)
    cells = [cell.id for cell in _cells(call, WHOLE_COMPANY)]
    report = coverage(site, cells, whole.assignments, whole.villages, whole.liaisons, at_ms, call.scope.sees)
    return Answer(200, _coverage(report))


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}", "A grid cell with its manager, liaisons, crews and customers",
    roles=EVERYONE, query=AtQuery, answers={200: CellDetailResource}, refuses=frozenset({503}),
)  # fmt: skip
def get_grid_cell(call: Call) -> Answer:
    """As of an instant."""
    at_ms, cell, whole = instant_of(call, call.query(AtQuery).at), visible_cell(call), _whole(call)
    site = current_site(call)
    with call.services.desk.reading() as session:
        crews = session.organisation.crews(call.scope)
    liaisons = tuple(
        CellLiaison(
            village_id=village.id, village_name=village.name,
            person=brief(whole, liaison_at(whole.liaisons, village.id, at_ms)),
        )
        for village in whole.villages
        if village.grid_id == cell.id
    )  # fmt: skip
    resource = CellDetailResource(
        id=cell.id, name=cell.name, name_en=cell.name_en, area=cell.area, bounds=cell.bounds, at=iso(at_ms),
        manager=brief(whole, manager_at(whole.assignments, cell.id, at_ms)), liaisons=liaisons,
        crew_ids=tuple(crew.id for crew in crews if cell.id in crew.grid_ids),
        segments=segment_counts(site, cell.id),
    )  # fmt: skip
    return Answer(200, resource)


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}/customers", "A cell's customers of one segment, masked",
    roles=EVERYONE, query=SegmentQuery, answers={200: CellCustomerPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_cell_customers(call: Call) -> Answer:
    """Key, vulnerable, high voltage, small and micro, non-resident, resident."""
    query, cell, site = call.query(SegmentQuery), visible_cell(call), current_site(call)
    start, customers = number_after(query.cursor) or 0, site.network.customers
    found = segment_rows(site, cell.id, query.segment)[start : start + query.limit + 1]
    rows, cursor = cut(found.tolist(), query.limit, lambda _: (start + query.limit, ""))
    items = tuple(
        CellCustomer(
            id=customers.ids[row], name=mask_name(customers.name[row]), phone=mask_phone(customers.phone[row])
        )
        for row in rows
    )
    return Answer(200, CellCustomerPage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/grid-cells/{grid_id}/duties", "Who managed a grid cell, and who will",
    roles=EVERYONE, query=AtQuery, answers={200: DutiesResource},
)  # fmt: skip
def list_duties(call: Call) -> Answer:
    """All of the cell's assignments; with ``at`` only the one that holds then."""
    cell, query = visible_cell(call), call.query(AtQuery)
    own = [one for one in _whole(call).assignments if one.grid_id == cell.id]
    if query.at is not None:
        own = list(holding(own, instant_of(call, query.at)))
    return Answer(200, _duties(own))


@operations.add(
    "POST", "/api/v1/grid-cells/{grid_id}/duties", "Name a grid cell's manager from an instant on",
    roles=MAY_APPOINT, body=DutyBody, answers={200: DutiesResource},
)  # fmt: skip
def name_manager(call: Call) -> Answer:
    """Whoever managed it then ends at that instant; kept with your name. Again changes nothing."""
    body = call.body(DutyBody)
    new = Assignment(
        call.path["grid_id"], body.person_id, work=body.work, from_ms=_ms(body.from_at),
        until_ms=None if body.until_at is None else _ms(body.until_at),
    )  # fmt: skip
    after = call.services.appoint.manager(call.user, new, body.note or "", call.now_ms)
    return Answer(200, _duties(after))


@operations.add(
    "PUT", "/api/v1/staff/{person_id}/skills/{skill}", "Say what a person may do, and until when",
    roles=MAY_APPOINT, body=SkillBody, answers={200: SkillResource},
)  # fmt: skip
def put_skill(call: Call) -> Answer:
    """One cell of the skill matrix; kept with your name."""
    body = call.body(SkillBody)
    until_ms = None if body.until_at is None else _ms(body.until_at)
    new = Qualification(call.path["person_id"], call.path["skill"], _ms(body.from_at), until_ms)
    kept = call.services.appoint.qualify(call.user, new, body.note or "", call.now_ms)
    return Answer(
        200,
        SkillResource(
            person_id=kept.person_id, skill=kept.skill, from_at=since(kept.from_ms),
            until_at=iso_or_none(kept.until_ms),
        ),
    )  # fmt: skip


@operations.add(
    "GET", "/api/v1/places/cell", "The one grid cell of a place on the map",
    roles=EVERYONE, query=PlaceQuery, answers={200: PlaceCellResource}, refuses=frozenset({404, 503}),
)  # fmt: skip
def cell_of_place(call: Call) -> Answer:
    """And who manages it now."""
    query = call.query(PlaceQuery)
    cell = current_site(call).cell_at(query.lon, query.lat)
    if not call.scope.sees(cell):
        raise HttpProblem(404, "organisation.place_not_yours")
    whole = _whole(call)
    manager = brief(whole, manager_at(whole.assignments, cell, call.now_ms))
    return Answer(200, PlaceCellResource(grid_id=cell, manager=manager))


def instant_of(call: Call, at: datetime | None) -> int:
    """The instant asked for, else now."""
    return call.now_ms if at is None else _ms(at)


def brief(whole: Establishment, person_id: str | None) -> PersonBrief | None:
    """A person as others see them; None for nobody."""
    person = whole.person.get(person_id or "")
    return None if person is None else PersonBrief(**_brief(person))


def since(from_ms: int) -> str | None:
    """None: since ever."""
    return iso(from_ms) if from_ms else None


def visible_cell(call: Call) -> GridCell:
    """The path's cell; a problem 404 outside of the scope."""
    wanted = call.path["grid_id"]
    found = next((cell for cell in _cells(call, call.scope) if cell.id == wanted), None)
    if found is None:
        raise HttpProblem(404, "organisation.no_cell", cell=wanted)
    return found


def _ms(at: datetime) -> int:
    """Nothing was recorded before 1970."""
    return max(0, milliseconds(at))


def _brief(person: Person) -> dict[str, str]:
    return {
        "id": person.id, "name": person.name, "name_en": person.name_en, "unit_id": person.unit_id,
        "phone": mask_phone(person.phone),
    }  # fmt: skip


def _whole(call: Call) -> Establishment:
    with call.services.desk.reading() as session:
        return session.establishment.read()


def _cells(call: Call, scope: Scope) -> tuple[GridCell, ...]:
    with call.services.desk.reading() as session:
        return session.organisation.cells(scope)


def _staff(call: Call, whole: Establishment, at_ms: int) -> list[StaffResource]:
    """Those who have to do with a visible cell or crew; of the others' cells and crews nothing is told."""
    with call.services.desk.reading() as session:
        visible = {crew.id for crew in session.organisation.crews(call.scope)}
    crews_of: dict[str, list[str]] = {}
    for member in holding(whole.members, at_ms):
        if member.crew_id in visible:
            crews_of.setdefault(member.person_id, []).append(member.crew_id)
    matrix = skill_matrix(whole.people, whole.qualifications, at_ms)
    by_person = whole.cells_by_person(at_ms)
    cells_of = {
        person.id: [cell for cell in by_person.get(person.id, ()) if call.scope.sees(cell)]
        for person in holding(whole.people, at_ms)
    }
    return [
        _person(whole.person[known], matrix[known], cells, tuple(crews_of.get(known, ())))
        for known, cells in cells_of.items()
        if call.scope.whole_company or cells or known in crews_of
    ]


def _person(
    person: Person, skills: Iterable[str], cells: Iterable[str], crew_ids: tuple[str, ...]
) -> StaffResource:
    return StaffResource(
        **_brief(person), rating=person.rating, skills=tuple(sorted(skills)), grid_ids=tuple(sorted(cells)),
        crew_ids=crew_ids,
    )  # fmt: skip


def _duties(assignments: Iterable[Assignment]) -> DutiesResource:
    return DutiesResource(
        items=tuple(
            DutyResource(
                grid_id=one.grid_id, person_id=one.person_id, service=one.service, work=one.work,
                asset=one.asset, from_at=since(one.from_ms), until_at=iso_or_none(one.until_ms),
            )
            for one in assignments
        )
    )  # fmt: skip


def _coverage(report: Coverage) -> CoverageResource:
    gaps = tuple(
        GapResource(
            grid_id=gap.grid_id, known=gap.known, customers=gap.customers,
            transformer_areas=gap.transformer_areas, assets=gap.assets, examples=gap.examples,
        )
        for gap in report.gaps
    )  # fmt: skip
    return CoverageResource(
        at=iso(report.at_ms), customers=_share(report.customers),
        transformer_areas=_share(report.transformer_areas), assets=_share(report.assets),
        villages=_share(report.villages), gaps=gaps, villages_without=report.villages_without,
    )  # fmt: skip


def _share(share: Share) -> ShareResource:
    return ShareResource(covered=share.covered, whole=share.whole, part=share.part)
