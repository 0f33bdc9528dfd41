"""The audit record, for auditors: who did what to what, and the signed head that proves it unaltered."""

from typing import Final

from pydantic import AwareDatetime, Field

from field_api.http.fields import IDENTIFIER_PATTERN, Page, PageQuery
from field_api.http.operations import Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.http.problems import HttpProblem
from field_api.instants import iso, milliseconds
from field_api.people.audit_chain import AuditRow
from field_api.people.ports import AuditFilter
from field_api.people.users import Role
from field_api.resources import Instant, Resource

operations: Final = Operations()
AUDITORS: Final = frozenset({Role.AUDITOR})


class AuditQuery(PageQuery):
    action: str | None = Field(default=None, pattern=IDENTIFIER_PATTERN)
    actor: str | None = Field(default=None, pattern=IDENTIFIER_PATTERN, description="A user's id.")
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


@operations.add(
    "GET", "/api/v1/audit", "Who did what, newest first",
    roles=AUDITORS, query=AuditQuery, answers={200: AuditPage},
)  # fmt: skip
def list_audit(call: Call) -> Answer:
    """A page of rows; nobody can change one here."""
    if not call.scope.whole_company:
        raise HttpProblem(403, "session.whole_company_only")
    query = call.query(AuditQuery)
    wanted = AuditFilter(
        query.action or "", query.actor or "", query.subject or "",
        None if query.since is None else milliseconds(query.since),
        None if query.until is None else milliseconds(query.until),
    )  # fmt: skip
    with call.services.desk.reading() as session:
        found = session.audit.listed(wanted, number_after(query.cursor), query.limit + 1)
    rows, cursor = cut(found, query.limit, lambda row: (row.sequence, ""))
    return Answer(200, AuditPage(items=tuple(map(_row, rows)), next_cursor=cursor))


def _row(row: AuditRow) -> AuditRowResource:
    act = row.act
    return AuditRowResource(
        sequence=row.sequence, at=iso(row.at_ms), action=act.action, subject=act.subject,
        actor_id=act.actor_id, actor_name=act.actor_name, address=act.address, details=dict(act.details),
        hash=row.hash,
    )  # fmt: skip
