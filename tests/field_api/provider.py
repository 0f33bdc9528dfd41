"""A provider of short messages on a port of its own, that can be down, slow, lie, or answer twice."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK: dict[str, Any] = {"code": 0, "data": {"id": "theirs"}}
LIE: dict[str, Any] = {"code": 500, "message": "busy, call 13612345670"}
BAD_NUMBER: dict[str, Any] = {"code": 4001}


@dataclass
class Provider:
    """What it got, and how it behaves; it sends each key to a phone once, as providers with keys do."""

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    delivered: Counter[str] = field(default_factory=Counter)
    """Messages on phones, by key."""
    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: OK)
    wait_s: float = 0.0
    drip: bool = False
    cut: bool = False
    """Takes the message, then drops the line without an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/sms"

    def take(self, sent: dict[str, Any], headers: dict[str, str]) -> None:
        self.requests.append(sent)
        self.headers.append(headers)
        taken = self.status == 200 and self.answer["code"] == 0
        if taken and not self.delivered[sent.get("id", "")]:
            self.delivered[sent.get("id", "")] += 1


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()

    class _Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            provider.take(json.loads(body), dict(self.headers))
            if provider.cut:
                self.close_connection = True
                self.connection.close()
                return
            time.sleep(provider.wait_s)
            self._answer(json.dumps(provider.answer).encode())

        def _answer(self, text: bytes) -> None:
            try:
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(text) + 1_000 * provider.drip))
                self.end_headers()
                self.wfile.write(text)
                while provider.drip:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    provider.port = server.server_address[1]
    try:
        yield provider
    finally:
        provider.drip = False
        server.shutdown()
        server.server_close()
        thread.join()
