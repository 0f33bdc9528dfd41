"""The audit record, for auditors: who did what to what, and whether it still is as it was written."""

from itertools import islice
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from field_api.http.fields import IDENTIFIER_PATTERN, Page, PageQuery, Query
from field_api.http.operations import Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.http.problems import HttpProblem
from field_api.instants import iso, milliseconds
from field_api.people.audit_chain import START, AuditRow, Head, breaches
from field_api.people.ports import AuditFilter, AuditLog
from field_api.people.users import Role
from field_api.resources import Instant, Resource

operations: Final = Operations()
AUDITORS: Final = frozenset({Role.AUDITOR})
CHECKED_AT_ONCE: Final = 10_000
"""Rows: about a tenth of a second of one processor."""


class AuditQuery(PageQuery):
    action: str | None = Field(default=None, pattern=IDENTIFIER_PATTERN)
    actor: str | None = Field(
        default=None, pattern=IDENTIFIER_PATTERN, description="A user's id or login name."
    )
    subject: str | None = Field(default=None, pattern=IDENTIFIER_PATTERN)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class AuditRowResource(Resource):
    sequence: int
    at: Instant
    action: str
    subject: str
    actor_id: str
    actor_name: str
    address: str
    details: dict[str, str]
    hash: str


class AuditPage(Page[AuditRowResource]):
    pass


class ChainQuery(Query):
    after: int = Field(default=0, ge=0, le=10**15, description="Check the rows behind this number.")


class BreachResource(Resource):
    sequence: int
    until: int = Field(description="The last row that is concerned.")
    kind: Literal["missing", "unlinked", "altered", "other_head", "cut_off"]


class ChainResource(Resource):
    checked: int = Field(description="So many rows.")
    last: int = Field(description="The last row that was checked, and its hash; `after` where none is left.")
    hash: str
    newest: int = Field(description="The record's newest row; 0: it is empty.")
    next_after: int | None = Field(description="Go on there; null: that was the end.")
    breaches: tuple[BreachResource, ...] = Field(description="Where it is not what was written; at most 100.")


@operations.add(
    "GET", "/api/v1/audit", "Who did what, newest first",
    roles=AUDITORS, query=AuditQuery, answers={200: AuditPage},
)  # fmt: skip
def list_audit(call: Call) -> Answer:
    """A page of rows; nobody can change one here."""
    _check_whole_company(call)
    query = call.query(AuditQuery)
    with call.services.desk.reading() as session:
        known = session.users.by_username(query.actor) if query.actor else None
        wanted = AuditFilter(
            query.action or "", known.user.id if known else query.actor or "", query.subject or "",
            None if query.since is None else milliseconds(query.since),
            None if query.until is None else milliseconds(query.until),
        )  # fmt: skip
        found = session.audit.listed(wanted, number_after(query.cursor), query.limit + 1)
    rows, cursor = cut(found, query.limit, lambda row: (row.sequence, ""))
    return Answer(200, AuditPage(items=tuple(map(_row, rows)), next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/audit/chain", "Is the audit record as it was written? So many rows at a time",
    roles=AUDITORS, query=ChainQuery, answers={200: ChainResource},
)  # fmt: skip
def check_chain(call: Call) -> Answer:
    """Each row's hash over what it says and the row before; whether the end was cut off tells a kept head."""
    _check_whole_company(call)
    after = call.query(ChainQuery).after
    with call.services.desk.reading() as session:
        start, rows = _behind(session.audit, after)
        newest = session.audit.newest()
    last = rows[-1].sequence if rows else after
    end = 0 if newest is None else newest.sequence
    found = tuple(
        BreachResource(sequence=one.sequence, until=one.until, kind=one.kind)
        for one in breaches(rows, after=start)
    )
    return Answer(200, ChainResource(
        checked=len(rows), last=last, hash=rows[-1].hash if rows else start.hash, newest=end,
        next_after=last if rows and last < end else None, breaches=found,
    ))  # fmt: skip


def _behind(audit: AuditLog, after: int) -> tuple[Head, list[AuditRow]]:
    """The rows behind that number, and the row before them as it stands there."""
    if not after:
        return Head(0, START), list(islice(audit.all_rows(), CHECKED_AT_ONCE))
    rows = list(islice(audit.all_rows(after - 1), CHECKED_AT_ONCE + 1))
    if rows and rows[0].sequence == after:
        return Head(after, rows[0].hash), rows[1:]
    return Head(after, ""), rows[:CHECKED_AT_ONCE]


def _check_whole_company(call: Call) -> None:
    if not call.scope.whole_company:
        raise HttpProblem(403, "session.whole_company_only")


def _row(row: AuditRow) -> AuditRowResource:
    act = row.act
    return AuditRowResource(
        sequence=row.sequence, at=iso(row.at_ms), action=act.action, subject=act.subject,
        actor_id=act.actor_id, actor_name=act.actor_name, address=act.address, details=dict(act.details),
        hash=row.hash,
    )  # fmt: skip
