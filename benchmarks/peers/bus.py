"""A serial bus of meters behind a TCP converter, as raw bytes: answers function 3, one request at a time.

Written on sockets alone, so that no contestant is measured against a library that it uses itself.
"""

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final, Self

_REQUEST_BYTES: Final = 8
_ANSWER_S: Final = 0.02


class Bus:
    """``with Bus(dead={3}) as bus:``; ``bus.answers`` counts by unit; ``bus.cut`` breaks all connections."""

    def __init__(self, dead: frozenset[int]) -> None:
        self.answers: Counter[int] = Counter()
        self._dead = dead
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._line = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection, as a converter that restarts."""
        opened, self._open = self._open, []
        for connection in opened:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
                connection.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        held = b""
        with contextlib.suppress(OSError):
            while content := connection.recv(256):
                held += content
                while len(held) >= _REQUEST_BYTES:
                    request, held = held[:_REQUEST_BYTES], held[_REQUEST_BYTES:]
                    self._answer(connection, request)

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        unit, function, _, count = struct.unpack(">BBHH", request[:6])
        with self._line:
            time.sleep(_ANSWER_S)
            if unit in self._dead or function != 3:
                return
            values = b"".join(struct.pack(">H", 2200 + unit) for _ in range(count))
            body = bytes((unit, 3, len(values))) + values
            self.answers[unit] += 1
            connection.sendall(body + struct.pack("<H", _crc16(body)))


def _crc16(body: bytes) -> int:
    """The checksum of Modbus over serial lines (polynomial A001h, initial FFFFh)."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc
