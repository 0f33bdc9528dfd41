"""Grid cells and crews in the desk's tables."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, true, update

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


class SqlOrganisation:
    """``Organisation`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cells(self, scope: Scope) -> tuple[GridCell, ...]:
        query = select(grid_cells).where(in_scope(grid_cells.c.id, scope)).order_by(grid_cells.c.id)
        return tuple(_cell(row) for row in self._connection.execute(query))

    def crews(self, scope: Scope, at_ms: int | None = None) -> tuple[Crew, ...]:
        return self._crews(select(crews), scope, at_ms)

    def crew(self, scope: Scope, crew_id: str) -> Crew | None:
        found = self._crews(select(crews).where(crews.c.id == crew_id), scope)
        return found[0] if found else None

    def crew_names(self, scope: Scope, crew_ids: Collection[str]) -> Mapping[str, str]:
        seen = select(crew_cells.c.crew_id).where(in_scope(crew_cells.c.grid_id, scope))
        query = select(crews.c.id, crews.c.name).where(crews.c.id.in_(sorted(crew_ids)), crews.c.id.in_(seen))
        return {row.id: row.name for row in self._connection.execute(query)}

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

    def _crews(self, query: Select[Any], scope: Scope, at_ms: int | None = None) -> tuple[Crew, ...]:
        seen = select(crew_cells.c.crew_id).where(in_scope(crew_cells.c.grid_id, scope))
        rows = self._connection.execute(query.where(crews.c.id.in_(seen)).order_by(crews.c.id)).all()
        ids = [row.id for row in rows]
        cells, rosters = self._cells_of(ids), self._shifts_of(ids)
        skills = self._skills_of(ids, wall_clock_ms() if at_ms is None else at_ms)
        return tuple(
            _crew(row, cells.get(row.id, ()), skills.get(row.id, frozenset()), rosters.get(row.id, ()))
            for row in rows
        )

    def _skills_of(self, crew_ids: list[str], at_ms: int) -> dict[str, frozenset[str]]:
        row = crew_members.c
        members = self._connection.execute(
            select(row.crew_id, row.person_id, row.leads, row.from_ms, row.until_ms)
            .where(row.crew_id.in_(crew_ids))
        )  # fmt: skip
        listed = [Member(*member) for member in members]
        people = {member.person_id for member in listed}
        skill = qualifications.c
        known = self._connection.execute(
            select(skill.person_id, skill.skill, skill.from_ms, skill.until_ms)
            .where(skill.person_id.in_(sorted(people)))
        )  # fmt: skip
        return skills_by_crew(listed, [Qualification(*one) for one in known], at_ms)

    def _shifts_of(self, crew_ids: list[str]) -> dict[str, tuple[Shift, ...]]:
        row = shifts.c
        query = select(
            row.crew_id, row.days, row.starts, row.ends, row.on_call, row.from_day, row.until_day
        ).where(row.crew_id.in_(crew_ids)).order_by(row.id)  # fmt: skip
        found: dict[str, tuple[Shift, ...]] = {}
        for one in self._connection.execute(query):
            found[one.crew_id] = (*found.get(one.crew_id, ()), Shift(*one))
        return found

    def _cells_of(self, crew_ids: list[str]) -> dict[str, tuple[str, ...]]:
        query = select(crew_cells).where(crew_cells.c.crew_id.in_(crew_ids)).order_by(crew_cells.c.grid_id)
        cells: dict[str, tuple[str, ...]] = {}
        for row in self._connection.execute(query):
            cells[row.crew_id] = (*cells.get(row.crew_id, ()), row.grid_id)
        return cells


def _cell(row: Row[Any]) -> GridCell:
    bounds = (row.west, row.south, row.east, row.north)
    return GridCell(row.id, row.name, row.name_en, AreaKind(row.area), bounds)


def _crew(row: Row[Any], cells: tuple[str, ...], skills: frozenset[str], roster: tuple[Shift, ...]) -> Crew:
    return Crew(
        row.id, row.name, cells, CrewState(row.state), row.lon, row.lat, row.position_ms, row.unit_id,
        skills, roster,
    )  # fmt: skip
