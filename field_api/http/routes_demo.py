"""The demo's trip and restore buttons: passed on to the simulator, which alone switches anything."""

from typing import Final

from field_api.http.fields import Identifier, Input, Page
from field_api.http.operations import OFFICE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.simulator_ports import SimulatorRefused

operations: Final = Operations()
_TRIES: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
_REFUSES: Final = frozenset({404, 409, 503})


class FaultBody(Input):
    element: Identifier


class FaultResource(Resource):
    element: str
    failed: bool


class StandingFault(Resource):
    element: str
    at: Instant


class FaultPage(Page[StandingFault]):
    pass


@operations.add(
    "POST", "/api/v1/demo/faults", "Let an element of the simulated grid fail",
    roles=_TRIES, body=FaultBody, answers={202: FaultResource}, refuses=_REFUSES, demo=True,
)  # fmt: skip
def trip(call: Call) -> Answer:
    """Asked for; the outage follows by itself."""
    element = call.body(FaultBody).element
    try:
        call.services.simulator.trip(element)
    except SimulatorRefused as refused:
        raise _refused(refused, element) from refused
    return Answer(202, FaultResource(element=element, failed=True))


@operations.add(
    "DELETE", "/api/v1/demo/faults/{element:path}", "Mend an element of the simulated grid",
    roles=_TRIES, answers={202: FaultResource}, refuses=_REFUSES, demo=True,
)  # fmt: skip
def restore(call: Call) -> Answer:
    """Asked for; the outage closes on what the meters then say."""
    element = call.path["element"]
    try:
        call.services.simulator.restore(element)
    except SimulatorRefused as refused:
        raise _refused(refused, element) from refused
    return Answer(202, FaultResource(element=element, failed=False))


@operations.add(
    "GET", "/api/v1/demo/faults", "What has failed in the simulated grid",
    roles=OFFICE, answers={200: FaultPage}, demo=True,
)  # fmt: skip
def list_faults(call: Call) -> Answer:
    """All of it; empty too where no simulator runs."""
    items = tuple(StandingFault(element=one.element, at=one.at) for one in call.services.simulator.failed())
    return Answer(200, FaultPage(items=items, next_cursor=None))


def _refused(refused: SimulatorRefused, element: str) -> HttpProblem:
    return HttpProblem(refused.status, _CODES.get(refused.status, "demo.away"), element=element)


_CODES: Final = {404: "demo.no_element", 409: "demo.not_now"}
