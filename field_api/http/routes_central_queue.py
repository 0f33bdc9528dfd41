"""The central queue: open cases from 10 kV on, within what the company itself decides on."""

from typing import Final

import numpy as np
from pydantic import Field

from field_api.http.operations import Answer, Call, Operations
from field_api.http.site_of import current_site
from field_api.instants import iso
from field_api.orders.central_queue import Queue, queue_of
from field_api.people.users import Role
from field_api.ports import StoredOrder
from field_api.projection import Site
from field_api.resources import Instant, Resource

operations: Final = Operations()
READERS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.SUPERVISOR, Role.GRID_MANAGER, Role.VIEWER})
MOST_CASES: Final = 500


class CaseResource(Resource):
    order_id: str
    number: str
    type: str
    state: str
    grid_id: str
    owner_id: str = Field(description="The cell's manager stays the owner.")
    voltage_kv: float
    queue: Queue
    created_at: Instant


class CentralQueueResource(Resource):
    items: tuple[CaseResource, ...] = Field(description="Oldest first, at most 500.")


@operations.add(
    "GET", "/api/v1/central-queue", "Open cases from 10 kV on, oldest first",
    roles=READERS, answers={200: CentralQueueResource}, refuses=frozenset({503}),
)  # fmt: skip
def show_central_queue(call: Call) -> Answer:
    """Cases of my grid cells; jobs of an outage's incident are no cases."""
    site, types = current_site(call), call.services.company.work_types
    from_kv = call.services.company.profile.central_from_kv
    authority_kv = float(np.nanmax(site.network.nodes.voltage_kv, initial=0.0))
    with call.services.desk.reading() as session:
        stored = session.orders.open_of(call.scope)
    cases = [
        _case(one, voltage_kv, queue)
        for one in stored
        if not (one.order.outage_id or types[one.order.type].incident_job)
        for voltage_kv in [_voltage_kv(site, one)]
        for queue in [queue_of(voltage_kv, authority_kv, from_kv)]
        if queue is Queue.CENTRAL
    ]
    return Answer(200, CentralQueueResource(items=tuple(cases[:MOST_CASES])))


def _voltage_kv(site: Site, stored: StoredOrder) -> float:
    """Of the customer's or the element's place; NaN where the network does not know it."""
    return site.place_of(stored.order.customer_id or stored.order.element).voltage_kv


def _case(stored: StoredOrder, voltage_kv: float, queue: Queue) -> CaseResource:
    order = stored.order
    return CaseResource(
        order_id=order.id, number=order.number, type=order.type, state=stored.state, grid_id=order.grid_id,
        owner_id=order.owner_id, voltage_kv=voltage_kv, queue=queue, created_at=iso(order.created_ms),
    )  # fmt: skip
