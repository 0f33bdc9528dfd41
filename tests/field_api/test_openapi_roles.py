"""The API keeps its word to every role: the same generated requests from each of them, half of them about
things that exist, and never an error of ours, an undeclared status or an answer unlike its schema."""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    ignored_auth,
    positive_data_acceptance,
    use_after_free,
)

from field_api.adapters.simulator_client import SimulatorClient
from field_api.http.app import all_operations, create_app
from field_api.http.links import LINKS
from field_api.http.operations import Operation
from field_api.http.throttle import Throttle
from field_api.people.users import Role
from simulators.adapters.control import Control, ControlServer
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from tests.field_api.people import PASSWORD, hire
from tests.field_api.world import World, make_world

EXAMPLES = 2
SOAKED = 25
ENDING = {"log_out", "change_password", "revoke_machine_token"}
"""They may end a session or lock a person out: whoever asks for one was hired for that."""
TRIED = all_operations(demo=True)
NOT_ASKED = [positive_data_acceptance, use_after_free, ensure_resource_availability]
"""Rules of the house that no schema tells may refuse what is valid; and not everybody sees everything."""
KNOWN: dict[str, tuple[str, ...]] = {
    "outage_id": ("out-east", "out-west"),
    "order_id": ("ord-out-east-1", "ord-out-west-1"),
    "crew_id": ("crew-01", "crew-02"),
    "element_id": ("T1", "C1", "LN2", "M1", "S1", "L2", "TT1"),
    "meter_id": ("M1", "M3"),
    "customer_id": ("C1", "C3"),
    "device_id": ("TT1", "M1", "F1"),
    "division": ("grid_cell", "transformer", "line"),
    "year": ("2026",),
    "register": ("demand", "opinion", "contact_group", "pay_point"),
    "channel": ("sms",),
}
"""Path parameters that mean something in this company; of the others only generated ones are tried."""

Headers = dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[World]:
    """A company with an outage in each of its two cells and a simulated grid; nobody asks too often."""
    made = make_world(tmp_path_factory.mktemp("roles"), template=template)
    made.confirmed("out-east", cause="T1")
    made.confirmed("out-west", cause="T2")
    grid = PracticeGrid(made.network, synthetic_profiles(), Chances(wrong_meters=0), made.clock())
    with ControlServer(Control(grid, dict), 0) as server:
        simulator = SimulatorClient(lambda: server.port)
        free = replace(made.services, throttle=Throttle(1e6), refusals=Throttle(1e6), simulator=simulator)
        made.app = create_app(free)
        yield made


@pytest.fixture(scope="module")
def api(world: World) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", world.app)


@pytest.fixture(scope="module")
def headers(world: World) -> dict[Role, Headers]:
    """What each role proves itself with; crew and grid manager have one of the two cells."""
    return {role: _hired(world, role, f"a-{role.value}") for role in Role}


def _hired(world: World, role: Role, name: str) -> Headers:
    """Somebody new, and what they prove themselves with."""
    if role is Role.MACHINE:
        token = world.log_in("admin").send("POST", "/api/v1/machine-tokens", {"name": name}).get_json()
    else:
        hire(world, name, role, {Role.CREW: ("G1",), Role.GRID_MANAGER: ("G1",)}.get(role, ()))
        login = {"username": name, "password": PASSWORD}
        token = world.app.test_client().post("/api/v1/tokens", json=login).get_json()
    return {"Authorization": f"Bearer {token['token']}", "Accept-Encoding": "identity"}


def _keeps_its_word(
    operation: Operation, api: Any, world: World, headers: dict[Role, Headers], examples: int
) -> None:
    described = api[operation.documented_path][operation.method]
    known = {
        name: st.sampled_from(KNOWN[name]) if name in KNOWN else st.just("") for name in operation.parameters
    }

    @given(
        case=described.as_strategy(generation_mode=GenerationMode.POSITIVE),
        places=st.one_of(st.fixed_dictionaries(known), st.just({})),
    )
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def holds(case: Any, places: dict[str, str]) -> None:
        case.path_parameters |= {name: value for name, value in places.items() if value}
        for role in Role:
            name = f"e-{uuid.uuid4().hex[:12]}"
            shown = _hired(world, role, name) if operation.name in ENDING else headers[role]
            response = case.call_and_validate(headers=shown, excluded_checks=NOT_ASKED)
            may = operation.public or role in operation.roles
            assert may or response.status_code == 403, f"{role.value} gets {response.status_code}"

    holds()


@pytest.mark.parametrize("operation", TRIED, ids=lambda operation: operation.name)
def test_every_role_finds_the_api_as_documented(
    operation: Operation, api: Any, world: World, headers: dict[Role, Headers]
) -> None:
    _keeps_its_word(operation, api, world, headers, EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize("operation", TRIED, ids=lambda operation: operation.name)
def test_every_role_finds_the_api_as_documented_for_long(
    operation: Operation, api: Any, world: World, headers: dict[Role, Headers]
) -> None:
    _keeps_its_word(operation, api, world, headers, SOAKED)


def _walks(api: Any, headers: dict[Role, Headers], walks: int, steps: int) -> Counter[str]:
    """Walks along the document's links, each step by somebody who may; what was followed how often."""
    followed: Counter[str] = Counter()
    turn = count()

    walked = [one.name for one in TRIED if one.name not in ENDING]

    class Walk(api.include(operation_id=walked).as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            may = case.operation.definition.raw.get("x-roles", [role.value for role in Role])
            return {"headers": headers[Role(may[next(turn) % len(may)])]}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            if response.status_code < 400:
                followed[case.operation.definition.raw["operationId"]] += 1

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            # Who may ask without a login has a test of its own; here everybody has one.
            case.validate_response(response, excluded_checks=[*NOT_ASKED, ignored_auth])

    Walk.run(
        settings=settings(
            max_examples=walks, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )
    )  # fmt: skip
    return followed


def test_walks_along_the_links_find_the_api_as_documented(api: Any, headers: dict[Role, Headers]) -> None:
    assert len(_walks(api, headers, walks=15, steps=12)) > 20


@pytest.mark.soak
def test_long_walks_find_the_api_as_documented(api: Any, headers: dict[Role, Headers]) -> None:
    assert len(_walks(api, headers, walks=60, steps=25)) > 40


def test_every_link_leads_somewhere(world: World) -> None:
    """From a status that the one answers to parameters that the other takes."""
    declared = {one.name: one for one in all_operations(demo=True)}
    for link in LINKS:
        assert link.status in declared[link.source].answers, link
        target = declared[link.target]
        query = set(target.query.model_fields) if target.query else set()
        assert set(link.parameters) <= {*target.parameters, *query}, link
        assert set(link.body) <= set(target.body.model_fields if target.body else ()), link
        answer = declared[link.source].answers[link.status]
        for place in (*link.parameters.values(), *link.body.values()):
            first = place.partition("#/")[2].partition("/")[0]
            assert not first or first in (answer.model_fields if answer else ()), link
