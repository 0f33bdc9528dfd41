"""Findings on people: everybody sees those on themselves and may object before they count."""

from typing import Final

from pydantic import Field

from field_api.http.fields import Identifier, Input, Page, PageQuery, Words
from field_api.http.operations import Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.instants import iso, iso_or_none
from field_api.people.findings import CauseClass, FindingState, PersonFinding
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.usecases.judge_people import NewFinding

operations: Final = Operations()
PEOPLE: Final = frozenset(Role) - {Role.MACHINE}
SUPERVISORS: Final = frozenset({Role.SUPERVISOR})


class FindingBody(Input):
    rule: Identifier = Field(description="What was broken.")
    evidence: Words = Field(min_length=1)
    person_id: Identifier
    order_id: Identifier | None = None
    cause: CauseClass = Field(default=CauseClass.STAFF, strict=False)


class ObjectionBody(Input):
    words: Words = Field(min_length=1)


class DecisionBody(Input):
    upheld: bool
    words: Words = Field(min_length=1)
    cause: CauseClass | None = Field(default=None, strict=False, description="Only staff's counts.")


class PersonFindingResource(Resource):
    id: str
    rule: str
    evidence: str
    person_id: str
    order_id: str
    cause: CauseClass
    state: FindingState
    raised_by: str
    raised_at: Instant
    object_until: Instant = Field(description="Until then the person may speak before anybody decides.")
    objection: str
    objected_at: Instant | None
    decided_by: str
    decided_at: Instant | None
    decision: str
    counts: bool


class PersonFindingPage(Page[PersonFindingResource]):
    pass


@operations.add(
    "GET", "/api/v1/findings-on-people", "Findings on me; for supervisors those of their cells",
    roles=PEOPLE, query=PageQuery, answers={200: PersonFindingPage},
)  # fmt: skip
def list_findings_on_people(call: Call) -> Answer:
    """Newest first."""
    query = call.query(PageQuery)
    found = call.services.people.findings.listed(call.user, number_after(query.cursor), query.limit + 1)
    rows, cursor = cut(found, query.limit, lambda one: (one.raised_ms, ""))
    return Answer(200, PersonFindingPage(items=tuple(map(_resource, rows)), next_cursor=cursor))


@operations.add(
    "POST", "/api/v1/findings-on-people", "Raise a finding on a person",
    roles=SUPERVISORS, body=FindingBody, answers={201: PersonFindingResource}, refuses=frozenset({404}),
)  # fmt: skip
def raise_finding(call: Call) -> Answer:
    """It counts only once somebody upheld it."""
    sent = call.body(FindingBody)
    new = NewFinding(sent.rule, sent.evidence, sent.person_id, sent.order_id or "", sent.cause)
    return Answer(201, _resource(call.services.people.findings.raise_one(call.user, new, call.now_ms)))


@operations.add(
    "POST", "/api/v1/findings-on-people/{finding_id}/objection", "Object to a finding on me",
    roles=PEOPLE, body=ObjectionBody, answers={200: PersonFindingResource}, refuses=frozenset({409}),
)  # fmt: skip
def object_to_finding(call: Call) -> Answer:
    """Only the person it is about."""
    words = call.body(ObjectionBody).words
    found = call.services.people.findings.object_to(call.user, call.path["finding_id"], words, call.now_ms)
    return Answer(200, _resource(found))


@operations.add(
    "POST", "/api/v1/findings-on-people/{finding_id}/decision", "Uphold or drop a finding",
    roles=SUPERVISORS, body=DecisionBody, answers={200: PersonFindingResource}, refuses=frozenset({409}),
)  # fmt: skip
def decide_finding(call: Call) -> Answer:
    """Never by the person itself; an objection is decided by another supervisor than who raised it."""
    sent = call.body(DecisionBody)
    found = call.services.people.findings.decide(
        call.user, call.path["finding_id"], sent.upheld, sent.words, sent.cause, call.now_ms
    )
    return Answer(200, _resource(found))


def _resource(one: PersonFinding) -> PersonFindingResource:
    return PersonFindingResource(
        id=one.id, rule=one.rule, evidence=one.evidence, person_id=one.person_id, order_id=one.order_id,
        cause=one.cause, state=one.state, raised_by=one.raised_by, raised_at=iso(one.raised_ms),
        object_until=iso(one.object_until_ms), objection=one.objection,
        objected_at=iso_or_none(one.objected_ms), decided_by=one.decided_by,
        decided_at=iso_or_none(one.decided_ms), decision=one.decision, counts=one.counts,
    )  # fmt: skip
