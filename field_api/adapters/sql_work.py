"""Incidents, orders with their history, operations, calls and positions in the desk's tables."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from field_api.adapters.sql_organisation import in_scope
from field_api.adapters.tables import (
    calls,
    evidence,
    incident_outages,
    incidents,
    operations,
    order_history,
    order_numbers,
    orders,
    positions,
)
from field_api.kept import Kept
from field_api.orders.incidents import Incident
from field_api.orders.work import HistoryEntry, Order
from field_api.people.users import Scope
from field_api.ports import Answered, Call, OrderFilter, PageAfter, StoredOrder
from geo.adapters.database import lock_log
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import Evidence

_MATCHED: Final = (
    "state", "type", "crew_id", "grid_id", "priority", "outage_id", "incident_id", "customer_id",
)  # fmt: skip
"""Columns that a filter names by the same name."""


ORDERS_KEPT: Final = 4_000
_HISTORIES: Final = (
    select(order_history)
    .where(order_history.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(order_history.c.sequence)
)
_UNDER_WAY: Final = (
    select(orders.c.crew_id, orders.c.id)
    .where(orders.c.open, orders.c.state != bindparam("waiting"))
    .order_by(orders.c.created_ms.desc(), orders.c.id.desc())
)
"""Newest first."""
_ANSWERED: Final = select(operations.c.digest, operations.c.document).where(
    operations.c.user_id == bindparam("user_id"), operations.c.operation_id == bindparam("operation_id")
)
_DONE: Final = select(operations.c.operation_id).where(
    operations.c.user_id == bindparam("user_id"),
    operations.c.operation_id.in_(bindparam("ids", expanding=True)),
)


class SqlIncidents:
    """``Incidents`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_outage(self, outage_id: str) -> Incident | None:
        query = (
            select(incidents)
            .join(incident_outages, incident_outages.c.incident_id == incidents.c.id)
            .where(incident_outages.c.outage_id == outage_id)
        )
        row = self._connection.execute(query).first()
        return None if row is None else Incident(row.id, row.outage_id, row.grid_id, row.created_ms)

    def get(self, incident_id: str) -> Incident | None:
        row = self._connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
        return None if row is None else Incident(row.id, row.outage_id, row.grid_id, row.created_ms)

    def outages(self, incident_id: str) -> tuple[str, ...]:
        query = select(incident_outages.c.outage_id).where(incident_outages.c.incident_id == incident_id)
        return tuple(self._connection.scalars(query.order_by(incident_outages.c.outage_id)))

    def add(self, incident: Incident) -> None:
        self._connection.execute(insert(incidents).values(**asdict(incident)))
        self.attach(incident.outage_id, incident.id)

    def attach(self, outage_id: str, incident_id: str) -> None:
        self._connection.execute(delete(incident_outages).where(incident_outages.c.outage_id == outage_id))
        self._connection.execute(
            insert(incident_outages).values(outage_id=outage_id, incident_id=incident_id)
        )


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """Orders read before, with their rows: an unchanged row, which names the last entry of the history, means
    an unchanged order, for entries never change. A transaction that may be undone only looks."""

    kept: Kept[str, tuple[tuple[Any, ...], StoredOrder]]
    committed: bool

    def of(self, row: Row[Any]) -> StoredOrder | None:
        """The order of that row, if it was kept."""
        known = self.kept.get(row.id)
        return known[1] if known is not None and known[0] == row else None

    def keep(self, row: Row[Any], stored: StoredOrder) -> None:
        """Unless what was read may still be undone, or grew between the row and the history."""
        if self.committed and stored.history and stored.history[-1].sequence == row.sequence:
            self.kept.put(row.id, (tuple(row), stored))


class SqlOrders:
    """``Orders`` within one transaction."""

    def __init__(self, connection: Connection, known: KnownOrders) -> None:
        self._connection = connection
        self._known = known

    def get(self, scope: Scope, order_id: str) -> StoredOrder | None:
        return self.some(scope, [order_id]).get(order_id)

    def some(self, scope: Scope, order_ids: Collection[str]) -> Mapping[str, StoredOrder]:
        if not order_ids:
            return {}
        query = _some(scope.whole_company, bool(scope.crew_id))
        found = self._stored(query, {"ids": list(order_ids), **_who(scope)})
        return {one.order.id: one for one in found}

    def by_number(self, scope: Scope, number: str) -> StoredOrder | None:
        mine = (orders.c.number == number, _seen_by(scope))
        found = self._stored(select(orders).where(*mine))
        return found[0] if found else None

    def found(
        self, scope: Scope, wanted: OrderFilter, after: PageAfter | None, limit: int
    ) -> tuple[StoredOrder, ...]:
        query = select(orders).where(_seen_by(scope), *_conditions(wanted))
        if after is not None:
            same = and_(orders.c.created_ms == after.value, orders.c.id < after.id)
            query = query.where(or_(orders.c.created_ms < after.value, same))
        return self._stored(query.order_by(orders.c.created_ms.desc(), orders.c.id.desc()).limit(limit))

    def of_outage(self, scope: Scope, outage_id: str) -> tuple[StoredOrder, ...]:
        query = select(orders).where(orders.c.outage_id == outage_id, _seen_by(scope))
        return self._stored(query.order_by(orders.c.created_ms, orders.c.id))

    def of_customer(self, scope: Scope, customer_id: str) -> tuple[StoredOrder, ...]:
        query = select(orders).where(orders.c.customer_id == customer_id, _seen_by(scope))
        return self._stored(query.order_by(orders.c.created_ms, orders.c.id))

    def open_of(self, scope: Scope, types: Collection[str] = ()) -> tuple[StoredOrder, ...]:
        query = select(orders).where(orders.c.open, _seen_by(scope))
        if types:
            query = query.where(orders.c.type.in_(sorted(types)))
        return self._stored(query.order_by(orders.c.created_ms, orders.c.id))

    def open_by_crew(self) -> Mapping[str, int]:
        return self._open_by(orders.c.crew_id)

    def open_by_owner(self) -> Mapping[str, int]:
        return self._open_by(orders.c.owner_id)

    def _open_by(self, column: Column[str]) -> Mapping[str, int]:
        query = select(column, func.count()).where(orders.c.open).group_by(column)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def add(self, order: Order, state: str, first: HistoryEntry) -> None:
        values = asdict(order) | {"state": state, "open": True, "sequence": first.sequence}
        values["lon"], values["lat"] = _known(order.lon), _known(order.lat)
        self._connection.execute(insert(orders).values(**values))
        self._connection.execute(insert(order_history).values(order_id=order.id, **_columns(first)))

    def append(self, order_id: str, entry: HistoryEntry, state: str, is_open: bool) -> bool:
        moved = self._connection.execute(
            update(orders)
            .where(orders.c.id == order_id, orders.c.sequence == entry.sequence - 1)
            .values(state=state, open=is_open, sequence=entry.sequence)
        )
        if moved.rowcount != 1:
            return False
        self._connection.execute(insert(order_history).values(order_id=order_id, **_columns(entry)))
        return True

    def move(self, order_id: str, outage_id: str, incident_id: str) -> None:
        self._connection.execute(
            update(orders).where(orders.c.id == order_id).values(outage_id=outage_id, incident_id=incident_id)
        )

    def hand_over(self, order_id: str, crew_id: str) -> None:
        self._connection.execute(update(orders).where(orders.c.id == order_id).values(crew_id=crew_id))

    def entrust(self, order_id: str, owner_id: str) -> None:
        self._connection.execute(update(orders).where(orders.c.id == order_id).values(owner_id=owner_id))

    def open_of_owner(self, owner_id: str) -> int:
        query = select(func.count()).where(orders.c.owner_id == owner_id, orders.c.open)
        return int(self._connection.execute(query).scalar_one())

    def amend(self, order: Order) -> None:
        self._connection.execute(
            update(orders)
            .where(orders.c.id == order.id)
            .values(
                element=order.element, element_kind=order.element_kind, element_name=order.element_name,
                lon=_known(order.lon), lat=_known(order.lat), customers=order.customers,
                priority=order.priority, basis_ms=order.basis_ms,
            )
        )  # fmt: skip

    def under_way(self, waiting_state: str) -> Mapping[str, str]:
        rows = self._connection.execute(_UNDER_WAY, {"waiting": waiting_state})
        return {row[0]: row[1] for row in rows}

    def under_way_of(self, crew_id: str, waiting_state: str) -> str | None:
        of_crew = _UNDER_WAY.where(orders.c.crew_id == crew_id)
        rows = self._connection.execute(of_crew, {"waiting": waiting_state}).all()
        return rows[-1][1] if rows else None

    def next_number(self, series: str) -> int:
        lock_log(self._connection, f"order_numbers/{series}")
        last = self._connection.scalar(select(order_numbers.c.last).where(order_numbers.c.series == series))
        if last is None:
            self._connection.execute(insert(order_numbers).values(series=series, last=1))
            return 1
        self._connection.execute(
            update(order_numbers).where(order_numbers.c.series == series).values(last=last + 1)
        )
        return int(last) + 1

    def _stored(
        self, query: Select[Any], parameters: Mapping[str, Any] | None = None
    ) -> tuple[StoredOrder, ...]:
        rows = self._connection.execute(query, parameters).all()
        found = {row.id: self._known.of(row) for row in rows}
        histories = self._histories([order_id for order_id, stored in found.items() if stored is None])
        return tuple(found[row.id] or self._read(row, histories[row.id]) for row in rows)

    def _read(self, row: Row[Any], history: Sequence[HistoryEntry]) -> StoredOrder:
        stored = StoredOrder(_order(row), row.state, tuple(history))
        self._known.keep(row, stored)
        return stored

    def _histories(self, ids: Sequence[str]) -> Mapping[str, list[HistoryEntry]]:
        histories: dict[str, list[HistoryEntry]] = {identifier: [] for identifier in ids}
        if ids:
            for row in self._connection.execute(_HISTORIES, {"ids": ids}):
                histories[row.order_id].append(_entry(row))
        return histories


class SqlOperations:
    """``Operations`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def answered(self, user_id: str, operation_id: str) -> Answered | None:
        asked = {"user_id": user_id, "operation_id": operation_id}
        row = self._connection.execute(_ANSWERED, asked).first()
        return None if row is None else Answered(*row)

    def done(self, user_id: str, operation_ids: Collection[str]) -> frozenset[str]:
        asked = {"user_id": user_id, "ids": list(operation_ids)}
        return frozenset(self._connection.scalars(_DONE, asked))

    def keep(self, user_id: str, operation_id: str, at_ms: int, answer: Answered) -> None:
        self._connection.execute(
            insert(operations).values(
                user_id=user_id, operation_id=operation_id, at_ms=at_ms,
                digest=answer.digest, document=answer.document,
            )
        )  # fmt: skip

    def prune(self, before_ms: int) -> None:
        self._connection.execute(delete(operations).where(operations.c.at_ms < before_ms))


