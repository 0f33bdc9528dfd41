"""A simulated DTU (serial to TCP) before a bus of simulated 645 meters, on the server of ``dlt645``."""

import contextlib
import socket
import threading

from dlt645.transport.server.tcp_server import TcpServer

from simulators.dlt645 import SimulatedBus, SimulatedMeter

_CONNECT_S = 5.0


class _Server(TcpServer):  # type: ignore[misc]
    """Remembers its connections, so that a meter can push."""

    def __init__(self, bus: SimulatedBus, port: int) -> None:
        super().__init__("127.0.0.1", port, 0.5, bus)
        self.open: list[socket.socket] = []

    def handle_connection(self, conn: socket.socket) -> None:
        self.open.append(conn)
        try:
            super().handle_connection(conn)
        finally:
            self.open.remove(conn)


class SimulatedDtu:
    """``with SimulatedDtu(meters) as dtu:`` listens on ``dtu.port``; ``dial`` calls a head-end."""

    def __init__(self, meters: list[SimulatedMeter], port: int = 0) -> None:
        self.meters = {meter.address: meter for meter in meters}
        self._server = _Server(SimulatedBus(meters), port)
        self._dialled: list[threading.Thread] = []

    def __enter__(self) -> "SimulatedDtu":
        if not self._server.start():
            raise OSError("the simulated DTU cannot listen")
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.stop()
        for thread in self._dialled:
            thread.join(_CONNECT_S)

    @property
    def port(self) -> int:
        return int(self._server.port)

    @property
    def connections(self) -> int:
        """How many head-ends are connected now."""
        return len(self._server.open)

    def dial(self, host: str, port: int, registration: bytes = b"") -> None:
        """Connect to a head-end, say who we are, answer from then on."""
        connection = socket.create_connection((host, port), _CONNECT_S)
        connection.settimeout(0.5)
        connection.sendall(registration)
        thread = threading.Thread(target=self._server.handle_connection, args=(connection,), daemon=True)
        thread.start()
        self._dialled.append(thread)

    def push(self, raw: bytes) -> None:
        """Send these bytes to every head-end that is connected."""
        for connection in list(self._server.open):
            connection.sendall(raw)

    def hang_up(self) -> None:
        """Break all connections."""
        for connection in list(self._server.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
