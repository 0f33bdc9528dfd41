"""Taking frames from an MQTT broker: durable session, spool, then acknowledge in the order of receipt.

One door is one session with its own thread and socket; all of its MQTT work happens in that thread. So a
message can only be acknowledged on the connection that brought it, and never before its group lies in the
spool. Back-pressure is the broker's window: what is not acknowledged is not followed by more.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from gateway.adapters.delivery.fault_points import fault_point
from gateway.adapters.mqtt.connection import BrokerAddress, Connection, ConnectionLost, Session
from gateway.adapters.mqtt.session_memory import SessionMemory
from gateway.adapters.threaded import Threaded
from gateway.backpressure import Pressure
from gateway.contract import state_grid
from gateway.contract.state_grid import Reply
from gateway.contract.topics import DLT645, EVENTS, HPLC, READINGS, ROOT, STATUS
from gateway.frames import Frame, Lane
from gateway.ports import Intake, SpoolUnavailable

__all__ = [
    "BULK_FILTERS", "EVENT_FILTERS", "BrokerAddress", "Connection", "ConnectionLost", "MqttDoor", "Session",
    "create_sessions", "sessions",
]  # fmt: skip

log = logging.getLogger(__name__)

OLDEST_UNACKNOWLEDGED_S: Final = 30.0
MAX_TO_SAY: Final = 1_000
_RETRY_S: Final = (0.2, 5.0)
_PRESSURE_S: Final = 1.0

EVENT_FILTERS: Final = (
    f"{ROOT}/+/{EVENTS}",
    f"{ROOT}/+/{STATUS}",
    f"{ROOT}/+/{HPLC}",
    *state_grid.EVENT_FILTERS,
)
BULK_FILTERS: Final = (f"{ROOT}/+/{READINGS}", f"{ROOT}/+/{DLT645}", *state_grid.BULK_FILTERS)


def sessions(secret: str) -> tuple[Session, Session]:
    """The two sessions of an installation: a flood of readings must not delay an event."""
    return (
        Session("events", f"gwe{secret}", EVENT_FILTERS, Lane.EVENTS),
        Session("bulk", f"gwb{secret}", BULK_FILTERS, Lane.BULK),
    )


class MqttDoor(Threaded):
    """``Door`` of one session kept open for ever: receive a group, spool it, acknowledge it, answer it."""

    def __init__(
        self,
        address: Callable[[], BrokerAddress],
        session: Session,
        intake: Intake,
        memory: SessionMemory | None = None,
        lane_of: Callable[[Frame], Lane] | None = None,
        reply: Callable[[Frame], Reply | None] | None = None,
    ) -> None:
        """``address`` is asked at each attempt; ``lane_of`` where one session carries several lanes;
        ``reply``: what the sender of a frame is told once it is on disk."""
        self.name = f"mqtt:{session.name}"
        self.required = not session.mute
        self.session_was_missing = False
        """The broker had lost (or never had) the session when we connected: frames may be missing."""
        self._trouble = "not connected yet"
        self._ready = threading.Event()
        self._counts = dict.fromkeys(("connections", "frames", "replies", "unsaid"), 0)
        self._address = address
        self._session = session
        self._intake = intake
        self._memory = memory
        self._lane_of = lane_of or (lambda _: session.lane)
        self._reply = reply
        self._to_say: deque[Reply] = deque(maxlen=MAX_TO_SAY)
        super().__init__(self.name)

    @property
    def ready(self) -> bool:
        """True while connected with all subscriptions granted."""
        return self._ready.is_set()

    @property
    def trouble(self) -> str:
        """Why it is not ready, or a session that the broker had lost."""
        if self._trouble or self._memory is None:
            return self._trouble
        return self._memory.alarm(self._session.name, _now_ms())

    def counters(self) -> Mapping[str, int]:
        """Connections, frames, replies, what could not be said; sessions lost since the beginning."""
        lost = self._memory.losses(self._session.name) if self._memory else 0
        return {**self._counts, "sessions_lost": lost}

    def say(self, topic: str, body: bytes) -> bool:
        """Publish soon, from the door's own thread; False where it cannot be said now."""
        if self._session.mute or not self.ready or len(self._to_say) >= MAX_TO_SAY:
            self._counts["unsaid"] += 1
            return False
        self._to_say.append(Reply(topic, body))
        return True

    def _run(self) -> None:
        wait_s = _RETRY_S[0]
        while not self._stop.is_set():
            try:
                self._serve()
            except (ConnectionLost, SpoolUnavailable) as problem:
                wait_s = _RETRY_S[0] if self._ready.is_set() else min(2 * wait_s, _RETRY_S[1])
                self._ready.clear()
                if self._trouble != str(problem):
                    log.warning("%s: %s", self.name, problem)
                self._trouble = str(problem)
                self._stop.wait(wait_s * random.uniform(0.5, 1.5))

    def _serve(self) -> None:
        self._hold_back()
        connection = Connection(self._address(), self._session)
        looked_s = time.monotonic()
        try:
            connection.open()
            while not self._stop.is_set():
                connection.receive(0.2)
                if connection.inbox:
                    self._keep(connection)
                if not self._ready.is_set() and connection.granted:
                    self._begin(connection)
                self._say(connection)
                if time.monotonic() - looked_s > _PRESSURE_S:
                    looked_s = time.monotonic()
                    self._hold_back()
        finally:
            connection.close()

    def _hold_back(self) -> None:
        """Readings are left to the broker's own queue while the disk is short: it is the larger one."""
        if self._session.lane is not Lane.EVENTS and self._intake.pressure() >= Pressure.HOLD_BULK:
            raise SpoolUnavailable("the disk is nearly full: readings wait at the broker")

    def _begin(self, connection: Connection) -> None:
        self.session_was_missing = not connection.session_present
        if self._memory is not None:
            self._memory.meet(self._session.name, present=connection.session_present, now_ms=_now_ms())
        self._trouble = ""
        self._counts["connections"] += 1
        self._ready.set()
        log.info("%s: connected, session present: %s", self.name, connection.session_present)

    def _keep(self, connection: Connection) -> None:
        began_s = time.monotonic()
        frames = [frame for _, _, frame in connection.inbox]
        fault_point("before_commit")
        self._take(frames)
        fault_point("before_puback")
        if time.monotonic() - began_s > OLDEST_UNACKNOWLEDGED_S:
            # The broker may have given up on this connection: let it deliver again, the ledger drops doubles.
            raise ConnectionLost("the spool took too long; starting a new connection")
        connection.acknowledge()
        self._counts["frames"] += len(frames)
        if self._reply is not None:
            self._to_say.extend(reply for frame in frames if (reply := self._reply(frame)))

    def _take(self, frames: list[Frame]) -> None:
        """All or, in effect, none: what was taken before a refusal comes again and is a duplicate."""
        by_lane: dict[Lane, list[Frame]] = {}
        for frame in frames:
            by_lane.setdefault(self._lane_of(frame), []).append(frame)
        for lane in Lane:
            if lane in by_lane:
                self._intake.take(lane, by_lane[lane])

    def _say(self, connection: Connection) -> None:
        while self._to_say and self._ready.is_set():
            saying = self._to_say.popleft()
            done = connection.say(saying.topic, saying.body)
            self._counts["replies" if done else "unsaid"] += 1


def create_sessions(address: BrokerAddress, wanted: tuple[Session, ...]) -> None:
    """Let the broker make the durable sessions, so that it keeps frames before anybody reads them."""
    for session in wanted:
        connection = Connection(address, session)
        try:
            connection.open()
            while not connection.granted:
                connection.receive(0.1)
        finally:
            connection.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
