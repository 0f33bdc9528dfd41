"""A connection in nats-server's own protocol (docs.nats.io, client protocol): text lines and bodies."""

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final

MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Entrance:
    """How to reach the server's own protocol on loopback, and as whom."""

    port: int
    user: str
    password: str = field(repr=False)


class ServerLine:
    """Connects when made. Raises OSError or ValueError when the server is away, refuses or talks nonsense."""

    def __init__(self, entrance: Entrance) -> None:
        self._socket = socket.create_connection(("127.0.0.1", entrance.port), timeout=_PATIENCE_S)
        self._buffer = bytearray()
        self._next_id = 0
        greeting = self._line(_PATIENCE_S)
        if greeting is None or not greeting.startswith(b"INFO "):
            raise ValueError("no greeting from nats-server")
        self.server = str(json.loads(greeting[5:])["server_id"])
        who: dict[str, Any] = {
            "user": entrance.user, "pass": entrance.password, "verbose": False, "pedantic": False,
            "name": "doorkeeper", "lang": "python", "version": "1", "protocol": 1, "headers": True,
        }  # fmt: skip
        self._send(b"CONNECT " + json.dumps(who).encode() + b"\r\n")

    def subscribe(self, subject: str) -> None:
        self._next_id += 1
        self._send(f"SUB {subject} {self._next_id}\r\n".encode())

    def flush(self) -> None:
        """Wait until the server has taken what was sent; raises ValueError where it refuses us."""
        self._send(b"PING\r\n")
        while (line := self._line(_PATIENCE_S)) is not None:
            if line.startswith(b"-ERR"):
                raise ValueError(line.decode(errors="replace"))
            if line.startswith(b"PONG"):
                return
        raise ValueError("nats-server does not answer")

    def publish(self, subject: str, body: bytes, reply: str = "") -> None:
        head = f"PUB {subject} {reply} {len(body)}" if reply else f"PUB {subject} {len(body)}"
        self._send(head.encode() + b"\r\n" + body + b"\r\n")

    def kick(self, connection: int) -> None:
        """Cut a connection, if it still is there."""
        # Without somewhere to answer the server does nothing; nobody reads the answer.
        subject = f"$SYS.REQ.SERVER.{self.server}.KICK"
        self.publish(subject, json.dumps({"cid": connection}).encode(), "_INBOX.gridcrew.kicked")

    def ask_counts(self, reply: str, offset: int, limit: int) -> None:
        """Who has sent how many messages: ``limit`` connections from ``offset`` on, oldest first."""
        options = {"sort": "cid", "offset": offset, "limit": limit}
        self.publish(f"$SYS.REQ.SERVER.{self.server}.CONNZ", json.dumps(options).encode(), reply)

    def receive(self, wait_s: float) -> tuple[str, str, bytes] | None:
        """(subject, reply subject, body) of the next message, None where none came in time."""
        line = self._line(wait_s)
        if line is None:
            return None
        words = line.split()
        if words[0] == b"PING":
            self._send(b"PONG\r\n")
        if words[0] not in {b"MSG", b"HMSG"}:
            return None
        headers = int(words[-2]) if words[0] == b"HMSG" else 0
        size = int(words[-1])
        if size > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message of {size} bytes")
        body = self._exactly(size + 2)[headers:-2]
        fixed = 4 if words[0] == b"MSG" else 5
        reply = words[3].decode() if len(words) > fixed else ""
        return words[1].decode(), reply, body

    def close(self) -> None:
        self._socket.close()

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(_PATIENCE_S)
        self._socket.sendall(data)

    def _line(self, wait_s: float) -> bytes | None:
        deadline_s = time.monotonic() + wait_s
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not self._more(max(0.001, deadline_s - time.monotonic())) and time.monotonic() >= deadline_s:
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._more(_PATIENCE_S):
                raise ValueError("nats-server broke off within a message")
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _more(self, wait_s: float) -> bool:
        self._socket.settimeout(wait_s)
        try:
            read = self._socket.recv(65_536)
        except TimeoutError:
            return False
        if not read:
            raise ConnectionError("nats-server closed the connection")
        self._buffer += read
        return True
