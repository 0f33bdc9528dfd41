"""Grid cells and crews in the desk's tables."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, insert, select, true, update

from field_api.adapters.organisation_tables import crew_members, qualifications, shifts
from field_api.adapters.system_clock import wall_clock_ms
from field_api.adapters.tables import crew_cells, crews, grid_cells
from field_api.organisation.cells import AreaKind, Crew, CrewState, GridCell
from field_api.organisation.shifts import Shift
from field_api.organisation.staffing import Member, Qualification, skills_by_crew
from field_api.people.users import Scope


def in_scope(column: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """The condition that every query for a person carries."""
    return true() if scope.whole_company else column.in_(sorted(scope.grid_ids))


@lru_cache(maxsize=4)
def _places(whole_company: bool, *, one: bool) -> Select[Any]:
    """Crews with at least one of the ``cells``, or the one ``crew_id``, a row for each cell of theirs."""
    query = select(crews, crew_cells.c.grid_id).join_from(
        crews, crew_cells, crew_cells.c.crew_id == crews.c.id
    )
    query = query.where(_seen(whole_company)).order_by(crews.c.id, crew_cells.c.grid_id)
    return query.where(crews.c.id == bindparam("crew_id")) if one else query


@lru_cache(maxsize=2)
def _names(whole_company: bool) -> Select[Any]:
    """Names of the crews ``crew_ids`` that have at least one of the ``cells``."""
    named = crews.c.id.in_(bindparam("crew_ids", expanding=True))
    return select(crews.c.id, crews.c.name).where(named, _seen(whole_company))


def _seen(whole_company: bool) -> ColumnElement[bool]:
    cells = select(crew_cells.c.crew_id)
    if not whole_company:
        cells = cells.where(crew_cells.c.grid_id.in_(bindparam("cells", expanding=True)))
    return crews.c.id.in_(cells)


_MEMBERS: Final = select(
    crew_members.c.crew_id, crew_members.c.person_id, crew_members.c.leads,
    crew_members.c.from_ms, crew_members.c.until_ms,
).where(crew_members.c.crew_id.in_(bindparam("crew_ids", expanding=True)))  # fmt: skip
_QUALIFICATIONS: Final = select(
    qualifications.c.person_id, qualifications.c.skill, qualifications.c.from_ms, qualifications.c.until_ms
).where(qualifications.c.person_id.in_(bindparam("people", expanding=True)))
_SHIFTS: Final = select(
    shifts.c.crew_id, shifts.c.days, shifts.c.starts, shifts.c.ends, shifts.c.on_call, shifts.c.from_day,
    shifts.c.until_day,
).where(shifts.c.crew_id.in_(bindparam("crew_ids", expanding=True))).order_by(shifts.c.id)  # fmt: skip


class SqlOrganisation:
    """``Organisation`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cells(self, scope: Scope) -> tuple[GridCell, ...]:
        query = select(grid_cells).where(in_scope(grid_cells.c.id, scope)).order_by(grid_cells.c.id)
        return tuple(_cell(row) for row in self._connection.execute(query))

    def crews(self, scope: Scope, at_ms: int | None = None) -> tuple[Crew, ...]:
        found = self.places(scope)
        ids = [crew.id for crew in found]
        skills = self._skills_of(ids, wall_clock_ms() if at_ms is None else at_ms)
        rosters = self._shifts_of(ids)
        return tuple(
            replace(crew, skills=skills.get(crew.id, frozenset()), shifts=rosters.get(crew.id, ()))
            for crew in found
        )

    def crew(self, scope: Scope, crew_id: str) -> Crew | None:
        wanted = {"cells": sorted(scope.grid_ids), "crew_id": crew_id}
        rows = self._connection.execute(_places(scope.whole_company, one=True), wanted).all()
        return _crew(rows) if rows else None

    def places(self, scope: Scope) -> tuple[Crew, ...]:
        query = _places(scope.whole_company, one=False)
        rows = self._connection.execute(query, {"cells": sorted(scope.grid_ids)})
        return tuple(_crew(list(cells)) for _, cells in groupby(rows, lambda row: row.id))

    def crew_names(self, scope: Scope, crew_ids: Collection[str]) -> Mapping[str, str]:
        if not crew_ids:
            return {}
        told = {"crew_ids": sorted(crew_ids), "cells": sorted(scope.grid_ids)}
        return {row.id: row.name for row in self._connection.execute(_names(scope.whole_company), told)}

    def put_cell(self, cell: GridCell) -> None:
        self._connection.execute(delete(grid_cells).where(grid_cells.c.id == cell.id))
        west, south, east, north = cell.bounds
        self._connection.execute(
            insert(grid_cells).values(
                id=cell.id, name=cell.name, name_en=cell.name_en, area=cell.area.value,
                west=west, south=south, east=east, north=north,
            )
        )  # fmt: skip

    def put_crew(self, crew: Crew) -> None:
        self._connection.execute(delete(crew_cells).where(crew_cells.c.crew_id == crew.id))
        self._connection.execute(delete(crews).where(crews.c.id == crew.id))
        self._connection.execute(
            insert(crews).values(
                id=crew.id, name=crew.name, state=crew.state.value,
                lon=crew.lon, lat=crew.lat, position_ms=crew.position_ms, unit_id=crew.unit_id,
            )
        )  # fmt: skip
        cells = [{"crew_id": crew.id, "grid_id": grid_id} for grid_id in crew.grid_ids]
        if cells:
            self._connection.execute(insert(crew_cells), cells)

    def move_crew(self, crew_id: str, lon: float, lat: float, at_ms: int, state: CrewState) -> bool:
        moved = self._connection.execute(
            update(crews)
            .where(crews.c.id == crew_id, crews.c.position_ms <= at_ms)
            .values(lon=lon, lat=lat, position_ms=at_ms, state=state.value)
        )
        return moved.rowcount == 1

    def set_state(self, crew_id: str, state: CrewState) -> None:
        self._connection.execute(update(crews).where(crews.c.id == crew_id).values(state=state.value))

    def _skills_of(self, crew_ids: list[str], at_ms: int) -> dict[str, frozenset[str]]:
        members = self._connection.execute(_MEMBERS, {"crew_ids": crew_ids})
        listed = [Member(*member) for member in members]
        people = {member.person_id for member in listed}
        known = self._connection.execute(_QUALIFICATIONS, {"people": sorted(people)}) if people else ()
        return skills_by_crew(listed, [Qualification(*one) for one in known], at_ms)

    def _shifts_of(self, crew_ids: list[str]) -> dict[str, tuple[Shift, ...]]:
        found: dict[str, tuple[Shift, ...]] = {}
        for one in self._connection.execute(_SHIFTS, {"crew_ids": crew_ids}):
            found[one.crew_id] = (*found.get(one.crew_id, ()), Shift(*one))
        return found


def _cell(row: Row[Any]) -> GridCell:
    bounds = (row.west, row.south, row.east, row.north)
    return GridCell(row.id, row.name, row.name_en, AreaKind(row.area), bounds)


def _crew(rows: Sequence[Row[Any]]) -> Crew:
    """Of a crew's rows, one for each of its cells."""
    row = rows[0]
    return Crew(
        row.id, row.name, tuple(one.grid_id for one in rows), CrewState(row.state), row.lon, row.lat,
        row.position_ms, row.unit_id,
    )  # fmt: skip
