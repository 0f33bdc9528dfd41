"""A line of 645 meters with its thread: who is due is asked, what was said is spooled, who is dead waits.

A poll is done when its answers lie in the spool; a loss record counts as read only then.
"""

import logging
import queue
import random
import socket
import threading
import time
from typing import Final

from gateway.adapters.dlt645.bus import CONNECT_S, Answer, Bus, BusLost
from gateway.backpressure import Pressure
from gateway.codecs.dlt645 import DOOR, read_loss
from gateway.codecs.dlt645_frames import find_frames
from gateway.codecs.dlt645_items import POWER_DOWN_RECORDS, POWER_DOWNS
from gateway.dlt645 import (
    FIRST_CONTACT_MS,
    Line,
    Meter,
    MeterState,
    answered,
    failed,
    plan,
    records_to_read,
    refuse,
)
from gateway.frames import Frame, Lane
from gateway.ports import Intake, SpoolUnavailable

log = logging.getLogger(__name__)

BEAT_S: Final = 240.0
"""A line counts as lost when nothing was heard of it for two heart-beats of five minutes."""
MAX_WAITING_REPORTS: Final = 1_000
_RETRY_S: Final = (1.0, 30.0)
_LISTEN_S: Final = 0.2
_DEAF_TIMEOUTS: Final = 10
"""So many questions in a row without a byte: the connection is half open, or the DTU hangs."""


