"""A person corrects what is believed of an outage: kept with name and reason, evidence to the detector."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.orders.corrections import MAX_THINGS, Correction, may_say, source_of
from field_api.people.users import User
from field_api.ports import Desk, Sites
from field_api.projection import Site
from field_api.saying import Term
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible
from field_api.usecases.kept_once import Operation, keep_once
from field_api.usecases.supply import Supply
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.outages import OPEN_STATES, OutageRevision

_PURPOSE: Final = "correction"
_OF_CUSTOMERS = frozenset({EvidenceKind.CUSTOMER_OUT, EvidenceKind.CUSTOMER_ON})


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    operation_id: str
    kind: EvidenceKind
    things: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class CorrectOutage:
    desk: Desk
    sites: Sites
    supply: Supply

    def __call__(self, user: User, outage_id: str, request: CorrectionRequest, now_ms: int) -> Correction:
        """The word as it was kept; raises a kind of ``Refused``. The same operation again changes nothing."""
        if not may_say(user.role, request.kind):
            raise Forbidden(
                "outage.role_cannot_say",
                role=Term("role", user.role.value),
                word=Term("correction", request.kind.value),
            )
        operation = Operation(_PURPOSE, user, request.operation_id)
        return keep_once(
            self.desk, operation, lambda: self._word(operation, outage_id, request, now_ms),
            lambda before: before.outage_id == outage_id and before.kind is request.kind,
        )  # fmt: skip

    def _word(
        self, operation: Operation, outage_id: str, request: CorrectionRequest, now_ms: int
    ) -> Correction:
        user = operation.user
        revision = self._revision(user, outage_id)
        things, at_ms = self._meant(user, revision, request, now_ms)
        return Correction(
            key=operation.key, outage_id=outage_id, kind=request.kind, things=things, note=request.note,
            at_ms=at_ms, said_ms=now_ms, user_id=user.id, user_name=user.name,
        )  # fmt: skip

    def check(self, user: User, outage_id: str, now_ms: int) -> None:
        """Somebody is about to leave: let the detector ask meters of the outage."""
        self._revision(user, outage_id)
        fact = Evidence(
            kind=EvidenceKind.CHECK, at_ms=now_ms, received_ms=now_ms, source=source_of(user.id),
            devices=(outage_id,), key=f"check:{outage_id}:{now_ms}",
        )  # fmt: skip
        with self.desk.writing() as session:
            session.corrections.witness(fact)

    def _revision(self, user: User, outage_id: str) -> OutageRevision:
        with self.desk.reading() as session:
            if session.outages.get(user.scope, outage_id) is None:
                raise NotFound("outage.unknown", outage=outage_id)
        chain = self.supply.history(outage_id)
        if not chain:
            raise NotFound("outage.unknown", outage=outage_id)
        if chain[-1].state not in OPEN_STATES:
            raise Conflict("outage.over", state=Term("outage_state", chain[-1].state.value))
        return chain[-1]

    def _meant(
        self, user: User, revision: OutageRevision, request: CorrectionRequest, now_ms: int
    ) -> tuple[tuple[str, ...], int]:
        """Ids of what is meant, and as of when."""
        site = self.sites.of(revision.network_hash)
        if request.kind is EvidenceKind.INVALID:
            return _places(site, revision), now_ms
        if not request.things:
            raise NotPossible("outage.word_without_ids", word=Term("correction", request.kind.value))
        if request.kind in _OF_CUSTOMERS:
            return _customers(site, user, request.things), now_ms
        unknown = [each for each in request.things if each not in site.network.edge_row]
        if unknown:
            raise NotPossible("network.no_element", element=unknown[0])
        faulty = request.kind is EvidenceKind.FOUND_FAULTY
        return request.things, revision.started_at_ms if faulty else now_ms


@dataclass(frozen=True, slots=True)
class Found:
    """What a crew found with its order is the same word; it holds since the outage began."""

    supply: Supply
    sites: Sites

    def word(
        self, user: User, outage_id: str, element: str, operation_id: str, note: str, now_ms: int
    ) -> Correction | None:
        """None where the element is none of the network's, or the outage is unknown or over."""
        revision = self.supply.newest(outage_id)
        if revision is None or revision.state not in OPEN_STATES:
            return None
        if element not in self.sites.of(revision.network_hash).network.edge_row:
            return None
        return Correction(
            key=Operation(_PURPOSE, user, operation_id).key, outage_id=revision.outage_id,
            kind=EvidenceKind.FOUND_FAULTY, things=(element,), note=note, at_ms=revision.started_at_ms,
            said_ms=now_ms, user_id=user.id, user_name=user.name,
        )  # fmt: skip


def _places(site: Site, revision: OutageRevision) -> tuple[str, ...]:
    """The elements below which nothing counts; of a source, the edges that leave it."""
    network = site.network
    edges = [each for each in revision.cause.equivalent if each in network.edge_row]
    if not edges and (node := network.node_row.get(revision.cause.element)) is not None:
        ends = (network.edges.from_node == node) | (network.edges.to_node == node)
        edges = [network.edges.ids[row] for row in np.flatnonzero(ends)]
    return tuple(edges[:MAX_THINGS])


def _customers(site: Site, user: User, ids: tuple[str, ...]) -> tuple[str, ...]:
    for customer in ids:
        cell = site.cell_of_customer_id(customer)
        if cell is None or not user.scope.sees(cell):
            raise NotPossible("customer.unknown", customer=customer)
    return ids
