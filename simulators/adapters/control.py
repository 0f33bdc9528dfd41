"""The simulator's loopback control port: HTTP and JSON, for ``gridcrew sim`` and the demo's buttons.

``GET /state``; ``POST /trip`` and ``POST /restore`` with ``{"element": id}``, ``/trip`` also with optional
``"phases"`` (``A``, ``BC``); ``POST /repair`` with ``{"near": id}`` and optional ``"reach"`` (edges). Errors
are ``{"error": line}``: 400 for a request that is not understood, 404 for an unknown element or path, 409
where the element is not in the needed state.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from simulators.errors import BadRequest, NotPossible, UnknownElement
from simulators.instants import iso
from simulators.phases import LETTERS, phase_bits
from simulators.practice import MAX_REACH, REACH, PracticeGrid

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 4_096
MAX_ID: Final = 200
READ_TIMEOUT_S: Final = 5.0

Answer = dict[str, object]
Facts = Callable[[], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Control:
    """What the port's requests do; ``facts`` adds the run's own figures to ``/state``."""

    grid: PracticeGrid
    facts: Facts

    def state(self) -> Answer:
        state = self.grid.state()
        return {
            "failed": [{"element": one.element, "at": iso(one.at_ms)} for one in state.tripped],
            "terminals": state.terminals,
            "blocked": list(state.blocked),
            "meters_out": state.meters_out,
            "customers_out": state.customers_out,
            **self.facts(),
        }

    def command(self, path: str, body: Mapping[str, object]) -> Answer:
        """The answer of a POST; raises ``SimulatorError``."""
        match path:
            case "/trip":
                done = self.grid.trip(_text(body, "element"), _now_ms(), _phases(body))
                return {"element": done.element, "customers": done.customers, "disturbed": done.disturbed}
            case "/restore":
                done = self.grid.restore(_text(body, "element"), _now_ms())
                return {"element": done.element, "customers": done.customers}
            case "/repair":
                done = self.grid.repair(_text(body, "near"), _now_ms(), _reach(body))
                return {"mended": list(done.mended), "customers": done.customers}
            case _:
                raise LookupError(path)


class ControlServer:
    """``with ControlServer(control, port) as server: …`` answers on ``server.port`` of loopback."""

    def __init__(self, control: Control, port: int) -> None:
        handler = type("Handler", (_Handler,), {"control": control})
        self._server = ThreadingHTTPServer((HOST, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> "ControlServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


class _Handler(BaseHTTPRequestHandler):
    control: Control
    timeout = READ_TIMEOUT_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path != "/state":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no such path: {self.path}"})
            return
        self._answer(HTTPStatus.OK, self.control.state())

    def do_POST(self) -> None:
        try:
            self._answer(HTTPStatus.OK, self.control.command(self.path, self._body()))
        except BadRequest as problem:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(problem)})
        except UnknownElement as problem:
            self._answer(HTTPStatus.NOT_FOUND, {"error": str(problem)})
        except NotPossible as problem:
            self._answer(HTTPStatus.CONFLICT, {"error": str(problem)})
        except LookupError:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no such path: {self.path}"})

    def _body(self) -> Mapping[str, object]:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > MAX_BODY_BYTES:
            self.close_connection = True
            raise BadRequest(f"expected a body of at most {MAX_BODY_BYTES} bytes with its Content-Length")
        try:
            body: Any = json.loads(self.rfile.read(int(size)))
        except ValueError as problem:
            raise BadRequest(f"the body is not JSON: {problem}") from problem
        if not isinstance(body, dict):
            raise BadRequest("the body must be a JSON object")
        return body

    def _answer(self, status: HTTPStatus, answer: Answer) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug(format, *args)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise BadRequest(f"{name}: expected the id of an element, found {value!r}")
    return value


def _phases(body: Mapping[str, object]) -> int:
    try:
        return phase_bits(str(body.get("phases", LETTERS)).upper())
    except ValueError as problem:
        raise BadRequest(str(problem)) from None


def _reach(body: Mapping[str, object]) -> int:
    value = body.get("reach", REACH)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_REACH:
        raise BadRequest(f"reach: expected a number of edges from 0 to {MAX_REACH}, found {value!r}")
    return value


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
