"""``gridcrew sim`` as a process: ready line, control through the command line, a quick end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from gridcrew.broker import EmbeddedBroker
from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import MqttSettings, Settings
from gridcrew.sim_papers import prepare_authority
from simulators.adapters.truth_file import intervals
from tests.simulators.networks import village

GRIDCREW = (sys.executable, "-m", "gridcrew")


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    location = str(tmp_path / "var")
    migrate_all(location)
    network = village()
    store = SqlNetworkStore(open_database(location, "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 0, 0, "test"))
    return dict(os.environ) | {
        "GRIDCREW_DATA_DIR": location,
        "GRIDCREW_CONFIG": str(tmp_path / "none.toml"),
        "GRIDCREW_SIM__CONTROL_PORT": "0",
        "GRIDCREW_MQTT__PORT": "0",
    }


@pytest.fixture
def broker(environment: Mapping[str, str]) -> Iterator[None]:
    settings = Settings(data_dir=Path(environment["GRIDCREW_DATA_DIR"]), mqtt=MqttSettings(port=0))
    with EmbeddedBroker(settings):
        yield


def _sim(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GRIDCREW, "sim", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def _running(environment: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A simulator that has said that it is ready."""
    with subprocess.Popen(
        [*GRIDCREW, "sim", "run", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            assert "sim ready\n" in iter(process.stdout.readline, "")
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("broker")
def test_run_trip_state_restore_and_end(environment: Mapping[str, str]) -> None:
    with _running(environment, "--no-crews", "--wrong-meters", "0") as process:
        assert "45 customers lost supply" in _sim(environment, "trip", "F1").stdout
        state = json.loads(_sim(environment, "state", "--json").stdout)
        assert [one["element"] for one in state["failed"]] == ["F1"]
        assert state["connected"] == 4
        assert {"element": "breaker", "kind": "breaker", "name": "", "customers": 60} in state["examples"]
        assert "F1 since" in _sim(environment, "state").stdout
        refused = _sim(environment, "trip", "nowhere")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "unknown element 'nowhere'" in refused.stderr
        assert json.loads(_sim(environment, "restore", "F1", "--json").stdout)["customers"] == 45
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert time.monotonic() - began < 5
    truth = list(intervals(Path(environment["GRIDCREW_DATA_DIR"]) / "sim" / "truth.jsonl"))
    assert len(truth) == 45
    assert all(found.end_ms is not None and found.end_ms > found.start_ms for found in truth)
    assert "no simulator answers" in _sim(environment, "state").stderr


def test_it_ends_by_itself_and_without_a_broker(environment: Mapping[str, str]) -> None:
    done = _sim(environment, "run", "--for", "1.5")
    assert done.returncode == 0, done.stderr
    assert "sim ready" not in done.stdout
    assert "broker cannot be reached" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--lost-last-gasps", "1.5"), "1.5 is not in the range"),
        (("run", "--speed", "0"), "is not in the range"),
        (("trip",), "Missing argument 'ELEMENT'"),
    ],
)
def test_bad_options_are_refused(
    environment: Mapping[str, str], arguments: tuple[str, ...], told: str
) -> None:
    done = _sim(environment, *arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    location = str(tmp_path / "empty")
    migrate_all(location)
    done = _sim(dict(os.environ) | {"GRIDCREW_DATA_DIR": location}, "run")
    assert done.returncode == 1
    assert "run 'gridcrew network import' first" in done.stderr


def test_a_demos_terminals_have_certificates_of_their_own(environment: Mapping[str, str]) -> None:
    """Mutual TLS without a plain listener: papers are made once, for a demo only."""
    guarded = dict(environment) | {"GRIDCREW_DEMO": "true", "GRIDCREW_MQTT__TLS": "mutual"}
    folder = Path(environment["GRIDCREW_DATA_DIR"])
    settings = Settings(data_dir=folder, demo=True, mqtt=MqttSettings(port=0, tls="mutual"))
    prepare_authority(settings)
    with EmbeddedBroker(settings):
        with _running(guarded, "--no-crews"):
            made = {path.name: path.read_bytes() for path in (folder / "sim" / "papers").glob("*.pem")}
        assert len(made) == len(village().terminals)
        with _running(guarded, "--no-crews"):
            again = {path.name: path.read_bytes() for path in (folder / "sim" / "papers").glob("*.pem")}
        assert again == made
        refused = subprocess.run(
            [*GRIDCREW, "sim", "run", "--no-crews", "--for", "2"], env=guarded | {"GRIDCREW_DEMO": "false"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "sim ready" not in refused.stdout
        assert "each terminal needs a certificate of its own" in refused.stderr
