"""The whole product in processes of its own, as `make demo` starts it, on a throw-away data folder."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.ports import free_port

READY_S = 400.0
STOP_S = 30.0
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Product:
    url: str
    """With a slash at the end."""
    username: str
    password: str
    environment: dict[str, str]
    """For further commands on the same data folder."""

    def command(self, *arguments: str) -> str:
        """What ``gridcrew ARGUMENTS`` printed."""
        done = subprocess.run(
            [sys.executable, "-m", "gridcrew", *arguments],
            env=self.environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout


NOTICES_AT_ONCE: Final = {
    f"GRIDCREW_NOTICES__{name}": value
    for name, value in {
        "DWELL_S": "0", "KEY_WAITS": "false", "AUTOMATIC_BELOW": "1000000", "VILLAGES": "false",
        "QUIET_FROM": "00:00", "QUIET_UNTIL": "00:00",
    }.items()
}  # fmt: skip
"""Simulated crews repair within a minute: with a dwell nobody would hear of it."""


@contextmanager
def demo(folder: Path, settings: Mapping[str, str]) -> Iterator[Product]:
    """`gridcrew up --demo` with these environment settings, ready; stopped at the end."""
    ports = {name: str(free_port()) for name in ("WEB__PORT", "WEB__EVENTS_PORT", "MQTT__PORT")}
    chosen = {f"GRIDCREW_{name}": port for name, port in ports.items()}
    chosen |= {"GRIDCREW_SIM__CONTROL_PORT": str(free_port()), "GRIDCREW_DATA_DIR": str(folder / "var")}
    environment = dict(os.environ) | chosen | NOTICES_AT_ONCE | dict(settings)
    log = folder / "up.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "gridcrew", "up", "--demo"],
            env=environment, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{ports['WEB__PORT']}/"
            _wait_until_ready(url, process, log)
            yield Product(url, "dispatcher", "dispatcher-demo", environment)
        finally:
            _stop(process)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ready: healthy, and the last line of the banner (the logins) is out."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"`gridcrew up` ended:\n{log.read_text()[-4000:]}"
        if _is_healthy(url) and "dispatcher" in log.read_text():
            return
        time.sleep(0.5)
    raise AssertionError(f"not ready after {READY_S:.0f} s:\n{log.read_text()[-4000:]}")


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=2) as answer:
            return bool(json.loads(answer.read())["status"] == "ok")
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
