"""The port that DL/T 698.45 terminals dial: log in, heart-beats, reports. One thread for all connections.

What arrives in one round of the sockets is spooled together, then answered: a terminal that gets no answer
sends again. Nothing is ever asked of a terminal here, and nothing set.
"""

import logging
import select
import socket
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.adapters.dlt645.bus import prepare
from gateway.adapters.site_files import POLL_S, SiteFiles
from gateway.adapters.threaded import Threaded
from gateway.codecs.dlt698 import DOOR, LONGEST_FRAME, Call, answer_to, find_frames, read_call
from gateway.frames import Frame, Lane
from gateway.ports import Intake, SpoolUnavailable
from gateway.site_toml import SiteFileRefused, read_toml

log = logging.getLogger(__name__)

IDLE_S: Final = 1_000.0
"""Three heart-beats of the usual 300 s and a little: who is silent longer is gone."""
MAX_NOISE_BYTES: Final = 65_536
"""What one connection may send without a single frame before it is closed."""
MAX_ROUND_BYTES: Final = 16_384
_WAIT_MS: Final = 200


class Listen698(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of ``connections/`` with ``kind = "dlt698_listen"``."""

    kind: Literal["dlt698_listen"]
    port: int
    host: str = "127.0.0.1"
    enabled: bool = True
    max_connections: int = 2_000


def read_listen(_name: str, text: str) -> Listen698 | None:
    """The file, or None where it is another door's or switched off; raises SiteFileRefused."""
    try:
        kind = tomllib.loads(text).get("kind")
    except tomllib.TOMLDecodeError as problem:
        raise SiteFileRefused(f"not TOML: {problem}") from problem
    if kind != "dlt698_listen":
        return None
    file = read_toml(text, Listen698)
    if not 0 <= file.port <= 65_535:
        raise SiteFileRefused(f"port: expected 0 to 65535, found {file.port}")
    if not 0 < file.max_connections <= 50_000:
        raise SiteFileRefused(f"max_connections: expected 1 to 50000, found {file.max_connections}")
    return file if file.enabled else None


@dataclass(slots=True)
class _Terminal:
    connection: socket.socket
    heard_s: float
    buffer: bytes = b""
    noise: int = 0


class _Port:
    """One listening socket and the connections that came by it."""

    def __init__(self, name: str, file: Listen698, intake: Intake, counts: Counter[str]) -> None:
        self.file = file
        self.server = socket.create_server((file.host, file.port), backlog=256)
        self.server.setblocking(False)
        self.terminals: dict[int, _Terminal] = {}
        self._door = f"{DOOR}:{name}"
        self._intake = intake
        self._counts = counts
        self._poller = select.poll()
        self._poller.register(self.server, select.POLLIN)

    def turn(self) -> None:
        """One round: take what has arrived, spool it, answer it."""
        now_s = time.monotonic()
        calls: list[tuple[_Terminal, bytes, Call]] = []
        for number, _ in self._poller.poll(_WAIT_MS):
            if number == self.server.fileno():
                self._accept(now_s)
            elif number in self.terminals:
                calls.extend(self._read(self.terminals[number], now_s))
        self._keep(calls)
        for terminal in list(self.terminals.values()):
            if now_s - terminal.heard_s > IDLE_S:
                self._drop(terminal)

    def close(self) -> None:
        self.server.close()
        for terminal in list(self.terminals.values()):
            self._drop(terminal)

    def _accept(self, now_s: float) -> None:
        try:
            connection, _ = self.server.accept()
        except OSError:
            return
        if len(self.terminals) >= self.file.max_connections:
            self._counts["over_limit"] += 1
            connection.close()
            return
        prepare(connection)
        connection.setblocking(False)
        self.terminals[connection.fileno()] = _Terminal(connection, now_s)
        self._poller.register(connection, select.POLLIN)
        self._counts["dialled"] += 1

    def _read(self, terminal: _Terminal, now_s: float) -> list[tuple[_Terminal, bytes, Call]]:
        try:
            chunk = terminal.connection.recv(MAX_ROUND_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(terminal)
            return []
        raws, rest, skipped = find_frames(terminal.buffer + chunk)
        terminal.buffer = rest[-2 * LONGEST_FRAME :]
        terminal.noise = 0 if raws else terminal.noise + len(chunk)
        self._counts["noise"] += skipped
        if terminal.noise > MAX_NOISE_BYTES:
            self._drop(terminal)
        if raws:
            terminal.heard_s = now_s
        return [(terminal, raw, call) for raw in raws if (call := self._call(raw)) is not None]

    def _call(self, raw: bytes) -> Call | None:
        call = read_call(raw)
        if isinstance(call, Call):
            return call
        self._counts["refused"] += 1
        log.debug("%s: %s", self._door, call)
        return None

    def _keep(self, calls: list[tuple[_Terminal, bytes, Call]]) -> None:
        received_ms = _now_ms()
        try:
            for lane, urgent in ((Lane.EVENTS, True), (Lane.BULK, False)):
                group = [entry for entry in calls if entry[2].urgent is urgent]
                if group:
                    frames = [Frame(call.terminal, raw, received_ms, self._door) for _, raw, call in group]
                    self._intake.take(lane, frames)
                    self._answer(group, received_ms)
        except SpoolUnavailable as problem:
            log.warning("%s: %s", self._door, problem)
            for terminal, _, _ in calls:
                self._drop(terminal)

    def _answer(self, group: list[tuple[_Terminal, bytes, Call]], received_ms: int) -> None:
        self._counts["frames"] += len(group)
        for terminal, _, call in group:
            try:
                terminal.connection.send(answer_to(call, received_ms, _now_ms()))
            except OSError:  # It does not read, or is gone: it will say it again.
                self._drop(terminal)

    def _drop(self, terminal: _Terminal) -> None:
        number = terminal.connection.fileno()
        if self.terminals.pop(number, None) is not None:
            self._poller.unregister(number)
            terminal.connection.close()


class Dlt698Door(Threaded):
    """``Door`` over the files of ``folder`` whose kind is ``dlt698_listen``; off while there is none."""

    name = DOOR
    required = False

    def __init__(self, folder: Path, intake: Intake) -> None:
        self._files: SiteFiles[Listen698 | None] = SiteFiles(folder, read_listen)
        self._intake = intake
        self._ports: dict[str, _Port] = {}
        self._closed: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        super().__init__(DOOR)

    @property
    def ready(self) -> bool:
        """True while it listens anywhere."""
        return bool(self._ports)

    @property
    def trouble(self) -> str:
        """Files refused and ports that do not open."""
        return "; ".join([*self._files.refused.values(), *self._closed.values()][:3])

    def counters(self) -> Mapping[str, int]:
        """Connections made, refused frames, noise; terminals connected now."""
        return self._counts | {"terminals": sum(len(port.terminals) for port in list(self._ports.values()))}

    def ports(self) -> Mapping[str, int]:
        """Where it listens, by the file's name."""
        return {name: int(port.server.getsockname()[1]) for name, port in list(self._ports.items())}

    def _run(self) -> None:
        look_at_s = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= look_at_s:
                look_at_s = time.monotonic() + POLL_S
                self._look()
            for port in list(self._ports.values()):
                port.turn()
            if not self._ports:
                self._stop.wait(POLL_S)
        for port in self._ports.values():
            port.close()

    def _look(self) -> None:
        for reason in self._files.poll().refused.values():
            log.warning("%s: %s", DOOR, reason)
        wanted = {name: file for name, file in self._files.current.items() if file is not None}
        for name in [name for name, port in self._ports.items() if wanted.get(name) != port.file]:
            self._ports.pop(name).close()
        self._closed = {}
        for name, file in wanted.items():
            if name not in self._ports:
                try:
                    self._ports[name] = _Port(name, file, self._intake, self._counts)
                except OSError as problem:
                    self._closed[name] = f"{file.host}:{file.port}: {problem}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
