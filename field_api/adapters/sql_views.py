"""Outages as people see them and the feed in the desk's tables."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
)

from field_api.adapters.sql_organisation import in_scope
from field_api.adapters.tables import feed, orders, outage_cells, outage_views
from field_api.people.users import Scope
from field_api.ports import FeedEvent, LoggedEvent, OutageView, PageAfter
from geo.adapters.database import lock_log


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
        """A crew from elsewhere sees what it has an order about: who helps must know what is out."""
        this = outage_views.c.outage_id == outage_id
        query = select(outage_views).where(this, or_(_seen_by(scope), _helped_by(scope, outage_id)))
        found = self._views(query)
        return found[0] if found else None

    def listed(
        self, scope: Scope, is_open: bool | None, after: PageAfter | None, limit: int
    ) -> tuple[OutageView, ...]:
        query = select(outage_views).where(_seen_by(scope))
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


def _seen_by(scope: Scope) -> ColumnElement[bool]:
    if scope.whole_company:
        return true()
    seen = select(outage_cells.c.outage_id).where(in_scope(outage_cells.c.grid_id, scope))
    return outage_views.c.outage_id.in_(seen)


def _helped_by(scope: Scope, outage_id: str) -> ColumnElement[bool]:
    if not scope.crew_id:
        return false()
    return exists().where(orders.c.outage_id == outage_id, orders.c.crew_id == scope.crew_id)


def _view(row: Row[Any], cells: frozenset[str]) -> OutageView:
    return OutageView(
        outage_id=row.outage_id, revision=row.revision, state=row.state, is_open=row.open,
        started_ms=row.started_ms, grid_id=row.grid_id, grid_ids=cells, document=row.document,
    )  # fmt: skip


_NEWEST: Final = select(func.max(feed.c.id))
_OLDEST: Final = select(func.min(feed.c.id))
_LATER: Final = (
    select(feed).where(feed.c.id > bindparam("after")).order_by(feed.c.id).limit(bindparam("most"))
)


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
        return tuple(
            LoggedEvent(row.id, FeedEvent(row.name, frozenset(json.loads(row.grids)), row.data))
            for row in self._connection.execute(_LATER, {"after": after_id, "most": limit})
        )

    def newest_id(self) -> int:
        return int(self._connection.scalar(_NEWEST) or 0)

    def oldest_id(self) -> int:
        return int(self._connection.scalar(_OLDEST) or 0)

    def prune(self, keep: int) -> None:
        self._connection.execute(delete(feed).where(feed.c.id <= self.newest_id() - keep))
