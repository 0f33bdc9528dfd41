"""The port that DTUs dial: who is it, and whose line is that? Limits on connections, bytes and time.

A DTU names itself by its registration packet; one that says nothing is known by the meters that it brings:
one that speaks, or one that answers. What nobody knows is closed. There is no proof in any of this: such a
port belongs on the operator's own network (docs/dlt645.md).
"""

import logging
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.adapters.dlt645.bus import Bus, BusLost, prepare
from gateway.adapters.dlt645.line import LineWorker
from gateway.codecs.dlt645_frames import find_frames
from gateway.codecs.dlt645_items import POWER_DOWNS
from gateway.dlt645 import Line, Listener

log = logging.getLogger(__name__)

NAMING_S: Final = 5.0
"""Within this a DTU says its registration, or is asked for its meters."""
PROBE_S: Final = 1.0
MAX_PROBES: Final = 16
MAX_SAID_BYTES: Final = 512
MAX_UNNAMED_PER_PEER: Final = 8
_SETTLED_S: Final = 0.05
_TELL_S: Final = 60.0
_ACCEPT_S: Final = 0.2


class DialledPort:
    """Listens for one ``Listener`` and hands connections to the workers of its lines."""

    def __init__(self, listener: Listener, workers: Callable[[], Mapping[str, LineWorker]]) -> None:
        self.port = 0
        """Where it listens; 0 while it does not."""
        self.trouble = "not listening yet"
        self.counts = dict.fromkeys(("dialled", "unknown", "over_limit"), 0)
        self._listener = listener
        self._workers = workers
        self._unnamed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._told_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"dlt645 port {listener.port}", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_server((self._listener.host, self._listener.port), backlog=128) as server:
                    self.port = server.getsockname()[1]
                    self.trouble = ""
                    self._accept(server)
            except OSError as problem:
                self.trouble = f"{self._listener.host}:{self._listener.port}: {problem}"
                log.warning("dlt645: cannot listen on %s", self.trouble)
                self._stop.wait(5.0)
            finally:
                self.port = 0

    def _accept(self, server: socket.socket) -> None:
        server.settimeout(_ACCEPT_S)
        while not self._stop.is_set():
            try:
                connection, peer = server.accept()
            except TimeoutError:
                continue
            if not self._admit(peer[0]):
                connection.close()
                continue
            naming = threading.Thread(target=self._name, args=(connection, peer[0]), daemon=True)
            naming.start()

    def _admit(self, peer: str) -> bool:
        with self._lock:
            full = self._unnamed.total() >= self._listener.max_connections
            if full or self._unnamed[peer] >= MAX_UNNAMED_PER_PEER:
                self.counts["over_limit"] += 1
                return False
            self._unnamed[peer] += 1
            self.counts["dialled"] += 1
            return True

    def _name(self, connection: socket.socket, peer: str) -> None:
        worker, said = None, b""
        try:
            prepare(connection)
            worker, said = self._named(connection)
            if worker is None:
                worker, said = self._probed(connection)
        except (OSError, BusLost):
            worker = None
        finally:
            with self._lock:
                self._unnamed[peer] -= 1
                self._unnamed += Counter()  # Forget the zeros.
        if worker is None or self._stop.is_set():
            self._refuse(peer, said)
            connection.close()
        else:
            worker.attach(connection, said)

    def _named(self, connection: socket.socket) -> tuple[LineWorker | None, bytes]:
        """Whoever is named by what the DTU says, and what it said behind that."""
        said = b""
        deadline_s = time.monotonic() + NAMING_S
        while (left_s := deadline_s - time.monotonic()) > 0 and len(said) < MAX_SAID_BYTES:
            connection.settimeout(min(left_s, _SETTLED_S) if said else left_s)
            try:
                chunk = connection.recv(MAX_SAID_BYTES)
            except TimeoutError:
                # Quiet after words: they are whole now. Quiet from the start: it will not name itself.
                found = line_of(said, self._listener.lines)
                if found is not None:
                    return self._workers().get(found[0]), found[1]
                said = said[-MAX_SAID_BYTES // 2 :]
                if left_s <= _SETTLED_S or not said:
                    break
                connection.settimeout(left_s)
                continue
            if not chunk:
                raise BusLost("closed before it was known")
            said += chunk
        found = line_of(said, self._listener.lines)
        return (self._workers().get(found[0]), found[1]) if found else (None, said)

    def _probed(self, connection: socket.socket) -> tuple[LineWorker | None, bytes]:
        """The line, of those without a registration that nobody holds, one of whose meters answers."""
        pushed: list[bytes] = []
        bus = Bus(connection, 0.05, pushed.append)
        probes = 0
        for line in self._listener.lines:
            worker = self._workers().get(line.name)
            if line.registration or worker is None or worker.connected:
                continue
            for meter in line.meters[:2]:
                probes += 1
                if probes > MAX_PROBES or len(pushed) > MAX_PROBES or self._stop.is_set():
                    return None, b""
                if bus.ask(meter.address, POWER_DOWNS, PROBE_S) is not None:
                    return worker, b"".join(pushed)
        return None, b""

    def _refuse(self, peer: str, said: bytes) -> None:
        self.counts["unknown"] += 1
        now_s = time.monotonic()
        if now_s >= self._told_s:
            self._told_s = now_s + _TELL_S
            log.warning("dlt645: nobody knows the DTU that dialled in from %s, saying %r", peer, said[:64])


def line_of(said: bytes, lines: Sequence[Line]) -> tuple[str, bytes] | None:
    """(line, what follows) of the line that these first bytes name; None where they name none."""
    for line in lines:
        behind = _behind(said, line.registration)
        if behind is not None:
            return line.name, behind
    speakers = {frame.address for frame in find_frames(said).frames if frame.is_answer}
    for line in lines:
        if speakers.intersection(meter.address for meter in line.meters):
            return line.name, said
    return None


def _behind(said: bytes, registration: bytes) -> bytes | None:
    if not registration:
        return None
    if not registration.isalnum():
        return said[len(registration) :] if said.startswith(registration) else None
    # DTU1 is not DTU10, and may stand inside other words of the packet.
    found = re.search(rb"(?<![0-9A-Za-z])" + re.escape(registration) + rb"(?![0-9A-Za-z])", said)
    return said[found.end() :] if found else None
