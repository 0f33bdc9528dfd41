"""The simulator's control port, for the demo's buttons."""

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock
from typing import Any, Final

from field_api.simulator_ports import FailedElement, SimulatorRefused

HOST: Final = "127.0.0.1"
TIMEOUT_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 4_000_000
REMEMBER_S: Final = 0.5
_UNREACHABLE: Final = 503


def noted_port(file: Path, fallback: int) -> Callable[[], int]:
    """The port that a running simulator noted in ``file``, else ``fallback``."""

    def port() -> int:
        try:
            return int(json.loads(file.read_text(encoding="utf-8"))["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return fallback

    return port


class SimulatorClient:
    """``Simulator`` over loopback HTTP; ``port`` is asked at each call, as the simulator may restart."""

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port
        self._failed: tuple[FailedElement, ...] = ()
        self._asked_s = -REMEMBER_S
        self._lock = Lock()

    def failed(self) -> tuple[FailedElement, ...]:
        """What has failed; nothing where no simulator answers. Remembered for half a second."""
        with self._lock:
            if time.monotonic() - self._asked_s >= REMEMBER_S:
                self._failed = self._ask_failed()
                self._asked_s = time.monotonic()
            return self._failed

    def trip(self, element: str) -> None:
        """Raises ``SimulatorRefused``."""
        self._command("/trip", element)

    def restore(self, element: str) -> None:
        """Raises ``SimulatorRefused``."""
        self._command("/restore", element)

    def _ask_failed(self) -> tuple[FailedElement, ...]:
        try:
            state = self._request("GET", "/state", None)
        except SimulatorRefused:
            return ()
        return tuple(FailedElement(str(one["element"]), str(one["at"])) for one in state.get("failed", []))

    def _command(self, path: str, element: str) -> None:
        self._request("POST", path, {"element": element})
        with self._lock:
            self._asked_s = -REMEMBER_S

    def _request(self, method: str, path: str, body: dict[str, str] | None) -> dict[str, Any]:
        connection = HTTPConnection(HOST, self._port(), timeout=TIMEOUT_S)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read(MAX_ANSWER_BYTES))
        except (OSError, HTTPException, ValueError) as problem:
            raise SimulatorRefused(_UNREACHABLE, f"the simulator does not answer: {problem}") from problem
        finally:
            connection.close()
        if not isinstance(answer, dict):
            raise SimulatorRefused(_UNREACHABLE, "the simulator answered something else than an object")
        if response.status >= 400:
            status = response.status if response.status in {404, 409} else _UNREACHABLE
            raise SimulatorRefused(status, str(answer.get("error", "refused")))
        return answer
