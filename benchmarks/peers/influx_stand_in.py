"""An InfluxDB v2 write endpoint that refuses as real ones do: unavailable, or a whole batch for one line.

InfluxDB 2.x rejects a batch whole when one line conflicts in type; the 1.x server of the other measurements
keeps the good lines, so only a stand-in can show the difference here.
"""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._answer(200, b'{"name":"influxdb","status":"pass","version":"2.7.0"}')

    def do_POST(self) -> None:
        body = self._body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if not self.path.startswith("/api/v2/write"):
            self._answer(200, b'{"results":[]}')
        elif self.server.owner.unavailable.is_set():
            self._answer(503, b'{"code":"unavailable","message":"service unavailable"}')
        elif self.server.owner.take(body):
            self._answer(204, b"")
        else:
            self._answer(400, b'{"code":"invalid","message":"field type conflict: input field is string"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    owner: "InfluxStandIn"


class InfluxStandIn:
    """``with InfluxStandIn() as server:``; ``server.lines`` are those that it took."""

    def __init__(self, poison: str = "") -> None:
        """A batch in which ``poison`` occurs is refused whole."""
        self.unavailable = threading.Event()
        self.lines: set[bytes] = set()
        self._poison = poison.encode()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.port = int(self._server.server_address[1])

    def take(self, body: bytes) -> bool:
        """Keep the batch, or refuse it whole."""
        if self._poison and self._poison in body:
            return False
        with self._lock:
            self.lines |= set(body.splitlines())
        return True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
