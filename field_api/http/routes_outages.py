"""Outages: what failed, who is out, why it is believed."""

import json
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import Page, PageQuery
from field_api.http.operations import EVERYONE, READERS, Answer, Call, Operations
from field_api.http.paging import cut, number_after, page_after
from field_api.http.problems import HttpProblem
from field_api.http.routes_explanations import wordings
from field_api.instants import iso, iso_or_none
from field_api.people.masking import address_area, mask_name, mask_phone
from field_api.ports import OutageView
from field_api.presentation import revision_resource
from field_api.projection import CLASS_NAMES, PRIORITY_NAMES, Site
from field_api.resources import (
    AffectedCustomerResource,
    Instant,
    OutageDetailResource,
    OutageResource,
    Resource,
    ScopeResource,
)
from field_api.usecases.outage_absences import Absent
from field_api.usecases.tell import order_documents
from geo.errors import UnknownElement
from telemetry.customer_evidence import CustomerEvidence
from telemetry.outages import OutageRevision

operations: Final = Operations()
MAX_REVISIONS_SHOWN: Final = 200
IS_OPEN: Final = {"open": True, "closed": False, "all": None}


class StateQuery(PageQuery):
    state: Literal["open", "closed", "all"] = Field(default="open")


class OutagePage(Page[OutageResource]):
    pass


class AffectedCustomerPage(Page[AffectedCustomerResource]):
    pass


class AbsenceResource(Resource):
    id: str
    name: str
    address_area: str
    off_at: Instant
    on_at: Instant | None = Field(description="Null: still out.")


class ReturnStepResource(Resource):
    at: Instant
    customers: int = Field(description="Whose supply came back then.")


class AbsencePage(Page[AbsenceResource]):
    customers: int
    still_out: int
    steps: tuple[ReturnStepResource, ...] = Field(description="Oldest first, at most a hundred.")


@operations.add(
    "GET", "/api/v1/outages", "Outages in my grid cells, newest first",
    roles=READERS, query=StateQuery, answers={200: OutagePage},
)  # fmt: skip
def list_outages(call: Call) -> Answer:
    """A page of outages."""
    query = call.query(StateQuery)
    with call.services.desk.reading() as session:
        views = session.outages.listed(
            call.scope, IS_OPEN[query.state], page_after(query.cursor), query.limit + 1
        )
    rows, cursor = cut(views, query.limit, lambda view: (view.started_ms, view.outage_id))
    items = ",".join(view.document for view in rows)
    return Answer(200, f'{{"items":[{items}],"next_cursor":{json.dumps(cursor)}}}')


@operations.add(
    "GET", "/api/v1/outages/{outage_id}", "One outage with its revisions and orders",
    roles=READERS, answers={200: OutageDetailResource}, conditional=True,
)  # fmt: skip
def get_outage(call: Call) -> Answer:
    """The newest revision, what was believed before, and the work on it."""
    services = call.services
    view = _visible(call)
    revisions = services.supply.history(view.outage_id)[-MAX_REVISIONS_SHOWN:]
    with services.desk.reading() as session:
        stored = session.orders.of_outage(call.scope, view.outage_id)
        calls = session.calls.count(call.scope, view.outage_id)
        told = order_documents(session, services.company, stored, call.now_ms, call.user)
        orders = [json.loads(one) for one in told]
    shown = [revision_resource(one, _site(call, one)).model_dump(mode="json") for one in revisions]
    document = json.loads(view.document) | {
        "revisions": shown,
        "orders": orders,
        "calls": calls,
        "explained_revision": services.explanations.explained(view.outage_id),
    }
    return Answer(200, json.dumps(document, ensure_ascii=False), revision=view.revision)


@operations.add(
    "GET", "/api/v1/outages/{outage_id}/scope", "What is out, as rows of the tiles' features",
    roles=READERS, answers={200: ScopeResource}, conditional=True,
)  # fmt: skip
def get_scope(call: Call) -> Answer:
    """Integer rows; customers only of my grid cells."""
    view = _visible(call)
    revision = _newest(call, view)
    site = _site(call, revision)
    impact = call.services.supply.impact(revision)
    customers = impact.scope.customer_rows
    if not call.scope.whole_company:
        customers = site.customers_in(customers, call.scope.grid_ids)
    scope = ScopeResource(
        outage_id=view.outage_id,
        revision=revision.revision,
        edges=tuple(impact.scope.edge_rows.tolist()),
        customers=tuple(customers.tolist()),
        transformers=tuple(impact.scope.transformer_rows.tolist()),
        bounds=site.scope_bounds(impact.scope),
    )
    return Answer(200, scope, revision=revision.revision)


