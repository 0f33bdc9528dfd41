"""A person enters what was switched in the field: a switch or fuse, a jumper, a generator that feeds a part.

Gridcrew switches nothing: this is a report. It is kept with name and reason, may be dated back, and reaches
the detector as evidence.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.orders.corrections import Correction
from field_api.people.users import Role, User
from field_api.ports import Desk, Sites
from field_api.projection import Site
from field_api.saying import Term
from field_api.usecases.errors import Forbidden, NotFound, NotPossible
from field_api.usecases.kept_once import Operation, keep_once
from geo.network import ABSENT, SWITCHING_KINDS, EdgeKind, Network
from geo.standing import JOINT, Spare, jumper_id, spare_of
from geo.tracing import Element
from telemetry.evidence import EvidenceKind

MAX_BACK_MS: Final = 30 * 86_400_000
"""As far back as evidence is believed."""
AHEAD_MS: Final = 60_000
"""A phone's clock may be ahead of ours by so much."""
MAY_SWITCH: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.CREW})
_SWITCH: Final = (EvidenceKind.SWITCH_OPEN, EvidenceKind.SWITCH_CLOSED)
_JUMPER: Final = (EvidenceKind.JUMPER_OFF, EvidenceKind.JUMPER_ON)
_GENERATOR: Final = (EvidenceKind.GENERATOR_OFF, EvidenceKind.GENERATOR_ON)


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    operation_id: str
    element: str
    """Id of a switch or fuse, ``A~B`` for a jumper between two nodes, ``~A`` for a generator at one."""
    closed: bool
    """Of a jumper or generator: connected."""
    note: str
    at_ms: int | None = None
    """When it was done; None: now."""


@dataclass(frozen=True, slots=True)
class SwitchByHand:
    desk: Desk
    sites: Sites

    def __call__(self, user: User, request: SwitchRequest, now_ms: int) -> Correction:
        """The word as it was kept; raises a kind of ``Refused``. The same operation again changes nothing."""
        if user.role not in MAY_SWITCH:
            raise Forbidden("switching.role_cannot_enter", role=Term("role", user.role.value))
        operation = Operation("switching", user, request.operation_id)
        return keep_once(
            self.desk, operation, lambda: self._word(operation, request, now_ms),
            lambda before: _same(before, request),
        )  # fmt: skip

    def _word(self, operation: Operation, request: SwitchRequest, now_ms: int) -> Correction:
        user, site = operation.user, self.sites.current()
        if site is None:
            raise NotPossible("network.none_yet")
        kind, thing = _meant(site, user, request)
        return Correction(
            key=operation.key, outage_id="", kind=kind, things=(thing,), note=request.note,
            at_ms=_when(request, now_ms), said_ms=now_ms, user_id=user.id, user_name=user.name,
        )  # fmt: skip


def _when(request: SwitchRequest, now_ms: int) -> int:
    at_ms = now_ms if request.at_ms is None else request.at_ms
    if at_ms > now_ms + AHEAD_MS:
        raise NotPossible("switching.in_the_future")
    if at_ms < now_ms - MAX_BACK_MS:
        raise NotPossible("switching.too_long_ago", most_days=30)
    return at_ms


def _same(before: Correction, request: SwitchRequest) -> bool:
    closed = before.kind in {_SWITCH[1], _JUMPER[1], _GENERATOR[1]}
    return closed == request.closed and _same_thing(before, request.element)


def _same_thing(before: Correction, element: str) -> bool:
    thing = before.things[0]
    if before.kind in _GENERATOR:
        return element == JOINT + thing
    ways = (element.partition(JOINT), element.rpartition(JOINT))
    return element == thing or any(jumper_id(one, other) == thing for one, _, other in ways)


def _meant(site: Site, user: User, request: SwitchRequest) -> tuple[EvidenceKind, str]:
    """The kind of evidence and the id that it names."""
    network = site.network
    row = network.edge_row.get(request.element)
    if row is not None:
        _check_seen(site, user, Element("edge", row, request.element), request.element)
        kind = EdgeKind(int(network.edges.kind[row]))
        if kind not in SWITCHING_KINDS:
            raise NotPossible(
                "switching.not_switched", element=request.element, kind=Term("edge_kind", kind.name.lower())
            )
        return _SWITCH[request.closed], request.element
    spare = spare_of(network, request.element)
    if spare is None:
        raise NotFound("switching.unknown", element=request.element)
    _check_seen(site, user, Element("node", spare.node, network.nodes.ids[spare.node]), request.element)
    if spare.other is None:
        return _GENERATOR[request.closed], network.nodes.ids[spare.node]
    return _JUMPER[request.closed], _jumper(site, user, spare, spare.other)


def _jumper(site: Site, user: User, spare: Spare, other: int) -> str:
    network = site.network
    _check_seen(site, user, Element("node", other, network.nodes.ids[other]), spare.id)
    if spare.node == other:
        raise NotPossible("switching.same_node", element=spare.id)
    if _levels_differ(network, spare.node, other):
        raise NotPossible("switching.other_voltage", element=spare.id)
    return jumper_id(network.nodes.ids[spare.node], network.nodes.ids[other])


def _levels_differ(network: Network, one: int, other: int) -> bool:
    levels = network.nodes.voltage_kv[[one, other]]
    return bool(np.isfinite(levels).all() and levels.max() > 1.1 * levels.min())


def _check_seen(site: Site, user: User, element: Element, asked: str) -> None:
    cell = "" if element.row == ABSENT else site.cell_of_element(element)
    if not user.scope.sees(cell):
        raise NotFound("switching.unknown", element=asked)
