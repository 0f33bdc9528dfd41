"""The outbox in the desk's tables: what waits, what is on its way and how it went."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from field_api.adapters.notice_tables import announcements, notice_holds, outbox
from field_api.adapters.sql_organisation import in_scope
from field_api.notices.alerts import OF_OUTAGES, NoticeKind, Told
from field_api.notices.control import HoldKind, Pending
from field_api.notices.notice import (
    NEVER_LEFT,
    ON_THE_WAY,
    WAITING,
    Announcement,
    Notice,
    NoticeState,
    Posting,
)
from field_api.notices.rules import Urgency
from field_api.people.users import Scope
from geo.adapters.database import lock_log

_KEYS_PER_QUERY: Final = 500
_MAX_PENDING: Final = 200
_LATER: Final[Mapping[NoticeState, tuple[NoticeState, ...]]] = {
    NoticeState.DELIVERED: (NoticeState.SENDING, NoticeState.SENT, NoticeState.QUEUED),
    NoticeState.READ: (
        NoticeState.SENDING, NoticeState.SENT, NoticeState.QUEUED, NoticeState.DELIVERED,
    ),
    NoticeState.FAILED: (NoticeState.SENDING, NoticeState.SENT, NoticeState.QUEUED),
}  # fmt: skip
"""What a receipt may say → after which states it is believed."""


class SqlOutbox:
    """``Outbox`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def announce(self, announcement: Announcement, postings: Sequence[Posting]) -> range:
        lock_log(self._connection, "outbox")
        known = self._known([posting.key for posting in postings])
        fresh = list({posting.key: posting for posting in postings if posting.key not in known}.values())
        if not fresh:
            return range(0)
        self._keep(announcement)
        newest = int(self._connection.scalar(select(func.max(outbox.c.id))) or 0)
        rows = [
            _outbox_row(newest + place, announcement, posting) for place, posting in enumerate(fresh, start=1)
        ]
        self._connection.execute(insert(outbox), rows)
        return range(newest + 1, newest + 1 + len(rows))

    def rejoin(self, incident_id: str, into: str) -> None:
        self._connection.execute(
            update(announcements).where(announcements.c.incident_id == incident_id).values(incident_id=into)
        )

    def _keep(self, announcement: Announcement) -> None:
        known = select(announcements.c.id).where(announcements.c.id == announcement.id)
        if self._connection.scalar(known) is None:
            self._connection.execute(insert(announcements).values(**asdict(announcement)))

    def told(self, incident_id: str) -> Mapping[str, Told]:
        query: Select[Any] = (
            select(
                outbox.c.recipient, outbox.c.state, outbox.c.attempts,
                announcements.c.kind, announcements.c.expected_ms, announcements.c.at_ms,
            )
            .join(announcements, announcements.c.id == outbox.c.announcement_id)
            .where(announcements.c.incident_id == incident_id)
            .order_by(outbox.c.id)
        )  # fmt: skip
        told: dict[str, Told] = {}
        for row in self._connection.execute(query):
            told[row.recipient] = _heard(told.get(row.recipient, Told(None, 0)), row)
        return told

    def told_elsewhere(self, incident_id: str, people: Collection[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for part in _parts(list(people)):
            newest = _newest_of_outages(part).subquery()
            query: Select[Any] = (
                select(
                    outbox.c.recipient,
                    outbox.c.state,
                    outbox.c.attempts,
                    announcements.c.kind,
                    announcements.c.expected_ms,
                    announcements.c.at_ms,
                )
                .join(newest, newest.c.id == outbox.c.id)
                .join(announcements, announcements.c.id == outbox.c.announcement_id)
                .where(announcements.c.incident_id != incident_id)
            )
            for row in self._connection.execute(query):
                before = NoticeKind.OUTAGE if row.kind == NoticeKind.PROGRESS else None
                last = _heard(Told(before, 0), row)  # another time is only told to those who heard a first
                found[row.recipient] = last.knows and not last.unsent
        return found

    def withdraw(self, incident_id: str, recipients: Collection[str]) -> None:
        about = select(announcements.c.id).where(announcements.c.incident_id == incident_id)
        for part in _parts(list(recipients)):
            self._connection.execute(
                update(outbox)
                .where(
                    outbox.c.announcement_id.in_(about),
                    outbox.c.recipient.in_(part),
                    outbox.c.state.in_([state.value for state in WAITING]),
                )
                .values(state=NoticeState.WITHDRAWN.value)
            )

    def due(self, now_ms: int, limit: int) -> tuple[Notice, ...]:
        return tuple(_notice(row) for row in self._connection.execute(_due(now_ms).limit(limit)))

    def take(
        self, now_ms: int, lease_ms: int, limit: int, channels: Collection[str], others: bool
    ) -> tuple[Notice, ...]:
        mine = outbox.c.channel.not_in(channels) if others else outbox.c.channel.in_(channels)
        query = _due(now_ms).where(mine).limit(limit).with_for_update(of=outbox, skip_locked=True)
        taken = tuple(_notice(row) for row in self._connection.execute(query))
        for part in _parts([notice.id for notice in taken]):
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id.in_(part))
                .values(
                    state=NoticeState.SENDING.value,
                    due_ms=now_ms + lease_ms,
                    attempts=outbox.c.attempts + 1,
                )
            )
        return tuple(replace(notice, attempts=notice.attempts + 1) for notice in taken)

    def settle(self, notice_ids: Sequence[int], state: NoticeState) -> None:
        for part in _parts(notice_ids):
            self._connection.execute(update(outbox).where(outbox.c.id.in_(part)).values(state=state.value))

    def accepted(self, notice_id: int, reference: str) -> None:
        still = outbox.c.state.in_([state.value for state in ON_THE_WAY])
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == notice_id, still)
            .values(state=NoticeState.SENT.value, reference=reference, problem="")
        )

    def postpone(self, notice_ids: Sequence[int], due_ms: int, problem: str, counted: bool = True) -> None:
        attempts = (
            outbox.c.attempts if counted else case((outbox.c.attempts > 0, outbox.c.attempts - 1), else_=0)
        )
        for part in _parts(notice_ids):
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id.in_(part))
                .values(state=NoticeState.QUEUED.value, due_ms=due_ms, problem=problem, attempts=attempts)
            )

    def receipt(self, channel: str, reference: str, state: NoticeState, at_ms: int) -> bool:
        mine = and_(outbox.c.channel == channel, outbox.c.reference == reference, outbox.c.reference != "")
        if self._connection.scalar(select(func.count()).select_from(outbox).where(mine)) == 0:
            return False
        before = [one.value for one in _LATER[state]]
        self._connection.execute(
            update(outbox).where(mine, outbox.c.state.in_(before)).values(state=state.value, receipt_ms=at_ms)
        )
        return True

    def listed(self, scope: Scope, before_id: int | None, limit: int) -> tuple[Notice, ...]:
        query = _notices().where(in_scope(outbox.c.grid_id, scope))
        if before_id is not None:
            query = query.where(outbox.c.id < before_id)
        rows = self._connection.execute(query.order_by(outbox.c.id.desc()).limit(limit))
        return tuple(_notice(row) for row in rows)

    def pending(self, scope: Scope) -> tuple[Pending, ...]:
        told = announcements.c
        query = (
            select(
                told.incident_id, told.outage_id, told.kind,
                func.max(told.text).label("text"), func.min(told.at_ms).label("since_ms"),
                func.count().label("messages"), func.max(told.customers).label("customers"),
                func.max(told.key_customers).label("key_customers"),
                _how_many(Urgency.KEY).label("to_key"),
                _how_many(Urgency.VULNERABLE).label("to_vulnerable"),
                _how_many(Urgency.LIAISON).label("to_liaisons"),
            )
            .join(outbox, told.id == outbox.c.announcement_id)
            .where(outbox.c.state == NoticeState.PENDING.value, in_scope(outbox.c.grid_id, scope))
            .group_by(told.incident_id, told.outage_id, told.kind)
            .order_by(func.min(told.at_ms), told.incident_id)
            .limit(_MAX_PENDING)
        )  # fmt: skip
        return tuple(
            Pending(
                row.incident_id, row.outage_id, row.kind, row.text, row.since_ms, row.messages,
                row.to_key, row.to_vulnerable, row.to_liaisons, row.customers,
                row.key_customers, self._cells(row.incident_id),
            )
            for row in self._connection.execute(query).all()
        )  # fmt: skip

    def _cells(self, incident_id: str) -> frozenset[str]:
        query = (
            select(outbox.c.grid_id)
            .distinct()
            .where(outbox.c.state == NoticeState.PENDING.value, _about(incident_id))
        )
        return frozenset(self._connection.scalars(query))

    def decide(self, incident_id: str, approved: bool) -> int:
        verdict = NoticeState.QUEUED if approved else NoticeState.REJECTED
        changed = self._connection.execute(
            update(outbox)
            .where(outbox.c.state == NoticeState.PENDING.value, _about(incident_id))
            .values(state=verdict.value)
        )
        return changed.rowcount

    def count(self, state: NoticeState) -> int:
        counted = select(func.count()).select_from(outbox).where(outbox.c.state == state.value)
        return int(self._connection.scalar(counted) or 0)

    def prune(self, before_ms: int) -> None:
        old = select(announcements.c.id).where(announcements.c.at_ms < before_ms)
        settled = outbox.c.state.not_in([state.value for state in ON_THE_WAY])
        self._connection.execute(delete(outbox).where(outbox.c.announcement_id.in_(old), settled))
        kept = select(outbox.c.announcement_id)
        self._connection.execute(
            delete(announcements).where(announcements.c.at_ms < before_ms, announcements.c.id.not_in(kept))
        )

    def _known(self, keys: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for part in _parts(keys):
            known.update(self._connection.scalars(select(outbox.c.key).where(outbox.c.key.in_(part))))
        return known


def _how_many(urgency: Urgency) -> ColumnElement[int]:
    return func.sum(case((outbox.c.urgency == urgency.value, 1), else_=0))


def _heard(before: Told, row: Row[Any]) -> Told:
    """One more message to a person; what never left changes nothing but the count of such."""
    state, kind = NoticeState(row.state), NoticeKind(row.kind)
    if state in NEVER_LEFT:
        return replace(before, withdrawn=before.withdrawn + 1)
    waits = state in WAITING and row.attempts == 0
    heard = Told(kind, before.times + 1, before.withdrawn, expected_ms=row.expected_ms, at_ms=row.at_ms)
    return replace(heard, unsent=heard.knows and waits and (before.unsent or not before.knows))


def _newest_of_outages(people: Sequence[str]) -> Select[Any]:
    """Of each the newest words about any outage that were not taken back."""
    return (
        select(func.max(outbox.c.id).label("id"))
        .join(announcements, announcements.c.id == outbox.c.announcement_id)
        .where(
            outbox.c.recipient.in_(people),
            outbox.c.state.not_in([state.value for state in NEVER_LEFT]),
            announcements.c.kind.in_([kind.value for kind in OF_OUTAGES]),
        )
        .group_by(outbox.c.recipient)
    )


def _due(now_ms: int) -> Select[Any]:
    """Whose time has come; those under way whose lease is over count again. Held ones do not."""
    told = announcements.c
    going = outbox.c.state.in_([NoticeState.QUEUED.value, NoticeState.SENDING.value])
    order = (outbox.c.urgency, outbox.c.id)
    return _notices().where(going, outbox.c.due_ms <= now_ms, _free(told)).order_by(*order)


def _free(told: Any) -> ColumnElement[bool]:  # noqa: ANN401 (columns of a table have no type of their own)
    held = notice_holds.c
    stops = or_(
        held.kind == HoldKind.ALL.value,
        and_(held.kind == HoldKind.OUTAGE.value, held.thing == told.outage_id),
        and_(held.kind == HoldKind.FEEDER.value, held.thing == told.feeder),
    )
    about_customers = told.kind.not_in([NoticeKind.ESCALATION.value, NoticeKind.CHANNEL_DOWN.value])
    holding = select(held.id).where(held.released_ms.is_(None), stops, about_customers)
    return ~holding.exists()


def _about(incident_id: str) -> ColumnElement[bool]:
    return outbox.c.announcement_id.in_(
        select(announcements.c.id).where(announcements.c.incident_id == incident_id)
    )


def _parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + _KEYS_PER_QUERY] for start in range(0, len(values), _KEYS_PER_QUERY))


def _outbox_row(place: int, announcement: Announcement, posting: Posting) -> dict[str, Any]:
    return {
        "id": place,
        "key": posting.key,
        "announcement_id": announcement.id,
        "recipient": posting.recipient,
        "grid_id": posting.grid_id,
        "channel": posting.channel,
        "state": posting.state.value,
        "attempts": 0,
        "due_ms": announcement.at_ms if posting.due_ms is None else posting.due_ms,
        "problem": "",
        "urgency": posting.urgency,
        "reference": "",
    }


_TOLD: Final = tuple(column for column in announcements.c if column.name != "id")


def _notices() -> Select[Any]:
    return select(outbox, *_TOLD).join(announcements, announcements.c.id == outbox.c.announcement_id)


def _notice(row: Row[Any]) -> Notice:
    announcement = Announcement(
        row.announcement_id, row.outage_id, row.incident_id, row.kind, row.at_ms, row.text,
        row.expected_ms, row.feeder, row.customers, row.key_customers,
    )  # fmt: skip
    state = NoticeState(row.state)
    posting = Posting(row.key, row.recipient, row.grid_id, row.channel, row.urgency, row.due_ms, state)
    return Notice(row.id, posting, announcement, state, row.attempts)
