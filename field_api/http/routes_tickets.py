"""Tickets of 95598: taken in singly or as a pasted table, listed by what changed, told whose they are."""

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import DeviceTime, Identifier, Input, Line, Query, Words
from field_api.http.languages import language_of, told
from field_api.http.operations import Answer, Call, Operations
from field_api.http.problems import HttpProblem, refusal
from field_api.instants import milliseconds
from field_api.partners.ticket_documents import TicketResource, ticket_resource
from field_api.partners.ticket_mapping import BadRow, NotThisMapping, RefusedRow, read_with, rows_of
from field_api.partners.tickets import SentTicket, TicketKind, Verdict
from field_api.people.users import Role
from field_api.resources import Resource
from field_api.saying import Language
from field_api.usecases.take_tickets import Taken

operations: Final = Operations()
MAX_TICKETS: Final = 100
_SENDS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.MACHINE})
_READS: Final = _SENDS | {Role.GRID_MANAGER, Role.SUPERVISOR, Role.VIEWER, Role.AUDITOR}


class TicketBody(Input):
    number: Line = Field(max_length=64, description="Of the other system; the same again changes nothing.")
    accepted_at: DeviceTime = Field(description="When it was accepted there: our clock starts then.")
    customer: Line = Field(max_length=128, description="Their customer number; may be unknown to us.")
    text: Words = ""
    address: Words = ""
    kind: TicketKind = Field(
        TicketKind.FAULT,
        description="Of a complaint nothing is judged: it opens an order to answer it.",
    )


class TicketsBody(Input):
    tickets: tuple[TicketBody, ...] = Field(min_length=1, max_length=MAX_TICKETS)


class PastedBody(Input):
    text: Words = Field(max_length=60_000, description="With its header, as copied from a spreadsheet.")


class CustomerBody(Input):
    customer_id: Identifier


class TakenResource(Resource):
    outcome: Literal["taken", "known", "differs"] = Field(
        description="`differs`: known by its number with another content; the first word stands."
    )
    ticket: TicketResource


class RefusedLine(Resource):
    line: int
    problem: str
    code: str = Field(description="The problem for systems.")


class TakenPage(Resource):
    items: tuple[TakenResource, ...]
    refused: tuple[RefusedLine, ...]


class TicketQuery(Query):
    since: int = Field(default=0, ge=0, le=2**53, description="The highest `sequence` that you have.")
    verdict: Verdict | None = Field(default=None, description="`unknown`: whose customer is to be found.")
    limit: int = Field(default=100, ge=1, le=500)


class TicketPage(Resource):
    items: tuple[TicketResource, ...]
    newest: int = Field(description="Ask again with this as `since`.")


@operations.add(
    "POST", "/api/v1/tickets", "Tickets of another system, with their own numbers and acceptance times",
    roles=_SENDS, body=TicketsBody, answers={200: TakenPage},
)  # fmt: skip
def take_tickets(call: Call) -> Answer:
    """Each is kept once; sending again after a lost answer is safe."""
    sent = [
        SentTicket(one.number, milliseconds(one.accepted_at), one.customer, one.text, one.address, one.kind)
        for one in call.body(TicketsBody).tickets
    ]
    return _answer(call.services.partners.take_tickets(call.user, sent, "api", call.now_ms))


@operations.add(
    "POST", "/api/v1/tickets/pasted", "A table of tickets as it was copied",
    roles=_SENDS, body=PastedBody, answers={200: TakenPage}, refuses=frozenset({409}),
)  # fmt: skip
def paste_tickets(call: Call) -> Answer:
    """By the site's columns; bad lines are named and leave the others alone."""
    try:
        rows = rows_of(call.body(PastedBody).text, "")
        good, refused = read_with(rows, call.services.partners.ticket_mappings)
    except (BadRow, NotThisMapping) as problem:
        raise refusal(409, problem) from problem
    taken = call.services.partners.take_tickets(call.user, [one for _, one in good], "pasted", call.now_ms)
    return _answer(taken, refused, language_of(call.request))


@operations.add(
    "GET", "/api/v1/tickets", "Tickets that changed since, in the order of their changes",
    roles=_READS, query=TicketQuery, answers={200: TicketPage},
)  # fmt: skip
def list_tickets(call: Call) -> Answer:
    """What goes back to the other system: verdict, arrival, cause, restoration."""
    query = call.query(TicketQuery)
    wanted = () if query.verdict is None else (query.verdict,)
    with call.services.desk.reading() as session:
        found = session.tickets.changed(call.scope, query.since, query.limit, wanted)
    newest = found[-1].sequence if found else query.since
    return Answer(200, TicketPage(items=tuple(map(ticket_resource, found)), newest=newest))


@operations.add(
    "GET", "/api/v1/tickets/{ticket_number}", "One ticket", roles=_READS, answers={200: TicketResource}
)
def get_ticket(call: Call) -> Answer:
    """As it is now."""
    number = call.path["ticket_number"]
    with call.services.desk.reading() as session:
        ticket = session.tickets.get(call.scope, number)
    if ticket is None:
        raise HttpProblem(404, "ticket.unknown", ticket=number)
    return Answer(200, ticket_resource(ticket))


@operations.add(
    "POST", "/api/v1/tickets/{ticket_number}/customer", "Say whose an unknown ticket is",
    roles=_SENDS, body=CustomerBody, answers={200: TicketResource}, refuses=frozenset({409}),
)  # fmt: skip
def name_ticket_customer(call: Call) -> Answer:
    """It is judged as if it had just come; its clock began when it was accepted."""
    customer_id = call.body(CustomerBody).customer_id
    named = call.services.partners.take_tickets.name(
        call.user, call.path["ticket_number"], customer_id, call.now_ms
    )
    return Answer(200, ticket_resource(named))


def _answer(taken: Iterable[Taken], refused: Iterable[RefusedRow] = (), language: Language = "zh") -> Answer:
    items = tuple(TakenResource(outcome=_outcome(one), ticket=ticket_resource(one.ticket)) for one in taken)
    lines = tuple(
        RefusedLine(line=one.line, problem=told(one.problem, language), code=one.problem.code)
        for one in refused
    )
    return Answer(200, TakenPage(items=items, refused=lines))


def _outcome(one: Taken) -> Literal["taken", "known", "differs"]:
    if one.is_new:
        return "taken"
    return "differs" if one.differs else "known"
