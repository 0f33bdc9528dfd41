"""A simulated crew against the real application: login, order, steps, positions (REP-01)."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from field_api.http.app import create_app
from simulators.adapters.crew_threads import CrewRoom
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from telemetry.outages import OutageState
from tests.field_api.world import World, make_world


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


def test_the_crew_of_the_right_cell_takes_an_order_from_assignment_to_closing(
    world: World, address: str
) -> None:
    grid = PracticeGrid(world.network, synthetic_profiles(), Chances(wrong_meters=0), world.clock.now_ms)
    grid.trip("T2", world.clock.now_ms)
    order = world.confirmed(cause="T2")
    stop = threading.Event()
    room = CrewRoom(lambda: address, grid, most=40, speed=1_000, seed=1)
    thread = threading.Thread(target=room.run, args=(stop,))
    thread.start()
    states: set[str] = set()
    dispatcher, found = world.log_in("dispatcher"), dict[str, Any]()
    try:
        deadline = time.monotonic() + 40
        while "closed" not in states and time.monotonic() < deadline:
            if not grid.state().tripped and "supplied" not in states:
                states.add("supplied")
                world.clock.now_ms = time.time_ns() // 1_000_000
                world.publish("out-1", OutageState.RESTORED, "T2")
                world.work()
            found = dispatcher.get(f"/api/v1/orders/{order['id']}").json or {}
            states.add(found["state"])
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(5)
    assert {"closed", "supplied"} <= states
    assert found["crew_id"] == "crew-02"
    assert [entry["step"] for entry in found["history"] if entry["by"] == "crew-02"] == [
        "accept", "arrive", "repair", "close",
    ]  # fmt: skip