class SqlCalls:
    """``Calls`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._evidence = SqlEvidenceLog(connection.engine, evidence)

    def add(self, call: Call) -> None:
        self._connection.execute(insert(calls).values(**asdict(call)))

    def get(self, scope: Scope, call_id: str) -> Call | None:
        query = select(calls).where(calls.c.id == call_id, in_scope(calls.c.grid_id, scope))
        row = self._connection.execute(query).first()
        return None if row is None else Call(*row)

    def of_outage(self, scope: Scope, outage_id: str) -> tuple[Call, ...]:
        query = select(calls).where(calls.c.outage_id == outage_id, in_scope(calls.c.grid_id, scope))
        return tuple(Call(*row) for row in self._connection.execute(query.order_by(calls.c.at_ms)))

    def count(self, scope: Scope, outage_id: str) -> int:
        """How many came about it."""
        query = select(func.count()).where(calls.c.outage_id == outage_id, in_scope(calls.c.grid_id, scope))
        return int(self._connection.execute(query).scalar_one())

    def witness(self, evidence: Evidence) -> None:
        self._evidence.append_within(self._connection, [evidence])


class SqlPositions:
    """``Positions`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> int:
        position = self._connection.scalar(select(positions.c.position).where(positions.c.name == name))
        return int(position or 0)

    def advance(self, name: str, expected: int, to: int, at_ms: int) -> bool:
        # The lock keeps two workers from both making the first row.
        lock_log(self._connection, f"positions/{name}")
        if self.get(name) != expected:
            return False
        self._connection.execute(delete(positions).where(positions.c.name == name))
        self._connection.execute(insert(positions).values(name=name, position=to, at_ms=at_ms))
        return True


@lru_cache(maxsize=4)
def _some(whole_company: bool, has_crew: bool) -> Select[Any]:
    """Orders ``ids`` as ``_seen_by`` lets them be seen by ``_who``; made once, it is compiled once."""
    query = select(orders).where(orders.c.id.in_(bindparam("ids", expanding=True)))
    if whole_company:
        return query
    seen = orders.c.grid_id.in_(bindparam("cells", expanding=True))
    return query.where(or_(seen, orders.c.crew_id == bindparam("crew")) if has_crew else seen)


def _who(scope: Scope) -> dict[str, Any]:
    return {"cells": sorted(scope.grid_ids), "crew": scope.crew_id}


def _seen_by(scope: Scope) -> ColumnElement[bool]:
    """Orders of the person's cells, and those that their crew has elsewhere."""
    in_cells = in_scope(orders.c.grid_id, scope)
    return or_(in_cells, orders.c.crew_id == scope.crew_id) if scope.crew_id else in_cells


def _conditions(wanted: OrderFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.is_open is not None:
        yield orders.c.open == wanted.is_open
    for name in _MATCHED:
        if value := getattr(wanted, name):
            yield orders.c[name] == value
    if wanted.updated_since_ms is not None:
        later = select(order_history.c.order_id).where(order_history.c.at_ms >= wanted.updated_since_ms)
        yield orders.c.id.in_(later)


def _known(degrees: float) -> float | None:
    return None if math.isnan(degrees) else degrees


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id, number=row.number, type=row.type, incident_id=row.incident_id, outage_id=row.outage_id,
        grid_id=row.grid_id, crew_id=row.crew_id, element=row.element, element_kind=row.element_kind,
        element_name=row.element_name, lon=math.nan if row.lon is None else row.lon,
        lat=math.nan if row.lat is None else row.lat, customers=row.customers, priority=row.priority,
        area=row.area, created_ms=row.created_ms, customer_id=row.customer_id, parent_id=row.parent_id,
        owner_id=row.owner_id, source=row.source, basis_ms=row.basis_ms,
    )  # fmt: skip


def _columns(entry: HistoryEntry) -> dict[str, Any]:
    return asdict(entry) | {"details": json.dumps(entry.details, ensure_ascii=False, allow_nan=False)}


def _entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        sequence=row.sequence, revision=row.revision, step=row.step, at_ms=row.at_ms,
        by=row.by, by_name=row.by_name, note=row.note, device_ms=row.device_ms,
        finding_element=row.finding_element, finding_cause=row.finding_cause,
        details=json.loads(row.details), behalf=row.behalf, offset_ms=row.offset_ms,
    )  # fmt: skip
