"""Grid cells and crews in the desk's tables."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, true, update

from field_api.adapters.tables import crew_cells, crews, grid_cells
from field_api.organisation import AreaKind, Crew, CrewState, GridCell
from field_api.people import Scope


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

    def crews(self, scope: Scope) -> tuple[Crew, ...]:
        return self._crews(select(crews), scope)

    def crew(self, scope: Scope, crew_id: str) -> Crew | None:
        found = self._crews(select(crews).where(crews.c.id == crew_id), scope)
        return found[0] if found else None

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
                lon=crew.lon, lat=crew.lat, position_ms=crew.position_ms,
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

    def _crews(self, query: Select[Any], scope: Scope) -> tuple[Crew, ...]:
        seen = select(crew_cells.c.crew_id).where(in_scope(crew_cells.c.grid_id, scope))
        rows = self._connection.execute(query.where(crews.c.id.in_(seen)).order_by(crews.c.id)).all()
        cells = self._cells_of([row.id for row in rows])
        return tuple(_crew(row, cells.get(row.id, ())) for row in rows)

    def _cells_of(self, crew_ids: list[str]) -> dict[str, tuple[str, ...]]:
        query = select(crew_cells).where(crew_cells.c.crew_id.in_(crew_ids)).order_by(crew_cells.c.grid_id)
        cells: dict[str, tuple[str, ...]] = {}
        for row in self._connection.execute(query):
            cells[row.crew_id] = (*cells.get(row.crew_id, ()), row.grid_id)
        return cells


def _cell(row: Row[Any]) -> GridCell:
    bounds = (row.west, row.south, row.east, row.north)
    return GridCell(row.id, row.name, row.name_en, AreaKind(row.area), bounds)


def _crew(row: Row[Any], cells: tuple[str, ...]) -> Crew:
    return Crew(row.id, row.name, cells, CrewState(row.state), row.lon, row.lat, row.position_ms)
