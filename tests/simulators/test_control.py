"""The control port: what it answers, and how it refuses."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from simulators.adapters.control import Control, ControlServer
from simulators.adapters.control_client import ask
from simulators.errors import SimulatorError
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from tests.ports import free_port
from tests.simulators.networks import village


@pytest.fixture
def port() -> Iterator[int]:
    grid = PracticeGrid(village(), synthetic_profiles(), Chances(wrong_meters=0), 1_795_300_000_000)
    with ControlServer(Control(grid, lambda: {"speed": 20.0}), 0) as server:
        yield server.port


def _raw(port: int, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer: dict[str, object] = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_trip_state_repair_and_restore(port: int) -> None:
    assert ask(port, "/trip", {"element": "T1"}) == {"element": "T1", "customers": 15, "disturbed": 0}
    assert ask(port, "/trip", {"element": "breaker"})["customers"] == 45
    state = ask(port, "/state")
    assert [one["element"] for one in state["failed"]] == ["T1", "breaker"]
    assert state["failed"][0]["at"].endswith("Z")
    assert (state["terminals"], state["blocked"], state["speed"]) == (4, [], 20.0)
    assert (state["meters_out"], state["customers_out"]) == (60, 60)
    assert ask(port, "/restore", {"element": "breaker"}) == {
        "element": "breaker",
        "customers": 45,
    }
    assert ask(port, "/repair", {"near": "L1.0"})["mended"] == ["T1"]
    assert ask(port, "/repair", {"near": "L1.0", "reach": 50})["mended"] == []
    assert ask(port, "/state")["failed"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/trip", b'{"element": "nowhere"}', 404, "unknown element 'nowhere'"),
        ("POST", "/repair", b'{"near": "nowhere"}', 404, "unknown element 'nowhere'"),
        ("POST", "/trip", b'{"element": "tie"}', 409, "tie stands open normally"),
        ("POST", "/restore", b'{"element": "T0"}', 409, "T0 has not tripped"),
        ("POST", "/trip", b'{"element": 5}', 400, "element: expected the id"),
        ("POST", "/trip", b"{}", 400, "element: expected the id"),
        ("POST", "/trip", b"[]", 400, "must be a JSON object"),
        ("POST", "/trip", b"\xff{", 400, "not JSON"),
        ("POST", "/trip", b" " * 5_000, 400, "at most 4096 bytes"),
        ("POST", "/repair", b'{"near": "T0", "reach": -1}', 400, "reach: expected"),
        ("POST", "/open", b'{"element": "T0"}', 404, "no such path"),
        ("GET", "/", None, 404, "no such path"),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    port: int, method: str, path: str, body: bytes | None, status: int, told: str
) -> None:
    found, answer = _raw(port, method, path, body)
    assert found == status
    assert told in str(answer["error"])


def test_it_listens_on_loopback_only(port: int) -> None:
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with pytest.raises(OSError, match="refused"), socket.create_connection((own, port), timeout=2):
        pass


def test_the_client_says_what_to_do_where_nobody_answers() -> None:
    with pytest.raises(SimulatorError, match=r"no simulator answers on 127.0.0.1.*gridcrew up --demo"):
        ask(free_port(), "/state")


def test_the_client_repeats_the_ports_own_reason(port: int) -> None:
    with pytest.raises(SimulatorError, match="unknown element 'x'"):
        ask(port, "/trip", {"element": "x"})


def test_single_phases_fail_by_command(port: int) -> None:
    done = ask(port, "/trip", {"element": "F0", "phases": "a"})
    assert (done["element"], done["customers"]) == ("F0", 0)
    assert done["disturbed"] == 60
    with pytest.raises(SimulatorError, match="phases: expected one or more of A, B, C"):
        ask(port, "/trip", {"element": "F1", "phases": "X"})
