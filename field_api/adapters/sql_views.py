"""Outages as people see them, notices and the feed in the desk's tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from field_api.adapters.sql_organisation import in_scope
from field_api.adapters.tables import announcements, feed, outage_cells, outage_views, outbox
from field_api.alerts import NoticeKind, Told
from field_api.notices import Announcement, Notice, NoticeState, Posting
from field_api.people import Scope
from field_api.ports import FeedEvent, LoggedEvent, OutageView, PageAfter
from geo.adapters.database import lock_log

_KEYS_PER_QUERY: Final = 500


class SqlOutageViews:
    """``OutageViews`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, view: OutageView) -> bool:
        known = self._connection.scalar(
            select(outage_views.c.revision).where(outage_views.c.outage_id == view.outage_id)
        )
        if known is not None and known >= view.revision:
            return False
        for table in (outage_views, outage_cells):
            self._connection.execute(delete(table).where(table.c.outage_id == view.outage_id))
        self._connection.execute(
            insert(outage_views).values(
                outage_id=view.outage_id, revision=view.revision, state=view.state, open=view.is_open,
                started_ms=view.started_ms, grid_id=view.grid_id, document=view.document,
            )
        )  # fmt: skip
        cells = [{"outage_id": view.outage_id, "grid_id": cell} for cell in sorted(view.grid_ids)]
        if cells:
            self._connection.execute(insert(outage_cells), cells)
        return True

    def get(self, scope: Scope, outage_id: str) -> OutageView | None:
        found = self._views(_visible(scope).where(outage_views.c.outage_id == outage_id))
        return found[0] if found else None

    def listed(
        self, scope: Scope, is_open: bool | None, after: PageAfter | None, limit: int
    ) -> tuple[OutageView, ...]:
        query = _visible(scope)
        if is_open is not None:
            query = query.where(outage_views.c.open == is_open)
        if after is not None:
            same = and_(outage_views.c.started_ms == after.value, outage_views.c.outage_id < after.id)
            query = query.where(or_(outage_views.c.started_ms < after.value, same))
        newest = query.order_by(outage_views.c.started_ms.desc(), outage_views.c.outage_id.desc())
        return self._views(newest.limit(limit))

    def _views(self, query: Select[Any]) -> tuple[OutageView, ...]:
        rows = self._connection.execute(query).all()
        cells: dict[str, frozenset[str]] = {row.outage_id: frozenset() for row in rows}
        for row in self._connection.execute(
            select(outage_cells).where(outage_cells.c.outage_id.in_(list(cells)))
        ):
            cells[row.outage_id] |= {row.grid_id}
        return tuple(_view(row, cells[row.outage_id]) for row in rows)


def _visible(scope: Scope) -> Select[Any]:
    if scope.whole_company:
        return select(outage_views)
    seen = select(outage_cells.c.outage_id).where(in_scope(outage_cells.c.grid_id, scope))
    return select(outage_views).where(outage_views.c.outage_id.in_(seen))


def _view(row: Row[Any], cells: frozenset[str]) -> OutageView:
    return OutageView(
        outage_id=row.outage_id, revision=row.revision, state=row.state, is_open=row.open,
        started_ms=row.started_ms, grid_id=row.grid_id, grid_ids=cells, document=row.document,
    )  # fmt: skip


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
        query = (
            select(outbox.c.recipient, announcements.c.kind)
            .join(announcements, announcements.c.id == outbox.c.announcement_id)
            .where(announcements.c.incident_id == incident_id)
            .order_by(outbox.c.id)
        )
        told: dict[str, Told] = {}
        for recipient, kind in self._connection.execute(query):
            before = told[recipient].times if recipient in told else 0
            told[recipient] = Told(NoticeKind(kind), before + 1)
        return told

    def due(self, now_ms: int, limit: int) -> tuple[Notice, ...]:
        query = _notices().where(outbox.c.state == NoticeState.QUEUED.value, outbox.c.due_ms <= now_ms)
        rows = self._connection.execute(query.order_by(outbox.c.id).limit(limit))
        return tuple(_notice(row) for row in rows)

    def settle(self, notice_ids: Sequence[int], state: NoticeState) -> None:
        self._connection.execute(update(outbox).where(outbox.c.id.in_(notice_ids)).values(state=state.value))

    def postpone(self, notice_ids: Sequence[int], due_ms: int, problem: str) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(notice_ids))
            .values(due_ms=due_ms, problem=problem, attempts=outbox.c.attempts + 1)
        )

    def listed(self, scope: Scope, before_id: int | None, limit: int) -> tuple[Notice, ...]:
        query = _notices().where(in_scope(outbox.c.grid_id, scope))
        if before_id is not None:
            query = query.where(outbox.c.id < before_id)
        rows = self._connection.execute(query.order_by(outbox.c.id.desc()).limit(limit))
        return tuple(_notice(row) for row in rows)

    def count(self, state: NoticeState) -> int:
        counted = select(func.count()).select_from(outbox).where(outbox.c.state == state.value)
        return int(self._connection.scalar(counted) or 0)

    def prune(self, before_ms: int) -> None:
        old = select(announcements.c.id).where(announcements.c.at_ms < before_ms)
        settled = outbox.c.state != NoticeState.QUEUED.value
        self._connection.execute(delete(outbox).where(outbox.c.announcement_id.in_(old), settled))
        kept = select(outbox.c.announcement_id)
        self._connection.execute(
            delete(announcements).where(announcements.c.at_ms < before_ms, announcements.c.id.not_in(kept))
        )

    def _known(self, keys: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            part = keys[start : start + _KEYS_PER_QUERY]
            known.update(self._connection.scalars(select(outbox.c.key).where(outbox.c.key.in_(part))))
        return known


def _outbox_row(place: int, announcement: Announcement, posting: Posting) -> dict[str, Any]:
    return {
        "id": place,
        "key": posting.key,
        "announcement_id": announcement.id,
        "recipient": posting.recipient,
        "grid_id": posting.grid_id,
        "channel": posting.channel,
        "state": NoticeState.QUEUED.value,
        "attempts": 0,
        "due_ms": announcement.at_ms,
        "problem": "",
    }


def _notices() -> Select[Any]:
    told = announcements.c
    return select(outbox, told.outage_id, told.incident_id, told.kind, told.at_ms, told.text).join(
        announcements, announcements.c.id == outbox.c.announcement_id
    )


def _notice(row: Row[Any]) -> Notice:
    announcement = Announcement(
        row.announcement_id, row.outage_id, row.incident_id, row.kind, row.at_ms, row.text
    )
    posting = Posting(row.key, row.recipient, row.grid_id, row.channel)
    return Notice(row.id, posting, announcement, NoticeState(row.state), row.attempts)


class SqlFeed:
    """``Feed`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, at_ms: int, events: Sequence[FeedEvent]) -> None:
        if not events:
            return
        lock_log(self._connection, "feed")
        newest = self.newest_id()
        rows = [
            {
                "id": newest + place,
                "at_ms": at_ms,
                "name": event.name,
                "grids": json.dumps(sorted(event.grid_ids)),
                "data": event.data,
            }
            for place, event in enumerate(events, start=1)
        ]
        self._connection.execute(insert(feed), rows)

    def read(self, after_id: int, limit: int) -> tuple[LoggedEvent, ...]:
        query = select(feed).where(feed.c.id > after_id).order_by(feed.c.id).limit(limit)
        return tuple(
            LoggedEvent(row.id, FeedEvent(row.name, frozenset(json.loads(row.grids)), row.data))
            for row in self._connection.execute(query)
        )

    def newest_id(self) -> int:
        return int(self._connection.scalar(select(func.max(feed.c.id))) or 0)

    def oldest_id(self) -> int:
        return int(self._connection.scalar(select(func.min(feed.c.id))) or 0)

    def prune(self, keep: int) -> None:
        self._connection.execute(delete(feed).where(feed.c.id <= self.newest_id() - keep))
