"""Villages and their liaisons, who would suit, and the plans to introduce them."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from field_api.http.fields import DeviceTime, Identifier, Input, Line, Page, PageQuery, Words, as_whole
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.http.problems import HttpProblem
from field_api.http.routes_organisation import AtQuery, PersonBrief, brief, instant_of, since
from field_api.instants import iso, iso_or_none, milliseconds
from field_api.organisation.rollout import PlanEntry, PlanState, PlanStep, possible, state_of
from field_api.organisation.villages import Liaison, Village, candidates, liaison_at
from field_api.people.users import Role
from field_api.resources import Instant, Resource, VillageResource
from field_api.usecases.appoint import MAY_APPOINT
from field_api.usecases.roll_out import MAX_STEPS, MAY_PLAN

operations: Final = Operations()
_Step = Annotated[int, Field(ge=2, le=MAX_STEPS), BeforeValidator(as_whole)]
MOST_CANDIDATES: Final = 20
MOST_PLANS: Final = 100
MOST_VILLAGES: Final = 500
READS_PLANS: Final = EVERYONE - {Role.CREW}


class LedVillageResource(VillageResource):
    liaison: PersonBrief | None = Field(description="Null: nobody at present.")


class VillagePage(Page[LedVillageResource]):
    pass


class CandidateResource(Resource):
    person: PersonBrief
    rating: float | None
    distance_km: float | None
    score: float = Field(description="Rating less a point for every 10 km.")


class CandidatesResource(Resource):
    items: tuple[CandidateResource, ...] = Field(description="Best first, at most twenty.")


class LiaisonBody(Input):
    person_id: Identifier
    from_at: DeviceTime = Field(strict=False)
    until_at: DeviceTime | None = Field(default=None, strict=False)
    note: Line | None = None


class LiaisonResource(Resource):
    village_id: str
    person_id: str
    from_at: Instant | None = Field(description="Null: since ever.")
    until_at: Instant | None = Field(description="Null: until somebody follows.")


class LiaisonsResource(Resource):
    items: tuple[LiaisonResource, ...] = Field(description="Oldest first.")


class NewPlanBody(Input):
    county: Line
    note: Words = ""


class PlanStepBody(Input):
    step: PlanStep = Field(strict=False)
    sequence: _Step = Field(description="Last seen plus one.")
    note: Words = Field(default="", description="Of a review: what was found.")
    village_ids: tuple[Identifier, ...] = Field(default=(), max_length=MOST_VILLAGES, strict=False)


class PlanEntryResource(Resource):
    sequence: int
    step: PlanStep
    at: Instant
    by_name: str
    note: str
    village_ids: tuple[str, ...]


class PlanResource(Resource):
    id: str
    county: str
    state: PlanState
    possible: tuple[PlanStep, ...]
    steps: tuple[PlanEntryResource, ...]


class PlansResource(Resource):
    items: tuple[PlanResource, ...] = Field(description="Newest first, at most a hundred.")


@operations.add(
    "GET", "/api/v1/villages", "Villages of my grid cells with their liaisons",
    roles=EVERYONE, query=PageQuery, answers={200: VillagePage},
)  # fmt: skip
def list_villages(call: Call) -> Answer:
    """In order of id."""
    query = call.query(PageQuery)
    with call.services.desk.reading() as session:
        whole = session.establishment.read()
    start = number_after(query.cursor) or 0
    seen = [village for village in whole.villages if call.scope.sees(village.grid_id)]
    rows, cursor = cut(
        seen[start : start + query.limit + 1], query.limit, lambda _: (start + query.limit, "")
    )
    items = tuple(
        LedVillageResource(
            id=one.id, name=one.name, name_en=one.name_en, grid_id=one.grid_id, lon=one.lon, lat=one.lat,
            liaison=brief(whole, liaison_at(whole.liaisons, one.id, call.now_ms)),
        )
        for one in rows
    )  # fmt: skip
    return Answer(200, VillagePage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/villages/{village_id}/candidates", "Who would suit as a village's liaison",
    roles=EVERYONE - {Role.CREW}, query=AtQuery, answers={200: CandidatesResource},
)  # fmt: skip
def list_candidates(call: Call) -> Answer:
    """People of the service, business and general teams, by rating and way."""
    at_ms, village = instant_of(call, call.query(AtQuery).at), _village(call)
    with call.services.desk.reading() as session:
        whole = session.establishment.read()
    found = candidates(village, whole.people, whole.unit, at_ms)[:MOST_CANDIDATES]
    items = [
        CandidateResource(
            person=person, rating=one.person.rating, distance_km=one.distance_km, score=one.score
        )
        for one in found
        if (person := brief(whole, one.person.id)) is not None
    ]
    return Answer(200, CandidatesResource(items=tuple(items)))


@operations.add(
    "POST", "/api/v1/villages/{village_id}/liaisons", "Name a village's liaison from an instant on",
    roles=MAY_APPOINT, body=LiaisonBody, answers={200: LiaisonsResource},
)  # fmt: skip
def name_liaison(call: Call) -> Answer:
    """Whoever it was then ends at that instant; kept with your name. Again changes nothing."""
    body = call.body(LiaisonBody)
    until_ms = None if body.until_at is None else max(0, milliseconds(body.until_at))
    new = Liaison(call.path["village_id"], body.person_id, max(0, milliseconds(body.from_at)), until_ms)
    return Answer(200, _liaisons(call.services.appoint.liaison(call.user, new, body.note or "", call.now_ms)))


@operations.add(
    "GET", "/api/v1/roll-out-plans", "Plans to introduce liaisons",
    roles=READS_PLANS, answers={200: PlansResource},
)  # fmt: skip
def list_plans(call: Call) -> Answer:
    """With their steps."""
    with call.services.desk.reading() as session:
        found = [session.establishment.plan(one) for one in session.establishment.plans(MOST_PLANS)]
    return Answer(200, PlansResource(items=tuple(_plan(steps) for steps in found)))


@operations.add(
    "POST", "/api/v1/roll-out-plans", "Propose a plan for a county",
    roles=MAY_PLAN, body=NewPlanBody, answers={201: PlanResource},
)  # fmt: skip
def propose_plan(call: Call) -> Answer:
    """Next: approval by somebody else, a pilot in two or three villages, its review."""
    body = call.body(NewPlanBody)
    first = PlanEntry(uuid.uuid4().hex, 1, PlanStep.PROPOSE, call.now_ms, "", "", body.note, (), body.county)
    return Answer(201, _plan(call.services.roll_out.step(call.user, first)))


@operations.add(
    "GET", "/api/v1/roll-out-plans/{plan_id}", "A plan with its steps",
    roles=READS_PLANS, answers={200: PlanResource},
)  # fmt: skip
def get_plan(call: Call) -> Answer:
    """Its state follows from them."""
    return Answer(200, _plan(call.services.roll_out.steps(call.path["plan_id"])))


@operations.add(
    "POST", "/api/v1/roll-out-plans/{plan_id}/steps", "Take a plan's next step",
    roles=MAY_PLAN, body=PlanStepBody, answers={200: PlanResource}, refuses=frozenset({409}),
)  # fmt: skip
def step_plan(call: Call) -> Answer:
    """Refused wide before a pilot was reviewed and found good."""
    body = call.body(PlanStepBody)
    entry = PlanEntry(
        call.path["plan_id"], body.sequence, body.step, call.now_ms, "", "", body.note, body.village_ids
    )
    return Answer(200, _plan(call.services.roll_out.step(call.user, entry)))


def _village(call: Call) -> Village:
    wanted = call.path["village_id"]
    with call.services.desk.reading() as session:
        listed = session.establishment.read().villages
    found = next((one for one in listed if one.id == wanted and call.scope.sees(one.grid_id)), None)
    if found is None:
        raise HttpProblem(404, "village.unknown", village=wanted)
    return found


def _liaisons(found: Iterable[Liaison]) -> LiaisonsResource:
    return LiaisonsResource(
        items=tuple(
            LiaisonResource(
                village_id=one.village_id, person_id=one.person_id, from_at=since(one.from_ms),
                until_at=iso_or_none(one.until_ms),
            )
            for one in found
        )
    )  # fmt: skip


def _plan(steps: Sequence[PlanEntry]) -> PlanResource:
    state = state_of(steps)
    return PlanResource(
        id=steps[0].plan_id, county=steps[0].county, state=state, possible=possible(state),
        steps=tuple(
            PlanEntryResource(
                sequence=one.sequence, step=one.step, at=iso(one.at_ms), by_name=one.by_name, note=one.note,
                village_ids=one.village_ids,
            )
            for one in steps
        ),
    )  # fmt: skip
