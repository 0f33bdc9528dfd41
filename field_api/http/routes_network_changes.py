"""How the network changes: versions, proposals feeder by feeder, rollback, edits by hand.

Whoever changes it must be allowed the whole company; every change is a new version with name and reason.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Final

from pydantic import Field

from field_api.http.fields import Identifier, Input, Line, Page, Words
from field_api.http.network_problems import network_problem
from field_api.http.operations import OFFICE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.instants import iso, iso_or_none
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from geo.changes import Author, Changed, NetworkChanges
from geo.editing import Edit
from geo.errors import GeoError
from geo.ports import NetworkVersion, StoredProposal
from geo.proposals import FeederProposal, FeederState

operations: Final = Operations()
CHANGERS: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
MAX_VERSIONS: Final = 500
MAX_EDITS: Final = 100
Feeder = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
Cell = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class VersionResource(Resource):
    network_hash: str
    effective_at: Instant
    made_at: Instant
    made_by: str
    source: str
    note: str


class VersionPage(Page[VersionResource]):
    pass


class FeederProposalResource(Resource):
    feeder: str = Field(description="Id of its first edge; empty for stations and what belongs to none.")
    name: str
    state: FeederState
    added: int
    removed: int
    changed: int
    findings: dict[str, int] = Field(description="Rule → how often it was broken.")
    together: tuple[str, ...] = Field(description="Feeders that can only be taken with it.")


class ProposalResource(Resource):
    id: int
    network_hash: str
    made_at: Instant
    made_by: str
    source: str
    set_aside: int
    settled_at: Instant | None
    outcome: str
    feeders: tuple[FeederProposalResource, ...] = Field(
        description="Beside the network in force; if it waits."
    )


class ProposalPage(Page[ProposalResource]):
    pass


class ApprovalBody(Input):
    feeders: tuple[Feeder, ...] | None = Field(
        default=None, max_length=500, strict=False, description="null: all that are ready."
    )
    note: Words = ""


class NoteBody(Input):
    note: Words = ""


class RollbackBody(Input):
    network_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    feeders: tuple[Feeder, ...] | None = Field(
        default=None, max_length=500, strict=False, description="null: the whole version."
    )
    note: Words = ""


class EditBody(Input):
    table: Line
    id: Identifier
    fields: dict[str, Cell] | None = Field(
        max_length=40, description="Spelled as in the CSV files; null: the row is removed."
    )
    is_new: bool = False


class EditsBody(Input):
    edits: tuple[EditBody, ...] = Field(min_length=1, max_length=MAX_EDITS, strict=False)
    note: Words = Field(min_length=1)


class ChangedResource(Resource):
    changed: bool
    version: VersionResource | None
    moved_customers: int = Field(description="Customers whose transformer changed.")


@operations.add(
    "GET", "/api/v1/network/versions", "What was in force when, who made it so, and why",
    roles=OFFICE | {Role.AUDITOR}, answers={200: VersionPage},
)  # fmt: skip
def list_versions(call: Call) -> Answer:
    """Newest first; each holds until the next one."""
    newest = call.services.networks.versions()[::-1][:MAX_VERSIONS]
    return Answer(200, VersionPage(items=tuple(map(_version, newest)), next_cursor=None))


@operations.add(
    "GET", "/api/v1/network/proposals", "Networks that were brought in for approval",
    roles=CHANGERS, answers={200: ProposalPage},
)  # fmt: skip
def list_proposals(call: Call) -> Answer:
    """Newest first; those that wait with their feeders, judged beside the network in force."""
    changes = _changes(call)
    items = tuple(_proposal(one, changes, call.now_ms) for one in call.services.proposals.listed())
    return Answer(200, ProposalPage(items=items, next_cursor=None))


@operations.add(
    "POST", "/api/v1/network/proposals/{proposal_id}/approve", "Let a proposal, or feeders of it, go live",
    roles=CHANGERS, body=ApprovalBody, answers={200: ChangedResource}, refuses=frozenset({409}),
)  # fmt: skip
def approve_proposal(call: Call) -> Answer:
    """With the feeders that they need; the rest keeps its last good version."""
    body, changes, number = call.body(ApprovalBody), _changes(call), _number(call)
    with _refusals():
        return Answer(200, _changed(changes.approve(number, body.feeders, _author(call, body.note))))


@operations.add(
    "POST", "/api/v1/network/proposals/{proposal_id}/dismiss", "Let nothing of a proposal go live",
    roles=CHANGERS, body=NoteBody, answers={204: None}, refuses=frozenset({409}),
)  # fmt: skip
def dismiss_proposal(call: Call) -> Answer:
    """It stays on record as dismissed."""
    changes, number = _changes(call), _number(call)
    with _refusals():
        changes.dismiss(number, _author(call, call.body(NoteBody).note))
    return Answer(204)


@operations.add(
    "POST", "/api/v1/network/rollback", "Bring back an earlier version, whole or of some feeders",
    roles=CHANGERS, body=RollbackBody, answers={200: ChangedResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def roll_back_network(call: Call) -> Answer:
    """As a new version; history stays."""
    body, changes = call.body(RollbackBody), _changes(call)
    versions = call.services.networks.versions()
    known = [one for one in versions if one.content_hash == body.network_hash]
    if not known:
        raise HttpProblem(404, "network.no_version", version=body.network_hash)
    with _refusals():
        return Answer(200, _changed(changes.roll_back(known[-1], body.feeders, _author(call, body.note))))


@operations.add(
    "POST", "/api/v1/network/edits", "Correct rows by hand",
    roles=CHANGERS, body=EditsBody, answers={200: ChangedResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def edit_network(call: Call) -> Answer:
    """All or nothing, checked as if the whole had been brought in."""
    body, changes = call.body(EditsBody), _changes(call)
    edits = [Edit(one.table, one.id, one.fields, one.is_new) for one in body.edits]
    with _refusals():
        return Answer(200, _changed(changes.edit(edits, _author(call, body.note))))


def _changes(call: Call) -> NetworkChanges:
    if not call.scope.whole_company:
        raise HttpProblem(403, "session.whole_company_only")
    return NetworkChanges(call.services.networks, call.services.proposals)


def _author(call: Call, note: str) -> Author:
    return Author(call.user.username, call.now_ms, note)


def _number(call: Call) -> int:
    text = call.path["proposal_id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise HttpProblem(404, "network.no_proposal", proposal=text)
    return int(text)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the network room refuses does not fit the network as it stands."""
    try:
        yield
    except GeoError as problem:
        raise network_problem(problem, 409) from None


