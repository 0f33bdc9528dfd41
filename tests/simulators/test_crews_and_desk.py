"""A simulated crew against the real application: login, order, steps, positions (REP-01)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from field_api.adapters.data_files import shipped_work_types
from field_api.http.app import create_app
from field_api.orders.work import WorkType
from simulators.adapters.crew_threads import CrewRoom
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from telemetry.outages import OutageState
from tests.field_api.forms import answer
from tests.field_api.world import Person, World, make_world

FOR_OTHERS = {"repair", "call_back", "training", "training_need", "arrears_cut_off", "complaint"}
"""A repair needs a failure; steps of the others are the office's; the last needs an inquiry beforehand."""
PATIENCE_S = 120.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    made.clock.now_ms = time.time_ns() // 1_000_000
    return made


@pytest.fixture
def address(world: World) -> Iterator[str]:
    services = replace(world.services, clock=lambda: time.time_ns() // 1_000_000)
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def crews(world: World, address: str) -> Iterator[PracticeGrid]:
    grid = PracticeGrid(world.network, synthetic_profiles(), Chances(wrong_meters=0), world.clock.now_ms)
    stop = threading.Event()
    room = CrewRoom(lambda: address, grid, most=40, speed=1_000, seed=1)
    thread = threading.Thread(target=room.run, args=(stop,))
    thread.start()
    try:
        yield grid
    finally:
        stop.set()
        thread.join(5)


def test_every_kind_of_work_that_a_crew_can_end_is_walked_to_its_end(world: World, address: str) -> None:
    """Forms filled from their schemas, proofs given, pictures sent whole before the step that names them."""
    world.work()
    dispatcher = world.log_in("dispatcher")
    outage = world.confirmed(cause="T2")["outage_id"]
    opened = {
        name: _opened(dispatcher, kind, outage)
        for name, kind in shipped_work_types().items()
        if name not in FOR_OTHERS
    }
    world.publish("out-1", OutageState.RESTORED, "T2")
    world.work()
    with crews(world, address):
        left = set(opened)
        deadline = time.monotonic() + PATIENCE_S
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            left = {one for one in left if _detail(dispatcher, opened[one])["state"] != "closed"}
    assert left == set()
    for name, order in opened.items():
        found = _detail(dispatcher, order)
        asked = {field for rule in shipped_work_types()[name].steps for field in rule.fields}
        said = {field for entry in found["history"] for field in entry["details"].get("answers", {})}
        assert said <= asked | set(_answers(shipped_work_types()[name]))
        assert found["photos_missing"] == []
    photos = dispatcher.get(f"/api/v1/orders/{opened['meter_exchange']}/photos").get_json()["items"]
    assert [one["state"] for one in photos] == ["complete"] * 2


def _detail(dispatcher: Person, order: str) -> dict[str, Any]:
    found: dict[str, Any] = dispatcher.get(f"/api/v1/orders/{order}").get_json()
    return found


def _answers(kind: WorkType) -> dict[str, Any]:
    return {name: answer(kind.form["properties"][name]) or "x" for name in kind.needed_to_open}


def _opened(dispatcher: Person, kind: WorkType, outage: str) -> str:
    body = {
        "operation_id": f"open-{kind.name}".replace("_", "-"), "type": kind.name,
        "subject_id": {"customer": "C3", "element": "T2", "grid": "G2"}[kind.subject.value],
        "answers": _answers(kind), "outage_id": outage if kind.incident_job else None,
    }  # fmt: skip
    opened = dispatcher.send("POST", "/api/v1/orders", body)
    assert opened.status_code == 201, opened.text
    return str(opened.get_json()["id"])


def test_the_crew_of_the_right_cell_takes_an_order_from_assignment_to_closing(
    world: World, address: str
) -> None:
    order = world.confirmed(cause="T2")
    states: set[str] = set()
    dispatcher, found = world.log_in("dispatcher"), dict[str, Any]()
    with crews(world, address) as grid:
        grid.trip("T2", world.clock.now_ms)
        deadline = time.monotonic() + PATIENCE_S
        while "closed" not in states and time.monotonic() < deadline:
            if not grid.state().tripped and "supplied" not in states:
                states.add("supplied")
                world.clock.now_ms = time.time_ns() // 1_000_000
                world.publish("out-1", OutageState.RESTORED, "T2")
                world.work()
            found = _detail(dispatcher, order["id"])
            states.add(found["state"])
            time.sleep(0.1)
    assert {"closed", "supplied"} <= states
    assert found["crew_id"] == "crew-02"
    assert [entry["step"] for entry in found["history"] if entry["by"] == "crew-02"] == [
        "accept", "arrive", "repair", "close",
    ]  # fmt: skip
