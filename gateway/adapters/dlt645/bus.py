"""A half-duplex bus of 645 meters over TCP: one request at a time, answers told apart by content.

An answer is taken only if meter, operation and identifier are those of the request: what comes late belongs
to no other question. What meters push by themselves (active reports) may come at any time and is handed on.
"""

import contextlib
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.codecs.dlt645 import MAX_FOLLOW_UPS
from gateway.codecs.dlt645_frames import (
    LONGEST_FRAME,
    Control,
    MeterFrame,
    build_read,
    build_read_next,
    find_frames,
)

CONNECT_S: Final = 10.0
LOST_AFTER_MS: Final = 20_000
"""Unacknowledged bytes after which the kernel gives a half-open connection up."""
_CHUNK: Final = 4_096


class BusLost(RuntimeError):
    """The connection to the DTU broke, or was never made."""


@dataclass(slots=True)
class Answer:
    """What a meter answered to one question; ``raw`` holds follow-up frames too."""

    frame: MeterFrame
    raw: list[bytes] = field(default_factory=list)


class Bus:
    """Owns the socket; used by one thread."""

    def __init__(
        self, connection: socket.socket, gap_s: float, pushed: Callable[[bytes], None], said: bytes = b""
    ) -> None:
        """``pushed`` gets each frame that a meter sent by itself; ``said``: what was received before."""
        self.requests = 0
        self.timeouts = 0
        self.foreign = 0
        """Whole frames that were neither asked for nor an active report: late, or of another master."""
        self.noise = 0
        """Bytes that belong to no frame."""
        self._connection = connection
        self._gap_s = gap_s
        self._pushed = pushed
        self._owed: Counter[str] = Counter()
        """Answers that did not come in time, by meter: a refusal names no identifier and may be one."""
        self._buffer = said[-_CHUNK:]
        self._last_raw = b""
        self._poller = select.poll()
        self._poller.register(connection, select.POLLIN)
        self._quiet_since_s = 0.0
        prepare(connection)

    def ask(self, address: str, identifier: int, timeout_s: float) -> Answer | None:
        """Read one identifier with all its follow-up frames; None when the meter does not answer in time."""
        answer = self._exchange(build_read(address, identifier), address, Control.READ, identifier, timeout_s)
        if answer is None:
            return None
        whole = Answer(answer, [self._last_raw])
        more, sequence = answer.has_more and not answer.refused, 0
        while more and sequence < MAX_FOLLOW_UPS:
            sequence += 1
            request = build_read_next(address, identifier, sequence)
            follow = self._exchange(request, address, Control.READ_NEXT, identifier, timeout_s)
            if follow is None or follow.refused:
                return None
            whole.raw.append(self._last_raw)
            more = follow.has_more
        return whole

    def listen(self, wait_s: float) -> None:
        """Take what comes unasked for so long; raises BusLost."""
        self._receive(wait_s)
        for frame, raw in self._take_frames():
            self._unasked(frame, raw)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()

    def _exchange(
        self, request: bytes, address: str, operation: int, identifier: int, timeout_s: float
    ) -> MeterFrame | None:
        self.listen(0)
        self._keep_gap()
        self.requests += 1
        try:
            self._connection.sendall(request)
        except OSError as problem:
            raise BusLost(f"connection lost: {problem}") from problem
        deadline_s = time.monotonic() + timeout_s
        found: MeterFrame | None = None
        doubtful = False
        while found is None and (left_s := deadline_s - time.monotonic()) > 0:
            self._receive(left_s)
            for frame, raw in self._take_frames():
                if found is None and _answers(frame, address, operation, identifier):
                    if frame.refused and self._owed[address]:
                        self._owed[address] -= 1
                        doubtful = True
                    else:
                        found, self._last_raw = frame, raw
                else:
                    self._unasked(frame, raw)
        self.timeouts += found is None
        # What was taken for the answer to an earlier question was perhaps the one to this: nothing is owed.
        self._owed[address] += found is None and not doubtful
        return found

    def _keep_gap(self) -> None:
        """A bus of 2400 baud and slow meters needs silence between an answer and the next question."""
        wait_s = self._quiet_since_s + self._gap_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)

    def _receive(self, wait_s: float) -> None:
        try:
            if not self._poller.poll(max(0.0, wait_s) * 1000):
                return
            chunk = self._connection.recv(_CHUNK)
        except (OSError, ValueError) as problem:
            raise BusLost(f"connection lost: {problem}") from problem
        if not chunk:
            raise BusLost("the other side closed the connection")
        self._quiet_since_s = time.monotonic()
        self._buffer += chunk

    def _take_frames(self) -> list[tuple[MeterFrame, bytes]]:
        found = find_frames(self._buffer)
        self._buffer = found.rest[-LONGEST_FRAME:]
        self.noise += found.skipped
        return list(zip(found.frames, found.raw, strict=True))

    def _unasked(self, frame: MeterFrame, raw: bytes) -> None:
        if is_report(frame):
            self._pushed(raw)
            return
        self.foreign += 1
        if self._owed[frame.address]:
            self._owed[frame.address] -= 1


def _answers(frame: MeterFrame, address: str, operation: int, identifier: int) -> bool:
    if not frame.is_answer or frame.address != address or frame.operation != operation:
        return False
    return frame.refused or frame.identifier == identifier


def is_report(frame: MeterFrame) -> bool:
    """True for what a meter pushed by itself: its status word with control code 86h."""
    return frame.is_answer and frame.operation == Control.REPORT


def prepare(connection: socket.socket) -> None:
    """Options of a connection over a mobile network that may vanish without a word."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_AFTER_MS)
    connection.settimeout(CONNECT_S)