def _version(version: NetworkVersion) -> VersionResource:
    return VersionResource(
        network_hash=version.content_hash, effective_at=iso(version.effective_ms),
        made_at=iso(version.imported_ms), made_by=version.made_by, source=version.source, note=version.note,
    )  # fmt: skip


def _proposal(one: StoredProposal, changes: NetworkChanges, now_ms: int) -> ProposalResource:
    waits = one.settled_ms is None
    return ProposalResource(
        id=one.id, network_hash=one.content_hash, made_at=iso(one.made_ms), made_by=one.made_by,
        source=one.source, set_aside=one.set_aside, settled_at=iso_or_none(one.settled_ms),
        outcome=one.outcome, feeders=tuple(map(_feeder, changes.look(one, now_ms))) if waits else (),
    )  # fmt: skip


def _feeder(one: FeederProposal) -> FeederProposalResource:
    findings: Mapping[str, int] = one.findings
    return FeederProposalResource(
        feeder=one.feeder, name=one.name, state=one.state, added=one.added, removed=one.removed,
        changed=one.changed, findings=dict(findings), together=one.together,
    )  # fmt: skip


def _changed(changed: Changed) -> ChangedResource:
    version = None if changed.version is None else _version(changed.version)
    return ChangedResource(
        changed=version is not None, version=version, moved_customers=len(changed.difference.moved)
    )