class LineWorker:
    """Keeps one line; ``attach`` hands over connections of a DTU that dials in."""

    def __init__(self, line: Line, intake: Intake) -> None:
        self.trouble = "not connected yet"
        self.connected = False
        self.counts = dict.fromkeys(
            ("polls", "unanswered", "refused", "reports", "records", "foreign", "noise", "connections"), 0
        )
        self._line = line
        self._intake = intake
        self._stop = threading.Event()
        self._states: dict[str, MeterState] = {}
        self._reports: list[bytes] = []
        self._beat_due_s = 0.0
        self._dialled: queue.Queue[tuple[socket.socket, bytes]] = queue.Queue(4)
        self._thread = threading.Thread(target=self._run, name=f"{DOOR}:{line.name}", daemon=True)
        self.configure(line)

    @property
    def line(self) -> Line:
        return self._line

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def configure(self, line: Line) -> None:
        """Put another version of the line's meters in force; those that stay keep what is known of them."""
        now_s = time.monotonic()
        known = self._states
        # Spread over the interval, so that a restart is no storm on a slow bus; the first at once.
        step_s = line.interval_s / max(1, len(line.meters))
        self._states = {
            meter.address: known.get(meter.address)
            or MeterState(due_s=now_s + min(place * step_s, 0.2 * place))
            for place, meter in enumerate(line.meters)
        }
        self._line = line

    def attach(self, connection: socket.socket, said: bytes) -> None:
        """A DTU of this line has dialled in; ``said`` came behind its registration. The newest one counts."""
        try:
            self._dialled.put_nowait((connection, said))
        except queue.Full:
            connection.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        while not self._dialled.empty():
            self._dialled.get_nowait()[0].close()

    def _run(self) -> None:
        wait_s = _RETRY_S[0]
        while not self._stop.is_set():
            try:
                bus = self._connect()
                wait_s = _RETRY_S[0]
                try:
                    self._serve(bus)
                finally:
                    self._let_go(bus)
            except BusLost as problem:
                self._tell(str(problem))
                if self._line.host and not self._stop.wait(wait_s * random.uniform(0.5, 1.5)):
                    wait_s = min(2 * wait_s, _RETRY_S[1])
            except queue.Empty:
                continue

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s:%s: %s", DOOR, self._line.name, trouble)
        self.trouble = trouble

    def _connect(self) -> Bus:
        line, said = self._line, b""
        if line.host:
            try:
                connection = socket.create_connection((line.host, line.port), CONNECT_S)
            except OSError as problem:
                raise BusLost(f"{line.host}:{line.port}: {problem}") from problem
        else:
            connection, said = self._dialled.get(timeout=_LISTEN_S)
        bus = Bus(connection, line.gap_s, self._hear_report, said)
        self.connected, self.trouble = True, ""
        self.counts["connections"] += 1
        return bus

    def _let_go(self, bus: Bus) -> None:
        self.connected = False
        self.counts["foreign"] += bus.foreign
        self.counts["noise"] += bus.noise
        bus.close()

    def _serve(self, bus: Bus) -> None:
        deaf = 0
        while not self._stop.is_set() and self._dialled.empty():
            try:
                self._hand_reports()
                self._beat()
                meter = self._next_due()
                if meter is None:
                    bus.listen(_LISTEN_S)
                else:
                    deaf = 0 if self._poll(bus, meter) else deaf + 1
                self.trouble = ""
            except SpoolUnavailable as problem:
                # The poll is not done: it is asked again; reports wait here.
                self._tell(str(problem))
                self._stop.wait(_RETRY_S[0])
            if deaf >= _DEAF_TIMEOUTS and deaf >= len(self._line.meters):
                raise BusLost(f"no meter has answered {deaf} polls in a row: a new connection")

    def _next_due(self) -> Meter | None:
        if self._intake.pressure() >= Pressure.HOLD_BULK:
            return None
        now_s = time.monotonic()
        states = self._states
        due = [
            meter
            for meter in self._line.meters
            if meter.address in states and states[meter.address].due_s <= now_s
        ]
        return min(due, key=lambda meter: states[meter.address].due_s, default=None)

    def _poll(self, bus: Bus, meter: Meter) -> bool:
        """One meter's turn; False when it gave no answer at all."""
        state = self._states.get(meter.address)
        if state is None:
            return True  # Taken out of the file this moment.
        self.counts["polls"] += 1
        received_ms = _now_ms()
        raw, losses, alive = self._ask_all(bus, meter, state)
        now_s = time.monotonic()
        if not alive:
            self.counts["unanswered"] += 1
            if failed(state, now_s):
                self._take(Lane.EVENTS, [Frame(self._topic(meter), b"", received_ms, self._door)])
            return False
        if raw:
            body = b"".join(raw)
            self._take(Lane.BULK, [Frame(self._topic(meter), body, received_ms, self._door)])
        answered(meter, self._line, state, now_s, self._intake.pressure())
        if losses is not None and losses != state.losses:
            self._read_losses(bus, meter, state, losses)
        return True

    def _ask_all(self, bus: Bus, meter: Meter, state: MeterState) -> tuple[list[bytes], int | None, bool]:
        """Raw answers, the count of supply losses if told, and whether the meter said anything."""
        raw: list[bytes] = []
        losses: int | None = None
        refusal: list[bytes] = []
        alive, missed = False, 0
        asked = plan(meter, self._line, state, time.monotonic())
        while asked and missed < 2:
            identifier = asked.pop(0)
            answer = self._ask(bus, meter, identifier, tries=self._line.tries if state.failures == 0 else 1)
            if answer is None:
                missed += 1
                if not alive:
                    break
                continue
            alive = True
            if answer.frame.refused:
                self.counts["refused"] += 1
                refusal = answer.raw
                asked[:0] = refuse(state, identifier, time.monotonic())
                continue
            raw.extend(answer.raw)
            if identifier == POWER_DOWNS:
                losses = _count(answer.frame.value)
        return raw or refusal, losses, alive

    def _ask(self, bus: Bus, meter: Meter, identifier: int, tries: int) -> Answer | None:
        for _ in range(tries):
            answer = bus.ask(meter.address, identifier, self._line.timeout_s)
            if answer is not None or self._stop.is_set():
                return answer
        return None

    def _read_losses(self, bus: Bus, meter: Meter, state: MeterState, count: int) -> None:
        """The newest loss records, as events; the count is remembered once they lie in the spool."""
        first_contact = state.losses is None
        raw: list[bytes] = []
        for identifier in POWER_DOWN_RECORDS[: records_to_read(state, count)]:
            answer = self._ask(bus, meter, identifier, self._line.tries)
            if answer is None:
                return
            if answer.frame.refused:
                break
            if first_contact and _is_history(answer):
                break
            raw.extend(answer.raw)
        if raw:
            self.counts["records"] += len(raw)
            frame = Frame(self._topic(meter), b"".join(raw), _now_ms(), self._door)
            self._take(Lane.EVENTS, [frame])
        state.losses = count

    def _beat(self) -> None:
        """Now and then, while connected: the line stands, whatever its meters say."""
        now_s = time.monotonic()
        if now_s >= self._beat_due_s:
            self._take(Lane.EVENTS, [Frame(f"{self._line.name}/", b"", _now_ms(), self._door)])
            self._beat_due_s = now_s + BEAT_S

    def _hear_report(self, raw: bytes) -> None:
        """A meter pushed this, perhaps amid our question to another: it does not wait for the answer."""
        if len(self._reports) >= MAX_WAITING_REPORTS:
            raise BusLost(f"{MAX_WAITING_REPORTS} active reports wait for the spool: no more is read")
        self._reports.append(raw)
        self._hand_reports()

    def _hand_reports(self) -> None:
        """Spool what meters pushed; whoever reports is asked next, for its loss records."""
        if not self._reports:
            return
        waiting = tuple(self._reports)
        frames = [Frame(f"{self._line.name}/", raw, _now_ms(), self._door) for raw in waiting]
        self._take(Lane.EVENTS, frames)
        self.counts["reports"] += len(waiting)
        del self._reports[: len(waiting)]
        for frame in find_frames(b"".join(waiting)).frames:
            state = self._states.get(frame.address)
            if state is not None:
                state.due_s = min(state.due_s, time.monotonic())

    def _take(self, lane: Lane, frames: list[Frame]) -> None:
        self._intake.take(lane, frames)

    def _topic(self, meter: Meter) -> str:
        return f"{self._line.name}/{meter.address}"

    @property
    def _door(self) -> str:
        return f"{DOOR}:{self._line.name}"


def _count(value: bytes) -> int | None:
    digits = value[:3][::-1].hex()
    return int(digits) if len(digits) == 6 and digits.isdecimal() else None


def _is_history(answer: Answer) -> bool:
    loss = read_loss(answer.frame.value)
    return (
        loss is None
        or isinstance(loss, str)
        or (loss.ended_ms or loss.began_ms) < _now_ms() - FIRST_CONTACT_MS
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
