"""A TCP proxy that misbehaves on request, between any client and any server on loopback.

with FaultProxy(server_port) as proxy:
    client.connect("127.0.0.1", proxy.port)
    proxy.mode = Mode.CUT_REPLIES     # from now on, for connections that exist and new ones
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from enum import Enum, auto
from types import TracebackType
from typing import Any

_CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Mode(Enum):
    """What happens to bytes."""

    PASS = auto()
    DELAY = auto()
    """Every chunk waits ``delay_s``, in both directions."""
    RESET = auto()
    """Connections are reset at once."""
    CUT_REPLIES = auto()
    """Requests pass; the connection is reset when the server's answer comes, which is lost."""
    DROP_REPLIES = auto()
    """Requests pass, answers vanish, the connection stays."""
    HALF_OPEN = auto()
    """Nothing passes and nobody is told: what a pulled cable looks like."""
    ANSWER = auto()
    """Every HTTP request is answered with ``answer`` and never reaches the server."""


class FaultProxy:
    """Listens on ``port`` of loopback while the context lasts; ``mode`` may change at any time."""

    def __init__(self, upstream_port: int, host: str = "127.0.0.1") -> None:
        self.upstream_port = upstream_port
        self.delay_s = 0.0
        self.answer = b""
        self.port = 0
        self.seen: Counter[Mode] = Counter()
        """Chunks that came from clients, by the mode that met them."""
        self._host = host
        self._mode = Mode.PASS
        self._loop = asyncio.new_event_loop()
        self._clients: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()

    @property
    def mode(self) -> Mode:
        """What happens now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode is Mode.RESET:
            self.reset_all()

    def respond(self, status: str, **headers: str) -> None:
        """Answer every HTTP request with that status from now on, such as ``"503 Service Unavailable"``."""
        lines = [
            f"HTTP/1.1 {status}",
            *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items()),
        ]
        self.answer = ("\r\n".join([*lines, "Content-Length: 2", "", "{}"])).encode()
        self.mode = Mode.ANSWER

    def reset_all(self) -> None:
        """Reset the connections that exist."""
        self._soon(self._reset_all())

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, self._host, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        # What was closed last lets go of its socket one turn later.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _reset_all(self) -> None:
        for client in list(self._clients):
            _reset(client)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.RESET:
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            _reset(writer)
            return
        self._clients.add(writer)
        ways = [
            asyncio.ensure_future(self._up(reader, writer, up_writer)),
            asyncio.ensure_future(self._down(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the proxy ends: what was not sent yet never will be
            for end in (writer, up_writer):
                end.transport.abort()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._clients.discard(writer)
            for end in (writer, up_writer):
                end.close()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            mode = self._mode
            self.seen[mode] += 1
            if mode is Mode.ANSWER:
                await _rest_of_request(chunk, reader)
                writer.write(self.answer)
                await writer.drain()
                continue
            await self._hold(mode)
            upstream.write(chunk)
            await upstream.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            mode = self._mode
            if mode is Mode.CUT_REPLIES:
                _reset(writer)
                return
            await self._hold(mode)
            if mode is not Mode.DROP_REPLIES:
                writer.write(chunk)
                await writer.drain()

    async def _hold(self, mode: Mode) -> None:
        if mode is Mode.DELAY:
            await asyncio.sleep(self.delay_s)
        while self._mode is Mode.HALF_OPEN:
            await asyncio.sleep(0.01)


async def _rest_of_request(begun: bytes, reader: asyncio.StreamReader) -> None:
    """Read until the request is whole, as its Content-Length tells."""
    while b"\r\n\r\n" not in begun:
        begun += await reader.read(_CHUNK)
    head, _, body = begun.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, text = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(text)
    missing = length - len(body)
    while missing > 0:
        chunk = await reader.read(_CHUNK)
        if not chunk:
            return
        missing -= len(chunk)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport = writer.transport
    transport.abort()
