"""The gateway's ledger on SQLite or PostgreSQL: what frames said, once in effect, in one transaction."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, delete, select

from gateway.adapters.delivery.turns import Turns
from gateway.adapters.ledger import certificates, security_log
from gateway.adapters.ledger import dead_letters as dead_letter_ledger
from gateway.adapters.ledger.arrivals import note_arrivals
from gateway.adapters.ledger.dead_letters import Letter
from gateway.adapters.ledger.devices import DeviceLedger
from gateway.adapters.ledger.gauges import put
from gateway.adapters.ledger.gauges import read as _state
from gateway.frames import Lane
from gateway.ingest import Balance, Entry, Sorted, sort_out, with_repeated
from geo.adapters.database import lock_log, writing
from geo.adapters.many_rows import insert_many, rows_named
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_tables import seen_frames
from telemetry.evidence import Evidence, EvidenceKind

log = logging.getLogger(__name__)

_NAMED: Final = ("key", "received_ms")
REGISTRY: Final = "registry"
HOUSEKEEPING_MS: Final = 600_000


class SqlLedger:
    """``Ledger`` on the gateway's database. One process writes; its threads take turns."""

    def __init__(self, engine: Engine, code_version: str, devices: DeviceLedger | None = None) -> None:
        """``code_version`` is noted with dead letters, which may be tried again by a later one."""
        self._engine = engine
        self._code_version = code_version
        self._evidence = SqlEvidenceLog(engine)
        self._devices = devices or DeviceLedger()
        self._house_kept_ms = 0
        self._turns = Turns()
        self._burials = dead_letter_ledger.Burials()

    def cursor(self, lane: Lane) -> int:
        """Position in the lane's spool up to which everything is committed."""
        with self._engine.connect() as connection:
            return _state(connection).get(f"cursor.{lane}", 0)

    def online(self) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since."""
        with self._engine.connect() as connection:
            return self._devices.online(connection)

    def screen(self, lane: Lane, entries: Sequence[Entry]) -> list[Entry]:
        """Frames of terminals that are not believed become dead letters; the others' readings get doubts.

        Those of which an earlier copy is settled are marked.
        """
        with self._turns.take(urgent=lane is Lane.EVENTS), self._engine.connect() as connection:
            screened = self._devices.screen(connection, lane, entries)
            return with_repeated(screened, _seen(connection, screened))

    def commit(self, lane: Lane, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        """Write what the frames said and move the lane's cursor, all or none; repeated frames only count."""
        with self._turns.take(urgent=lane is Lane.EVENTS):
            try:
                return self._commit(lane, entries, cursor, pending)
            except BaseException:
                self._devices.forget()
                raise

    def _commit(self, lane: Lane, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        with writing(self._engine).begin() as connection:
            lock_log(connection, "gateway")
            result = sort_out(entries, _seen(connection, entries))
            self._evidence.append_within(
                connection, [fact for entry in result.stored for fact in entry.decoded.evidence]
            )
            _remember(connection, (*result.stored, *result.dead))
            dead_letter_ledger.bury(connection, result.dead, self._code_version)
            parts = dead_letter_ledger.bury_parts(connection, result.stored, self._code_version)
            self._devices.register(connection, result.stored, result.dead)
            note_arrivals(
                connection, self._devices.places, result.stored, result.dead, _repeated(entries, result)
            )
            security_log.record(connection, (*result.stored, *result.dead))
            self._keep_house(connection, max((entry.received_ms for entry in entries), default=0))
            places = {f"cursor.{lane}": cursor, f"pending.{lane}": pending}
            broken = _count(connection, result, len(entries), parts, places)
        if broken:
            log.error("conservation is broken: %s", broken)
        self._burials.tell(result)
        return result

    def _keep_house(self, connection: Connection, now_ms: int) -> None:
        """Now and then: what certificates are worth changes with time alone."""
        if now_ms - self._house_kept_ms < HOUSEKEEPING_MS:
            return
        self._house_kept_ms = now_ms
        certificates.show_in_registry(connection, now_ms)
        security_log.forget(connection, now_ms)

    def report_silent(self, terminals: Sequence[str], now_ms: int) -> None:
        """These are overdue: evidence ``silent`` for each, and offline in the registry."""
        with self._turns.take(), writing(self._engine).begin() as connection:
            lost = self._devices.lose(connection, terminals)
            facts = [_silent(terminal, last_seen_ms, now_ms) for terminal, last_seen_ms in lost]
            self._evidence.append_within(connection, facts)

    def announce(self, entries: Sequence[Entry]) -> None:
        """Write the evidence alone, ahead of the readings; the commit of these frames finds it there."""
        with self._turns.take(urgent=True), writing(self._engine).begin() as connection:
            lock_log(connection, "gateway")
            facts = [fact for entry in entries if not entry.problem for fact in entry.decoded.evidence]
            self._evidence.append_within(connection, facts)

    def note(self, values: Mapping[str, int]) -> None:
        """Put down gauges beside the counters."""
        with self._turns.take(), writing(self._engine).begin() as connection:
            put(connection, values)

    def state(self) -> dict[str, int]:
        """Counters, cursors and gauges by name."""
        with self._engine.connect() as connection:
            return _state(connection)

    def asked_again(self, limit: int) -> tuple[Letter, ...]:
        """Dead letters that somebody wants to be tried again."""
        with self._engine.connect() as connection:
            return dead_letter_ledger.asked_for(connection, limit)

    def settle(self, letter: Letter, entry: Entry) -> None:
        """A dead letter was tried again: it leaves the dead with what it said, or gets its new problem."""
        with self._turns.take(), writing(self._engine).begin() as connection:
            lock_log(connection, "gateway")
            problem = entry.problem or "; ".join(entry.refused)
            if problem:
                dead_letter_ledger.note_problem(connection, letter, problem, self._code_version)
            elif dead_letter_ledger.take_out(connection, letter):
                self._revive(connection, letter, entry)

    def _revive(self, connection: Connection, letter: Letter, entry: Entry) -> None:
        state = _state(connection)
        if letter.is_part:
            put(connection, {"dead_parts": state["dead_parts"] - 1}, state)
            return
        # Its name as a dead letter is known already; a good copy may have come meanwhile under its own name.
        own = _seen(connection, [entry]) if entry.names()[0] != letter.key else {}
        result = sort_out([entry], own)
        self._evidence.append_within(
            connection, [fact for kept in result.stored for fact in kept.decoded.evidence]
        )
        if entry.names()[0] != letter.key:
            _remember(connection, result.stored)
        self._devices.register(connection, result.stored, ())
        repeated = _repeated([entry], result)
        note_arrivals(connection, self._devices.places, result.stored, (), repeated, revived=[entry])
        moved = {"dead": -1, "stored": len(result.stored), "duplicate": result.duplicate, "replayed": 1}
        put(connection, {name: state.get(name, 0) + more for name, more in moved.items()}, state)

    def forget_seen(self, before_ms: int, limit: int = 50_000) -> int:
        """Forget names of up to ``limit`` frames received before; how many."""
        oldest = select(seen_frames.c.key).where(seen_frames.c.received_ms < before_ms).limit(limit)
        with self._turns.take(), writing(self._engine).begin() as connection:
            return connection.execute(delete(seen_frames).where(seen_frames.c.key.in_(oldest))).rowcount

    def forget_dead(self, before_ms: int, limit: int = 1_000) -> int:
        """Let go of up to ``limit`` dead letters received before; how many."""
        with self._turns.take(), writing(self._engine).begin() as connection:
            whole, parts = dead_letter_ledger.forget(connection, before_ms, limit)
            if whole or parts:
                state = _state(connection)
                moved = {"dead_forgotten": whole, "dead_parts": -parts}
                put(connection, {name: state.get(name, 0) + more for name, more in moved.items()}, state)
        return whole + parts

    def audit(self) -> str:
        """What of the counters disagrees with itself or with the dead letters that lie there; or nothing."""
        with self._turns.take(), self._engine.begin() as connection:
            self._burials.rest()
            state, letters = _state(connection), dead_letter_ledger.count(connection)
        expected = state.get("dead", 0) - state.get("dead_forgotten", 0) + state.get("dead_parts", 0)
        broken = _balance(state).broken()
        if expected != letters:
            broken = f"{broken}; {expected} dead letters counted, {letters} kept".removeprefix("; ")
        if broken:
            log.error("conservation is broken: %s", broken)
        return broken


def _silent(terminal: str, last_seen_ms: int, now_ms: int) -> Evidence:
    return Evidence(
        kind=EvidenceKind.SILENT,
        at_ms=now_ms,
        received_ms=now_ms,
        source=REGISTRY,
        devices=(terminal,),
        key=f"{REGISTRY}/{terminal}/{last_seen_ms}/{EvidenceKind.SILENT}",
    )


def _repeated(entries: Sequence[Entry], result: Sorted) -> list[Entry]:
    if not result.duplicate:
        return []
    new = {id(entry) for entry in (*result.stored, *result.dead)}
    return [entry for entry in entries if id(entry) not in new]


def _seen(connection: Connection, entries: Sequence[Entry]) -> Mapping[str, int]:
    names = [name for entry in entries for name in entry.names()]
    return {key: int(received_ms) for key, received_ms in rows_named(connection, seen_frames, _NAMED, names)}


def _remember(connection: Connection, entries: Iterable[Entry]) -> None:
    rows = [(entry.names()[0], entry.received_ms) for entry in entries]
    insert_many(connection, seen_frames, _NAMED, rows)


def _count(connection: Connection, result: Sorted, received: int, parts: int, places: dict[str, int]) -> str:
    """Count this group and put down the lane's places; what does not balance, or nothing."""
    state = _state(connection)
    added = {
        "received": received,
        "duplicate": result.duplicate,
        "stored": len(result.stored),
        "dead": len(result.dead),
        "dead_parts": parts,
        "problems": sum(len(entry.decoded.problems) for entry in result.stored),
        "partial": sum(bool(entry.decoded.problems) for entry in result.stored),
    }
    after = {name: state.get(name, 0) + more for name, more in added.items()}
    broken = _balance(after).broken()
    put(connection, after | {"conservation_broken": int(bool(broken))} | places, state)
    return broken


def _balance(state: Mapping[str, int]) -> Balance:
    return Balance(*(state.get(name, 0) for name in ("received", "duplicate", "stored", "dead")))
