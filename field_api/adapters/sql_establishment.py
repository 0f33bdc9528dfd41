"""The organisation's records in the desk's tables: a record's fields are its table's columns."""

import json
from dataclasses import asdict, fields
from enum import Enum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, exists, func, insert, or_, select

from field_api.adapters.organisation_tables import (
    RECORDS,
    assignments,
    organisation_changes,
    rollout_steps,
)
from field_api.organisation.duties import Assignment, Duty
from field_api.organisation.establishment import KEY, KINDS, Changes, Establishment, Record
from field_api.organisation.ports import OrganisationChange
from field_api.organisation.rollout import PlanEntry, PlanStep
from field_api.organisation.shifts import Shift
from field_api.organisation.staffing import Member, Person, Qualification, TeamKind, Unit, UnitKind, Vehicle
from field_api.organisation.villages import Liaison, Village
from field_api.people.ports import Sealer
from geo.adapters.database import lock_log

_MADE_OF: Final[dict[str, type[Record]]] = {
    "units": Unit,
    "people": Person,
    "qualifications": Qualification,
    "assignments": Assignment,
    "members": Member,
    "shifts": Shift,
    "vehicles": Vehicle,
    "villages": Village,
    "liaisons": Liaison,
}
SEALED: Final = "phone"
"""Encrypted in the table (people only have it)."""
_ENUMS: Final[dict[str, dict[str, type[Enum]]]] = {"units": {"kind": UnitKind, "team_kind": TeamKind}}


def _held(at_ms: int) -> ColumnElement[bool]:
    """An assignment that holds at that instant; the end is excluded."""
    row = assignments.c
    return and_(row.from_ms <= at_ms, or_(row.until_ms.is_(None), row.until_ms > at_ms))


class SqlEstablishment:
    """``OrganisationStore`` within one transaction."""

    def __init__(self, connection: Connection, sealer: Sealer | None = None) -> None:
        """``sealer``: without it telephone numbers stay as they are stored, sealed or not."""
        self._connection = connection
        self._sealer = sealer

    def read(self) -> Establishment:
        return Establishment(**{kind: self._of_kind(kind) for kind in KINDS})

    def _of_kind(self, kind: str) -> tuple[Any, ...]:
        table = RECORDS[kind]
        query = select(*_columns(kind)).order_by(*(table.c[name] for name in KEY[kind]))
        return tuple(self._record(kind, row) for row in self._connection.execute(query))

    def manager(self, grid_id: str, at_ms: int, duty: Duty) -> str:
        row = assignments.c
        query = select(row.person_id).where(row.grid_id == grid_id, _held(at_ms), row[duty.value])
        return str(self._connection.scalar(query) or "")

    def manages(self, person_id: str, at_ms: int) -> bool:
        query = select(exists().where(assignments.c.person_id == person_id, _held(at_ms)))
        return bool(self._connection.scalar(query))

    def change(self, changes: Changes) -> None:
        """First what goes, then what comes: a successor may need the place of who was before."""
        lock_log(self._connection, organisation_changes.name)
        for kind in KINDS:
            before = [old for old, _ in changes.changed.get(kind, ())]
            for record in (*changes.removed.get(kind, ()), *before):
                self._connection.execute(delete(RECORDS[kind]).where(_same(kind, record)))
            after = [new for _, new in changes.changed.get(kind, ())]
            rows = [self._row(record) for record in (*changes.added.get(kind, ()), *after)]
            if rows:
                self._connection.execute(insert(RECORDS[kind]), rows)

    def note(self, at_ms: int, user_id: str, user_name: str, note: str, document: str) -> None:
        lock_log(self._connection, organisation_changes.name)
        self._connection.execute(
            insert(organisation_changes).values(
                id=self._next(organisation_changes), at_ms=at_ms, user_id=user_id, user_name=user_name,
                note=note, document=document,
            )
        )  # fmt: skip

    def noted(self, before_id: int | None, limit: int) -> tuple[OrganisationChange, ...]:
        query = select(organisation_changes).order_by(organisation_changes.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(organisation_changes.c.id < before_id)
        return tuple(OrganisationChange(*row) for row in self._connection.execute(query))

    def plan(self, plan_id: str) -> tuple[PlanEntry, ...]:
        query = select(rollout_steps).where(rollout_steps.c.plan_id == plan_id)
        rows = self._connection.execute(query.order_by(rollout_steps.c.sequence))
        return tuple(
            PlanEntry(
                row.plan_id, row.sequence, PlanStep(row.step), row.at_ms, row.by, row.by_name, row.note,
                tuple(json.loads(row.village_ids)), row.county,
            )
            for row in rows
        )  # fmt: skip

    def plans(self, limit: int) -> tuple[str, ...]:
        first = rollout_steps.c.sequence == 1
        query = select(rollout_steps.c.plan_id).where(first).order_by(rollout_steps.c.at_ms.desc())
        return tuple(self._connection.scalars(query.limit(limit)))

    def step_plan(self, entry: PlanEntry) -> bool:
        values = asdict(entry) | {
            "step": entry.step.value, "village_ids": json.dumps(entry.village_ids, ensure_ascii=False),
        }  # fmt: skip
        last = select(func.max(rollout_steps.c.sequence)).where(rollout_steps.c.plan_id == entry.plan_id)
        lock_log(self._connection, rollout_steps.name)
        if (self._connection.scalar(last) or 0) != entry.sequence - 1:
            return False
        self._connection.execute(insert(rollout_steps).values(**values))
        return True

    def _record(self, kind: str, row: Row[Any]) -> Record:
        values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented way to a row's names)
        for name, made_of in _ENUMS.get(kind, {}).items():
            values[name] = made_of(values[name])
        if self._sealer is not None and self._sealer.is_sealed(values.get(SEALED, "")):
            values[SEALED] = self._sealer.unseal(values[SEALED])
        return _MADE_OF[kind](**values)

    def _row(self, record: Record) -> dict[str, Any]:
        values = _values(record)
        if self._sealer is not None and values.get(SEALED) and not self._sealer.is_sealed(values[SEALED]):
            values[SEALED] = self._sealer.seal(values[SEALED])
        return values

    def _next(self, table: Table) -> int:
        return int(self._connection.scalar(select(func.max(table.c.id))) or 0) + 1


def _columns(kind: str) -> list[Any]:
    return [RECORDS[kind].c[field.name] for field in fields(_MADE_OF[kind])]


def _values(record: Record) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in asdict(record).items()}


def _same(kind: str, record: Record) -> Any:  # noqa: ANN401 (SQLAlchemy's own)
    values, table = _values(record), RECORDS[kind]
    return and_(
        *(
            table.c[name].is_(None) if values[name] is None else table.c[name] == values[name]
            for name in KEY[kind]
        )
    )
