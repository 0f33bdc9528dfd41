"""Devices as the ledger's transaction writes them: who was heard, who is lost, whose meters are whose.

What it remembers of the tables spares a query per frame; after a failed transaction ``forget`` it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.adapters.ledger.meter_places import MeterPlaces
from gateway.adapters.mqtt import heard_doors
from gateway.frames import Lane
from gateway.ingest import Entry
from gateway.quality import Doubts
from gateway.registry import ApproveRule, first_approval, held_back
from telemetry.adapters.device_records import DECISIONS, ask_again
from telemetry.adapters.gateway_tables import dead_letters, devices, gateway_state
from telemetry.devices import HELD_BACK, Approval, DeviceKind, DeviceNote, LostBy

log = logging.getLogger(__name__)

MAX_KNOWN: Final = 200_000
_NAMES_PER_QUERY: Final = 500
_OFFSET_STEP_MS: Final = 1_000
_SAID: Final = ("parent", "model", "maker", "firmware", "foreign_id")


@dataclass(slots=True)
class _Heard:
    """What a group of frames tells of one terminal."""

    first_ms: int
    last_ms: int
    online: bool
    door: str


@dataclass(slots=True)
class DeviceLedger:
    """The tables of devices, within the caller's transactions."""

    rule: ApproveRule = "all"
    is_listed: Callable[[str], bool] = lambda _: False
    """Whether the network in force has a terminal or meter of that id."""
    doubts: Doubts = field(default_factory=lambda: Doubts(late_after_ms=900_000))
    places: MeterPlaces = field(default_factory=MeterPlaces)
    _approvals: dict[str, Approval] = field(default_factory=dict)
    _decisions: int = -1
    _notes: dict[str, DeviceNote] = field(default_factory=dict)
    _offsets: dict[str, int] = field(default_factory=dict)

    def forget(self) -> None:
        """After a rollback: the tables are the truth."""
        self._approvals.clear()
        self._notes.clear()
        self._offsets.clear()
        self.places.forget()

    def screen(self, connection: Connection, lane: Lane, entries: Sequence[Entry]) -> list[Entry]:
        """Frames of terminals that are not believed become dead letters; the others' readings get doubts."""
        self._recall(connection, {entry.decoded.terminal for entry in entries if not entry.problem})
        return [self._screened(lane, entry) for entry in entries]

    def _screened(self, lane: Lane, entry: Entry) -> Entry:
        decoded = entry.decoded
        if entry.problem or not decoded.terminal:
            return entry
        reason = held_back(decoded.terminal, self._approvals[decoded.terminal])
        if reason:
            return replace(entry, decoded=replace(decoded, refusal=reason))
        at_ms = _live_ms(entry)
        if lane is not Lane.BACKFILL and at_ms is not None:
            self.doubts.heard(decoded.terminal, at_ms, entry.received_ms)
        batches = tuple([self.doubts.marked(batch) for batch in decoded.batches])
        if all(map(is_, batches, decoded.batches)):
            return entry
        return Entry(entry.spooled, decoded.with_batches(batches), entry.refused)

    def _recall(self, connection: Connection, terminals: set[str]) -> None:
        """Know the approval of these terminals; what a person decided meanwhile is seen here."""
        query = select(gateway_state.c.value).where(gateway_state.c.name == DECISIONS)
        decisions = int(connection.scalar(query) or 0)
        if decisions != self._decisions or len(self._approvals) > MAX_KNOWN:
            self._decisions = decisions
            self._approvals.clear()
        # Who waits for approval is looked up each time: a network that lists it may be in force by now.
        unknown = [name for name in terminals if self._approvals.get(name) in {None, Approval.PENDING}]
        columns = (devices.c.device, devices.c.approval)
        stored = {row.device: Approval(row.approval) for row in _rows(connection, columns, unknown)}
        for name in unknown:
            known = stored.get(name, Approval.PENDING)
            self._approvals[name] = self._first(name)[0] if known is Approval.PENDING else known

    def _first(self, terminal: str) -> tuple[Approval, str]:
        return first_approval(self.rule, listed=self.rule == "listed" and self.is_listed(terminal))

    def online(self, connection: Connection) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since, by id."""
        query = select(devices.c.device).where(devices.c.kind == DeviceKind.TERMINAL, devices.c.online)
        return tuple(connection.scalars(query.order_by(devices.c.device)))

    def lose(self, connection: Connection, terminals: Sequence[str]) -> list[tuple[str, int]]:
        """These are overdue and now offline; (terminal, when it was last heard) of those that are known.

        Not those behind an observed broker that is away: their silence is not their own.
        """
        columns = (devices.c.device, devices.c.last_seen_ms, devices.c.door)
        listening = heard_doors.listening(connection)
        lost = [
            (row.device, int(row.last_seen_ms))
            for row in _rows(connection, columns, list(terminals))
            if heard_doors.is_heard(row.door, listening)
        ]
        if lost:
            rows = [{"name": name, "online": False, "lost_by": LostBy.OVERDUE.value} for name, _ in lost]
            connection.execute(update(devices).where(devices.c.device == bindparam("name")), rows)
        return sorted(lost)

    def register(self, connection: Connection, taken: Sequence[Entry], dead: Sequence[Entry]) -> None:
        """Note who was heard in frames that were taken, and who spoke and is not believed."""
        held = [entry for entry in dead if entry.decoded.refusal.startswith(HELD_BACK)]
        heard = _heard((*taken, *held))
        columns = (devices.c.device, devices.c.approval)
        known = {row.device: Approval(row.approval) for row in _rows(connection, columns, list(heard))}
        self._note_terminals(connection, heard, known)
        self._believe_by_rule(connection, heard, known)
        _release(connection, held, known)
        self._note_said(connection, [note for entry in taken for note in entry.decoded.devices], heard)
        self._note_offsets(connection, {entry.decoded.terminal for entry in taken})

    def _believe_by_rule(
        self, connection: Connection, heard: Mapping[str, _Heard], known: Mapping[str, Approval]
    ) -> None:
        """Terminals that waited and are listed by now: what was held back of them comes again."""
        for name, approval in known.items():
            if approval is Approval.PENDING and self._approvals.get(name) is Approval.APPROVED:
                said = {"approval": Approval.APPROVED.value, "decided_by": f"rule: {self.rule}"}
                connection.execute(update(devices).where(devices.c.device == name).values(said))
                ask_again(connection, name, heard[name].last_ms)

    def _note_terminals(
        self, connection: Connection, heard: Mapping[str, _Heard], known: Mapping[str, Approval]
    ) -> None:
        fresh = [self._new_terminal(name, state) for name, state in heard.items() if name not in known]
        if fresh:
            connection.execute(insert(devices), fresh)
            _tell_first_contact(fresh)
        again = [
            {
                "name": name,
                "newest": state.last_ms,
                "last_seen_ms": state.last_ms,
                "online": state.online,
                "lost_by": (LostBy.NOTHING if state.online else LostBy.WILL).value,
                "door": state.door,
            }
            for name, state in heard.items()
            if name in known
        ]
        if again:
            # What waited in a slower lane tells nothing newer than what is already known.
            newer = (devices.c.device == bindparam("name"), devices.c.last_seen_ms <= bindparam("newest"))
            connection.execute(update(devices).where(*newer), again)

    def _new_terminal(self, terminal: str, state: _Heard) -> dict[str, Any]:
        approval, decided_by = self._first(terminal)
        return _row(
            terminal,
            DeviceKind.TERMINAL,
            approval=approval.value,
            decided_by=decided_by,
            online=state.online,
            lost_by="" if state.online else LostBy.WILL.value,
            first_seen_ms=state.first_ms,
            last_seen_ms=state.last_ms,
            door=state.door,
        )

    def _note_said(
        self, connection: Connection, notes: Iterable[DeviceNote], heard: Mapping[str, _Heard]
    ) -> None:
        """What frames told of devices themselves, where it is news."""
        news: dict[str, DeviceNote] = {}
        for note in notes:
            before = self._notes.get(note.device)
            after = _laid_over(note, news.get(note.device, before))
            if after != before:
                news[note.device] = after
        if not news:
            return
        now_ms = max(state.last_ms for state in heard.values())
        known = {row.device for row in _rows(connection, (devices.c.device,), list(news))}
        fresh = [_noted(note, now_ms) for name, note in news.items() if name not in known]
        if fresh:
            connection.execute(insert(devices), fresh)
        for name in known:
            if said := _said(news[name]):
                connection.execute(update(devices).where(devices.c.device == name).values(said))
        if len(self._notes) > MAX_KNOWN:
            self._notes.clear()
        self._notes.update(news)

    def _note_offsets(self, connection: Connection, terminals: set[str]) -> None:
        moved = {
            name: offset_ms
            for name in terminals
            if (offset_ms := self.doubts.offset_ms(name)) is not None
            and abs(offset_ms - self._offsets.get(name, 2**62)) >= _OFFSET_STEP_MS
        }
        if moved:
            rows = [{"name": name, "clock_offset_ms": offset_ms} for name, offset_ms in moved.items()]
            connection.execute(update(devices).where(devices.c.device == bindparam("name")), rows)
            self._offsets.update(moved)


def _heard(entries: Iterable[Entry]) -> dict[str, _Heard]:
    heard: dict[str, _Heard] = {}
    for entry in entries:
        name, at_ms = entry.decoded.terminal, entry.received_ms
        if not name:
            continue
        state = heard.setdefault(name, _Heard(at_ms, at_ms, True, entry.spooled.frame.door))
        if at_ms >= state.last_ms:
            state.last_ms, state.online = at_ms, bool(entry.decoded.online)
    return heard


def _tell_first_contact(fresh: Sequence[Mapping[str, Any]]) -> None:
    first, words = fresh[0], "first contact of %d terminals, such as %s (%s)"
    about = {"terminal": first["device"]}
    log.info(words, len(fresh), first["device"], first["approval"], extra=about)


def _release(connection: Connection, held: Iterable[Entry], known: Mapping[str, Approval]) -> None:
    """A person may have approved between screening and this transaction: what was held back comes again."""
    for entry in held:
        if known.get(entry.decoded.terminal) is Approval.APPROVED:
            query = update(dead_letters).where(dead_letters.c.key == entry.names()[0])
            connection.execute(query.values(replay_asked_ms=entry.received_ms))


def _live_ms(entry: Entry) -> int | None:
    """Device time of a frame that its terminal sent by itself."""
    if entry.decoded.batches:
        return entry.decoded.batches[0].at_ms
    if entry.decoded.evidence and entry.decoded.online:
        return entry.decoded.evidence[0].at_ms
    return None


def _rows(connection: Connection, columns: Sequence[Any], names: list[str]) -> Iterable[Any]:
    for start in range(0, len(names), _NAMES_PER_QUERY):
        part = names[start : start + _NAMES_PER_QUERY]
        yield from connection.execute(select(*columns).where(devices.c.device.in_(part)))


def _said(note: DeviceNote) -> dict[str, Any]:
    said: dict[str, Any] = {name: value for name in _SAID if (value := getattr(note, name))}
    return said if note.online is None else said | {"online": note.online}


def _laid_over(note: DeviceNote, before: DeviceNote | None) -> DeviceNote:
    """What is known after both: a later note that leaves something out takes nothing back."""
    if before is None:
        return note
    kept: dict[str, Any] = {name: getattr(note, name) or getattr(before, name) for name in _SAID}
    return replace(note, online=before.online if note.online is None else note.online, **kept)


def _noted(note: DeviceNote, now_ms: int) -> dict[str, Any]:
    said = _said(note)
    return _row(note.device, note.kind, first_seen_ms=now_ms, last_seen_ms=now_ms, **said)


def _row(device: str, kind: DeviceKind, **known: Any) -> dict[str, Any]:  # noqa: ANN401 (columns differ)
    texts = dict.fromkeys(
        ("parent", "decided_by", "lost_by", "door", *_SAID, "certificate_state", "certificate_serial"), ""
    )
    start = {"device": device, "kind": kind.value, "approval": Approval.APPROVED.value, "online": None}
    return {**texts, **start, **known}
