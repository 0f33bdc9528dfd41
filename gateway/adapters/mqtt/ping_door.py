"""Reads wishes to ping, sends them, and tells the ledger who stayed silent, as frames like all others.

A wish that is under way when the process ends is read and asked again after the restart, unless it expired:
the position is kept before the oldest wish that is not done.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.adapters.threaded import Threaded
from gateway.codecs.pings import DUE, PING, SILENT, frame_of, name_of
from gateway.frames import Lane
from gateway.pings import Agenda, Limits, Open
from gateway.ports import Intake, PingSender, SpoolUnavailable
from geo.adapters.database import writing
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_tables import gateway_state, seen_frames
from telemetry.pings import LoggedWish
from telemetry.ports import PingWishes

log = logging.getLogger(__name__)

POLL_S: Final = 0.2
READ_EVIDENCE: Final = 2_000
GIVE_UP_MS: Final = 600_000
"""A drain that lies so far behind concludes nothing any more."""
_AWAY: Final = (SQLAlchemyError, sqlite.Error, OSError, SpoolUnavailable)


class PingDoor(Threaded):
    """``Door`` from which no device speaks: it brings the silence of those that were asked."""

    name = PING
    required = False

    def __init__(
        self,
        wishes: Mapping[str, PingWishes],
        sender: PingSender,
        intake: Intake,
        engine: Engine,
        limits: Limits,
    ) -> None:
        """``wishes``: by the name of the database they lie in; ``engine``: the gateway's."""
        self.trouble = ""
        self._wishes = wishes
        self._sender = sender
        self._intake = intake
        self._engine = engine
        self._evidence = SqlEvidenceLog(engine)
        self._agenda = Agenda(limits)
        self._heard_until: int | None = None
        self._due: dict[str, Open] = {}
        """Overdue wishes whose frame ``due`` is on its way to the ledger."""
        self._counts = dict.fromkeys(("asked", "silent", "unsent", "given_up"), 0)
        self._kept: dict[str, int] = {}
        super().__init__(PING)

    @property
    def ready(self) -> bool:
        """True while wishes can be read."""
        return self.alive and not self.trouble

    def counters(self) -> Mapping[str, int]:
        """Wishes asked, answered, silent, expired …; ``waiting`` and ``open`` now."""
        agenda = self._agenda
        return {
            **self._counts,
            "answered": agenda.answered,
            "expired": agenda.expired,
            "waiting": len(agenda.waiting),
            "open": len(agenda.open),
        }

    def _run(self) -> None:
        """What is still open when it is stopped is asked again by the next process."""
        while not self._stop.wait(POLL_S):
            try:
                self._step(_now_ms())
                self.trouble = ""
            except _AWAY as problem:
                if self.trouble != str(problem):
                    log.warning("pings: %s", problem)
                self.trouble = str(problem)

    def _step(self, now_ms: int) -> None:
        self._read_wishes()
        for source, logged in self._agenda.next(now_ms):
            self._ask(source, logged, now_ms)
        if self._agenda.open:
            self._hear()
            self._conclude(now_ms)
        else:
            self._heard_until = None
        self._keep_positions()

    def _read_wishes(self) -> None:
        for source, wishes in self._wishes.items():
            if source not in self._agenda.done_until:
                self._agenda.done_until[source] = self._kept_position(source)
            room = min(self._agenda.room(), 500)
            if room > 0:
                self._agenda.add(source, wishes.read(self._agenda.done_until[source], room))

    def _ask(self, source: str, logged: LoggedWish, now_ms: int) -> None:
        if self._heard_until is None:
            self._heard_until = self._evidence.newest_id()
        if not self._sender.send(logged.wish):
            self._counts["unsent"] += 1
            self._agenda.put_back(source, logged)
            return
        self._counts["asked"] += 1
        if self._sender.expects_answers:
            self._agenda.asked(source, logged, now_ms)

    def _hear(self) -> None:
        while rows := self._evidence.read(self._heard_until or 0, READ_EVIDENCE):
            self._heard_until = rows[-1].id
            self._agenda.hear([row.evidence for row in rows])
            if len(rows) < READ_EVIDENCE or self._stop.is_set():
                return

    def _conclude(self, now_ms: int) -> None:
        """First a frame that all earlier answers precede; once the ledger has it, who is left is silent."""
        passed = self._passed()
        for one in self._agenda.overdue(now_ms):
            key = one.wish.key
            if key not in self._due:
                self._intake.take(Lane.EVENTS, [frame_of(DUE, key, (), now_ms)])
                self._due[key] = one
            elif key in passed:
                self._intake.take(Lane.EVENTS, [frame_of(SILENT, key, sorted(one.left), now_ms)])
                self._counts["silent"] += 1
                self._end(key)
            elif now_ms - one.asked_ms > GIVE_UP_MS:
                self._counts["given_up"] += 1
                self._end(key)
        self._due = {key: one for key, one in self._due.items() if key in self._agenda.open}

    def _end(self, key: str) -> None:
        self._agenda.close(key)
        self._due.pop(key, None)

    def _passed(self) -> set[str]:
        """Wishes whose frame ``due`` the ledger has; what it had before was heard before this was asked."""
        if not self._due:
            return set()
        names = {name_of(DUE, key): key for key in list(self._due)[:500]}
        query = select(seen_frames.c.key).where(seen_frames.c.key.in_(list(names)))
        with self._engine.connect() as connection:
            passed = {names[name] for name in connection.scalars(query)}
        if passed:
            self._hear()
        return passed

    def _kept_position(self, source: str) -> int:
        query = select(gateway_state.c.value).where(gateway_state.c.name == _state_name(source))
        with self._engine.connect() as connection:
            kept = connection.scalar(query)
        self._kept[source] = int(kept or 0)
        return self._kept[source]

    def _keep_positions(self) -> None:
        for source in self._wishes:
            position = self._agenda.position(source)
            if position != self._kept.get(source):
                self._write_position(_state_name(source), position)
                self._kept[source] = position

    def _write_position(self, name: str, position: int) -> None:
        with writing(self._engine).begin() as connection:
            changed = connection.execute(
                update(gateway_state).where(gateway_state.c.name == name).values(value=position)
            ).rowcount
            if not changed:
                connection.execute(insert(gateway_state).values(name=name, value=position))


def _state_name(source: str) -> str:
    return f"{PING}.{source}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
