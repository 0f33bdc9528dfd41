"""The API is what its document says: the document is valid, and generated requests hold it to its word."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode

from field_api.adapters.simulator_client import SimulatorClient
from field_api.http.app import all_operations, create_app
from field_api.http.operations import Operation
from simulators.adapters.control import Control, ControlServer
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from tests.field_api.world import World, make_world

EXAMPLES = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A company with outages and a simulator behind its demo operations."""
    made = make_world(tmp_path_factory.mktemp("openapi"))
    made.confirmed("out-east", cause="T1")
    made.confirmed("out-west", cause="T2")
    grid = PracticeGrid(made.network, synthetic_profiles(), Chances(wrong_meters=0), made.clock())
    with ControlServer(Control(grid, dict), 0) as server:
        services = replace(made.services, simulator=SimulatorClient(lambda: server.port))
        made.app = create_app(services)
        yield made


@pytest.fixture(scope="module")
def api(world: World) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", world.app)


@pytest.fixture(scope="module")
def token(world: World) -> str:
    return world.token("admin")


TRIED = all_operations(demo=True)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", TRIED, ids=lambda operation: operation.name)
def test_generated_requests_find_the_api_as_documented(
    operation: Operation,
    mode: GenerationMode,
    api: Any,
    world: World,
    token: str,
) -> None:
    described = api[operation.documented_path][operation.method]

    @given(case=described.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def holds(case: Any) -> None:
        shown = world.token("admin") if operation.name == "log_out" else token
        # Nothing compressed: this client does not unpack what it asks for.
        case.call_and_validate(headers={"Authorization": f"Bearer {shown}", "Accept-Encoding": "identity"})

    try:
        holds()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "without parameters nothing can be wrong"


def test_the_document_is_valid_openapi_3_1(world: World) -> None:
    document = world.app.test_client().get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_tells_bounds_in_words_that_a_schema_knows(world: World) -> None:
    schemas = json.dumps(world.app.test_client().get("/api/openapi.json").get_json()["components"])
    assert '"minimum": 1' in schemas
    assert not re.findall(r'"(?:ge|le|gt|lt)": -?\d', schemas)


def test_every_operation_is_described_once(world: World) -> None:
    document = world.app.test_client().get("/api/openapi.json").get_json()
    described = {
        (method.upper(), path, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    declared = {(one.method, one.documented_path, one.name) for one in all_operations(demo=True)}
    assert described == declared
    assert len({name for _, _, name in declared}) == len(declared)


def test_without_a_demo_nothing_can_be_tripped(world: World) -> None:
    config = replace(world.services.config, demo=False)
    app = create_app(replace(world.services, config=config))
    token = {"Authorization": f"Bearer {world.token('admin')}"}
    answer = app.test_client().post("/api/v1/demo/faults", json={"element": "T2"}, headers=token)
    assert answer.status_code == 404
    assert "/api/v1/demo/faults" not in app.test_client().get("/api/openapi.json").get_json()["paths"]


def test_the_demos_buttons_reach_the_simulator(world: World) -> None:
    person = world.log_in("dispatcher")
    assert person.send("POST", "/api/v1/demo/faults", {"element": "LN2"}).status_code == 202
    assert [one["element"] for one in person.get("/api/v1/demo/faults").get_json()["items"]] == ["LN2"]
    assert person.get("/api/v1/elements/LN2").get_json()["demo_failed"] is True
    assert person.send("POST", "/api/v1/demo/faults", {"element": "LN2"}).status_code == 409
    assert person.send("POST", "/api/v1/demo/faults", {"element": "none"}).status_code == 404
    assert person.send("DELETE", "/api/v1/demo/faults/LN2").status_code == 202
    assert person.get("/api/v1/demo/faults").get_json()["items"] == []
