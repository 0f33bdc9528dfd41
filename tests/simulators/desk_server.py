"""A desk in one page, over real HTTP: the order's protocol as documented, and failures on demand.

It answers a repeated operation as it did the first time, refuses old revisions and illegal steps, and closes
only while the practice grid says that everybody is supplied.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STEPS = {
    "accept": ("assigned", "accepted"),
    "arrive": ("accepted", "arrived"),
    "repair": ("arrived", "repaired"),
    "close": ("repaired", "closed"),
}

Answer = tuple[int, Any]


@dataclass
class Desk:
    """State and behaviour of the little desk; ``trouble`` may replace an answer before it is sent."""

    crews: tuple[str, ...] = ("crew-01",)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    equivalent: tuple[str, ...] = ()
    lights_on: Callable[[], bool] = lambda: True
    trouble: Callable[[str, str], int | None] = lambda _method, _path: None
    steps: list[dict[str, Any]] = field(default_factory=list)
    positions: list[dict[str, Any]] = field(default_factory=list)
    answered: dict[str, Answer] = field(default_factory=dict)
    logins: int = 0
    valid: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def assign(self, order: str, element: str, crew: str = "crew-01", **more: object) -> None:
        """A new order, as the worker would make it."""
        made = {
            "id": order, "number": order, "state": "assigned", "revision": 1, "outage_id": f"of-{order}",
            "crew_id": crew, "element": element, "lon": 113.21, "lat": 23.105, "priority": "normal",
            "created_at": "2026-11-22T00:00:00Z",
        }  # fmt: skip
        self.orders[order] = made | more

    def answer(self, method: str, path: str, body: Any, token: str) -> Answer:
        with self.lock:
            if (method, path) == ("POST", "/api/v1/tokens"):
                return self._log_in(body)
            if token not in self.valid:
                return 401, {"title": "log in"}
            if found := re.fullmatch(r"/api/v1/orders/([^/]+)/steps", path):
                return self._step(found[1], body)
            if found := re.fullmatch(r"/api/v1/crews/([^/]+)/position", path):
                self.positions.append(body)
                return 204, None
            return self._read(path)

    def _read(self, path: str) -> Answer:
        if found := re.fullmatch(r"/api/v1/outages/([^/]+)", path):
            return 200, self._outage(found[1])
        if path.startswith("/api/v1/sync/pull"):
            return 200, self._pulled(path)
        if path.startswith("/api/v1/crews"):
            return self._page([{"id": crew, "lon": 113.2, "lat": 23.1} for crew in self.crews], path)
        if path == "/api/v1/work-types":
            return 200, {"items": []}
        return 404, {"title": f"no {path}"}

    def _log_in(self, body: dict[str, str]) -> Answer:
        if body["username"] not in self.crews or body["password"] != "crew-demo":
            return 401, {"title": "unknown name or wrong password"}
        self.logins += 1
        self.valid.add(f"token-{self.logins}")
        user = {"id": "u", "crew_id": body["username"]}
        return 201, {"token": f"token-{self.logins}", "expires_at": "2027-01-01T00:00:00Z", "user": user}

    def _page(self, items: list[dict[str, Any]], path: str) -> Answer:
        """One item a page, so that cursors are followed."""
        found = re.search(r"cursor=(\d+)", path)
        at = int(found[1]) if found else 0
        more = str(at + 1) if at + 1 < len(items) else None
        return 200, {"items": items[at : at + 1], "next_cursor": more}

    def _pulled(self, path: str) -> dict[str, Any]:
        """All orders one by one, and then again from the first: a phone may be told twice."""
        found = re.search(r"cursor=(\d+)", path)
        listed = [*self.orders.values()]
        at = int(found[1]) % (len(listed) or 1) if found else 0
        items = [
            {
                "kind": "order",
                "id": one["id"],
                "removed": "closed" if gone else "",
                "order": None if gone else one,
            }
            for one in listed[at : at + 1]
            for gone in [one["state"] == "closed"]
        ]
        more = at + 1 < len(listed)
        return {"reset": found is None, "more": more, "next_cursor": str(at + 1), "items": items}

    def _outage(self, outage: str) -> dict[str, Any]:
        element = next(one["element"] for one in self.orders.values() if one["outage_id"] == outage)
        state = "restored" if self.lights_on() else "confirmed"
        return {"id": outage, "state": state, "cause": {"element": element, "equivalent": [*self.equivalent]}}

    def _step(self, name: str, body: dict[str, Any]) -> Answer:
        if body["operation_id"] in self.answered:
            return self.answered[body["operation_id"]]
        order = self.orders[name]
        before, after = STEPS[body["step"]]
        if body["revision"] != order["revision"]:
            return 409, {"title": "outdated", "current": order}
        if order["state"] != before:
            return 422, {"title": f"an order that is {order['state']} cannot {body['step']}"}
        if after == "closed" and not self.lights_on():
            return 409, {"title": "2 meters in scope still read dead"}
        order |= {"state": after, "revision": order["revision"] + 1}
        self.steps.append({"order": name} | body)
        self.answered[body["operation_id"]] = (200, dict(order))
        return self.answered[body["operation_id"]]


@contextmanager
def serving(desk: Desk, port: int = 0) -> Iterator[int]:
    """The desk on a port of loopback."""
    handler = type("Handler", (_Handler,), {"desk": desk})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    desk: Desk

    def _any(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        status, answer = self.desk.answer(self.command, self.path, body, token)
        trouble = self.desk.trouble(self.command, self.path)
        if trouble is not None:
            status, answer = trouble, {"title": "trouble"}
        if status == 0:  # the answer is lost on the way
            self.close_connection = True
            return
        self.send_response(status)
        self.end_headers()
        if answer is not None:
            self.wfile.write(json.dumps(answer).encode())

    def do_GET(self) -> None:
        self._any()

    def do_POST(self) -> None:
        self._any()

    def do_PUT(self) -> None:
        self._any()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""
