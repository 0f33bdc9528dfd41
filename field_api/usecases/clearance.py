"""Which crews are at work where something would become alive: none may be when it does (invariant 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from field_api.company import Company
from field_api.orders.safety import is_clear, touches_network
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession, Sites, StoredOrder
from field_api.projection import Site
from field_api.saying import Said
from geo.errors import UnknownElement
from geo.network import ABSENT


@dataclass(frozen=True, slots=True)
class Clearance:
    """Asks the open orders; positions are those of the network in force."""

    company: Company
    sites: Sites

    def not_clear_below(self, session: DeskSession, order: StoredOrder) -> tuple[StoredOrder, ...]:
        """Orders of others at or below this order's element, or of its incident, whose crew is not clear."""
        site = self.sites.current()
        alive = None if site is None else _at_or_below(site, order.order.element)
        return tuple(
            other
            for other in self._at_work(session)
            if other.order.id != order.order.id
            and (_one_incident(other, order) or (site is not None and _inside(site, alive, other)))
        )

    def not_clear_at(
        self, session: DeskSession, site: Site, nodes: NDArray[np.bool_]
    ) -> tuple[StoredOrder, ...]:
        """Orders at one of these nodes (a mask over the network's) whose crew is not clear."""
        return tuple(other for other in self._at_work(session) if _inside(site, nodes, other))

    def _at_work(self, session: DeskSession) -> Sequence[StoredOrder]:
        types = [one.name for one in self.company.work_types.values() if touches_network(one)]
        return [
            stored
            for stored in session.orders.open_of(WHOLE_COMPANY, types)
            if not is_clear(self.company.work_type(stored.order.type), stored.state, stored.history)
        ]


def told_not_clear(orders: Sequence[StoredOrder]) -> Said:
    """For whom wants to make alive."""
    who = tuple(f"{one.order.number} ({one.order.crew_id})" for one in orders)
    return Said("order.not_all_clear", {"count": len(orders), "orders": who})


def _one_incident(one: StoredOrder, other: StoredOrder) -> bool:
    return bool(one.order.incident_id) and one.order.incident_id == other.order.incident_id


def _at_or_below(site: Site, element_id: str) -> NDArray[np.bool_] | None:
    """The nodes that are fed through an element in the normal switch positions, and its own ends."""
    try:
        element = site.find(element_id)
    except UnknownElement:
        return None
    nodes = np.zeros(len(site.network.nodes), np.bool_)
    nodes[site.feeding.tree.node[site.feeding.lost_with(element)]] = True
    nodes[list(_ends(site, element_id))] = True
    return nodes


def _ends(site: Site, element_id: str) -> tuple[int, ...]:
    element = site.find(element_id)
    if element.type in {"edge", "terminal", "sensor"}:
        edge, edges = site.feeding.edge_of(element), site.network.edges
        return int(edges.from_node[edge]), int(edges.to_node[edge])
    node = site.feeding.node_of(element)
    return () if node == ABSENT else (node,)


def _inside(site: Site, nodes: NDArray[np.bool_] | None, stored: StoredOrder) -> bool:
    """Unknown places count as inside: nobody is endangered by what the records do not know."""
    if nodes is None:
        return True
    try:
        ends = _ends(site, stored.order.element)
    except UnknownElement:
        return True
    return any(nodes[end] for end in ends)
