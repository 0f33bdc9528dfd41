"""A network link that can be taken away without anybody being told: packets just no longer arrive.

While it is away nothing is read from either side, so the senders' bytes wait as they would on a dead line. A
connection that its client has given up meanwhile is dropped with what it held when the link returns.
"""

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65_536
_TICK_S: Final = 0.05


class Link:
    """``with Link(port) as link:`` forwards ``link.port`` to ``port``; ``link.away`` takes it down."""

    def __init__(self, target: int) -> None:
        self.away = threading.Event()
        self._target = target
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for side in (*self._pairs, self._listener):
            side.close()

    def _run(self) -> None:
        was_away = False
        while not self._stop.is_set():
            if self.away.is_set():
                was_away = True
                self._stop.wait(_TICK_S)
                continue
            if was_away:
                was_away = False
                self._drop_given_up()
            ready = select.select([self._listener, *self._pairs], [], [], _TICK_S)[0]
            for side in ready:
                if side is self._listener:
                    self._accept()
                elif side in self._pairs:
                    self._forward(side)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            client.close()
            return
        self._pairs[client], self._pairs[server] = server, client

    def _forward(self, side: socket.socket) -> None:
        try:
            content = side.recv(_CHUNK)
            if content:
                self._pairs[side].sendall(content)
                return
        except OSError:
            pass
        self._drop(side)

    def _drop_given_up(self) -> None:
        poll = select.poll()
        by_number = {side.fileno(): side for side in self._pairs}
        for number in by_number:
            poll.register(number, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        for number, _ in poll.poll(0):
            self._drop(by_number[number])

    def _drop(self, side: socket.socket) -> None:
        other = self._pairs.pop(side, None)
        if other is None:
            return
        self._pairs.pop(other, None)
        for one in (side, other):
            with contextlib.suppress(OSError):
                one.close()