@operations.add(
    "GET", "/api/v1/outages/{outage_id}/customers", "Who is out, most urgent first, masked",
    roles=EVERYONE, query=PageQuery, answers={200: AffectedCustomerPage},
)  # fmt: skip
def list_affected(call: Call) -> Answer:
    """A page of customers of my grid cells."""
    query = call.query(PageQuery)
    revision = _newest(call, _visible(call))
    site, impact = _site(call, revision), call.services.supply.impact(revision)
    rows = impact.customers
    if not call.scope.whole_company:
        rows = site.customers_in(rows, call.scope.grid_ids)
    start = number_after(query.cursor) or 0
    part = rows[start : start + query.limit]
    also = set(impact.scope.also_out_rows.tolist())
    explanation = call.services.explanations.of(revision.outage_id)
    told = {one.customer: one for one in explanation.customers} if explanation else {}
    items = tuple(
        _affected(site, int(row), int(row) in also, _reason(call, told.get(site.network.customers.ids[row])))
        for row in part.tolist()
    )
    cursor = str(start + query.limit) if start + query.limit < len(rows) else None
    return Answer(200, AffectedCustomerPage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/outages/{outage_id}/absences", "When each customer lost supply and when it came back",
    roles=EVERYONE, query=PageQuery, answers={200: AbsencePage},
)  # fmt: skip
def list_absences(call: Call) -> Answer:
    """Customers of my grid cells, masked, those still out first; and the steps in which supply returned.

    The same ledger as the reliability indices: nobody stands in it before the outage is confirmed.
    """
    query, view = call.query(PageQuery), _visible(call)
    people = call.services.interruptions.of_outage(view.outage_id, call.now_ms)
    if people is None:
        raise HttpProblem(404, "outage.unknown", outage=view.outage_id)
    if not call.scope.whole_company:
        people = people.among(call.scope.grid_ids)
    start = number_after(query.cursor) or 0
    part = people.rows(slice(start, start + query.limit))
    steps = tuple(ReturnStepResource(at=iso(at_ms), customers=n) for at_ms, n in people.steps())
    cursor = str(start + query.limit) if start + query.limit < len(people) else None
    page = AbsencePage(
        items=tuple(map(_absence, part)), next_cursor=cursor, steps=steps, customers=len(people),
        still_out=people.still_out,
    )  # fmt: skip
    return Answer(200, page)


def _absence(one: Absent) -> AbsenceResource:
    customers, row = one.site.network.customers, one.row
    return AbsenceResource(
        id=customers.ids[row], name=mask_name(customers.name[row]),
        address_area=address_area(customers.address[row]),
        off_at=iso(one.off_ms), on_at=iso_or_none(one.on_ms),
    )  # fmt: skip


def _reason(call: Call, found: CustomerEvidence | None) -> dict[str, object]:
    """Why this customer, in both languages; nothing where no explanation is kept."""
    if found is None:
        return {}
    texts = {language: wording.customer(found) for language, wording in wordings(call).items()}
    return {"place_probability": found.place, "out_probability": found.out, "why": texts}


def _affected(site: Site, row: int, also: bool, why: dict[str, object]) -> AffectedCustomerResource:
    customers = site.network.customers
    return AffectedCustomerResource.model_validate(
        {
            "id": customers.ids[row],
            "name": mask_name(customers.name[row]),
            "phone": mask_phone(customers.phone[row]),
            "address_area": address_area(customers.address[row]),
            "class": CLASS_NAMES[int(customers.customer_class[row])],
            "priority": PRIORITY_NAMES[int(customers.priority[row])],
            "reason": "also_out" if also else "below_cut",
            **why,
        }
    )


def _visible(call: Call) -> OutageView:
    outage_id = call.path["outage_id"]
    with call.services.desk.reading() as session:
        view = session.outages.get(call.scope, outage_id)
    if view is None:
        raise HttpProblem(404, "outage.unknown", outage=outage_id)
    return view


def _newest(call: Call, view: OutageView) -> OutageRevision:
    revisions = call.services.supply.history(view.outage_id)
    if not revisions:
        raise HttpProblem(404, "outage.unknown", outage=view.outage_id)
    return revisions[-1]


def _site(call: Call, revision: OutageRevision) -> Site:
    try:
        return call.services.sites.of(revision.network_hash)
    except UnknownElement as problem:
        raise HttpProblem(503, "outage.network_of_then_away") from problem
