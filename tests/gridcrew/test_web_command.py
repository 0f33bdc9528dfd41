"""``gridcrew web`` and ``worker`` as real processes: ports noted, health, quick end, nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.field_api.world import World, make_world

ENDED_S = 60
"""Far beyond the two seconds of grace, on a machine that does much else."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("web"))


@contextmanager
def _running(world: World, name: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {
        "GRIDCREW_DATA_DIR": str(world.home.data_dir),
        "GRIDCREW_WEB__PORT": "0",
        "GRIDCREW_WEB__EVENTS_PORT": "0",
        "GRIDCREW_CONFIG": "none.toml",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "gridcrew", name], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{name} ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _get(url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", address.path, headers=headers)
    response = connection.getresponse()
    body = response.read(200) if response.status == 200 else b""
    connection.close()
    return response.status, body


def test_web_serves_both_ports_and_ends_when_asked_though_somebody_listens(world: World) -> None:
    noted = world.home.data_dir / "web.json"
    header = {"Authorization": f"Bearer {_lasting_token(world)}"}
    with _running(world, "web") as process:
        addresses = json.loads(noted.read_text(encoding="utf-8"))
        status, body = _get(f"{addresses['url']}healthz", {})
        assert (status, json.loads(body)["checks"]["network"]) == (200, "ok")
        assert _get(f"{addresses['url']}api/v1/outages", header)[0] == 200
        listener = HTTPConnection("127.0.0.1", urlsplit(addresses["events_url"]).port or 0, timeout=10)
        listener.request("GET", "/api/v1/events", headers=header)
        stream = listener.getresponse()
        assert stream.readline() == b"retry: 2000\n"
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDED_S) == 0
        assert not [child for child in children if _lives(child)]
        listener.close()
    assert not noted.exists()


def test_web_tells_when_one_of_its_processes_died(world: World) -> None:
    with _running(world, "web") as process:
        psutil.Process(process.pid).children()[0].kill()
        assert process.wait(ENDED_S) != 0


def test_web_names_the_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "gridcrew", "web"],
            env=os.environ | {"GRIDCREW_DATA_DIR": str(tmp_path), "GRIDCREW_WEB__PORT": str(port)},
            check=False, capture_output=True, text=True,
        )  # fmt: skip
    assert ended.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_the_worker_ends_when_asked(world: World) -> None:
    with _running(world, "worker") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDED_S) == 0


def _lives(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _lasting_token(world: World) -> str:
    """The processes live in the real time of day."""
    world.clock.now_ms = time.time_ns() // 1_000_000
    return world.token("viewer")
