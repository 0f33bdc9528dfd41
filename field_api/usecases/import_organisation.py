"""An organisation's files become what is in force: compared, checked as a whole, entered all or not at all.

A file that is there is all of its kind; a kind without a file stays as it is. The same folder again changes
nothing. Crews that a file no longer names are withdrawn: they keep their history and get no more work.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Final

from field_api.organisation.cells import Crew, CrewState, GridCell
from field_api.organisation.columns import SHEET_OF, CellRow, CrewRow, FileProblem, column_of
from field_api.organisation.establishment import (
    KEY,
    KINDS,
    Changes,
    Establishment,
    Record,
    changes,
    key_of,
    problems,
)
from field_api.people.masking import mask_phone
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession

MOST_NOTED: Final = 500
"""Changed records that the record of changes quotes; of more it keeps the number."""
IN_FORCE: Final = "in force"

Lines = Sequence[tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that the folder adds, changes or removes."""

    sign: str
    """``+``, ``~`` or ``-``."""
    file: str
    key: str
    told: str
    """Of a changed one: field before → after."""

    def __str__(self) -> str:
        return f"{self.sign} {self.file} {self.key}{f': {self.told}' if self.told else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import would do, or did."""

    problems: tuple[FileProblem, ...]
    differences: tuple[Difference, ...]
    establishment: Establishment
    """As it would be."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The folder over what is there."""

    establishment: Establishment
    changes: Changes
    cells: tuple[GridCell, ...]
    crews: tuple[Crew, ...]
    withdrawn: tuple[Crew, ...]


class ImportOrganisation:
    """Reads nothing itself: ``records`` are what the folder said, by kind, each with its line."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, records: Mapping[str, Lines], found: Sequence[FileProblem] = ()) -> Outcome:
        """What an import would do; nothing is entered."""
        with self._desk.reading() as session:
            return self._outcome(session, records, found)[0]

    def __call__(
        self, records: Mapping[str, Lines], found: Sequence[FileProblem], user: tuple[str, str], now_ms: int
    ) -> Outcome:
        """Enter it, unless there is a problem; ``user`` is (id, name) for the record of changes."""
        with self._desk.writing() as session:
            outcome, wanted = self._outcome(session, records, found)
            if not outcome.problems and outcome.differences:
                _enter(session, wanted)
                told = json.dumps([str(one) for one in outcome.differences[:MOST_NOTED]], ensure_ascii=False)
                note = f"import: {len(outcome.differences)} records"
                session.establishment.note(now_ms, *user, note, told)
        return outcome

    def _outcome(
        self, session: DeskSession, records: Mapping[str, Lines], found: Sequence[FileProblem]
    ) -> tuple[Outcome, _Wanted]:
        there = session.establishment.read()
        cells, crews = session.organisation.cells(WHOLE_COMPANY), session.organisation.crews(WHOLE_COMPANY)
        wanted = _wanted(there, cells, crews, records)
        busy = session.orders.open_by_crew()
        told = [*found, *_of_cells(records, cells), *_of_crews(wanted, busy, records)]
        crew_ids = {crew.id for crew in wanted.crews}
        told += _located(records, wanted.establishment, {cell.id for cell in cells}, crew_ids)
        differences = (*_by_row(cells, wanted.cells, "cells"), *_by_row(crews, wanted.crews, "crews"))
        differences += tuple(Difference("-", "crews.csv", crew.id, "") for crew in wanted.withdrawn)
        differences += _by_record(wanted.changes)
        return Outcome(tuple(told), differences, wanted.establishment), wanted


def _wanted(
    there: Establishment, cells: Sequence[GridCell], crews: Sequence[Crew], records: Mapping[str, Lines]
) -> _Wanted:
    said = {kind: tuple(record for _, record in lines) for kind, lines in records.items()}
    kinds = [kind for kind in KINDS if kind in said]
    establishment = replace(there, **{kind: said[kind] for kind in kinds})
    new_cells, new_crews = tuple(cells), tuple(crews)
    withdrawn: tuple[Crew, ...] = ()
    if "cells" in said:
        rows: dict[str, CellRow] = {row.id: row for row in said["cells"]}
        new_cells = tuple(_with_row(cell, rows.get(cell.id)) for cell in cells)
    if "crews" in said:
        known = {crew.id: crew for crew in crews}
        new_crews = tuple(_crew(row, known.get(row.id), new_cells) for row in said["crews"])
        withdrawn = tuple(crew for crew in crews if crew.id not in {row.id for row in said["crews"]})
    return _Wanted(establishment, changes(there, establishment, kinds), new_cells, new_crews, withdrawn)


def _with_row(cell: GridCell, row: CellRow | None) -> GridCell:
    if row is None:
        return cell
    return replace(cell, name=row.name, name_en=row.name_en or cell.name_en, area=row.area)


def _crew(row: CrewRow, known: Crew | None, cells: Sequence[GridCell]) -> Crew:
    """Where a known crew is, only it says itself."""
    if known is not None:
        return replace(known, name=row.name, grid_ids=row.grid_ids, unit_id=row.unit_id)
    bounds = next((cell.bounds for cell in cells if cell.id in row.grid_ids), (0.0, 0.0, 0.0, 0.0))
    west, south, east, north = bounds
    lon = (west + east) / 2 if row.lon is None else row.lon
    lat = (south + north) / 2 if row.lat is None else row.lat
    return Crew(row.id, row.name, row.grid_ids, CrewState.FREE, lon, lat, 0, row.unit_id)


def _enter(session: DeskSession, wanted: _Wanted) -> None:
    for cell in wanted.cells:
        session.organisation.put_cell(cell)
    for crew in wanted.crews:
        session.organisation.put_crew(crew)
    for crew in wanted.withdrawn:
        session.organisation.put_crew(replace(crew, grid_ids=()))
    session.establishment.change(wanted.changes)


def _of_cells(records: Mapping[str, Lines], cells: Sequence[GridCell]) -> list[FileProblem]:
    known = {cell.id for cell in cells}
    return [
        FileProblem("cells.csv", line, "id", f"the network has no grid cell {row.id!r}")
        for line, row in records.get("cells", ())
        if row.id not in known
    ]


def _of_crews(wanted: _Wanted, busy: Mapping[str, int], records: Mapping[str, Lines]) -> list[FileProblem]:
    cells, units = {cell.id for cell in wanted.cells}, wanted.establishment.unit
    found = [
        FileProblem("crews.csv", 0, "id", f"{crew.id} is not named but has {busy[crew.id]} open orders")
        for crew in wanted.withdrawn
        if busy.get(crew.id)
    ]
    seen: set[str] = set()
    for line, row in records.get("crews", ()):
        found += [
            FileProblem("crews.csv", line, "grid_ids", f"there is no grid cell {cell!r}")
            for cell in row.grid_ids
            if cell not in cells
        ]
        if row.unit_id and row.unit_id not in units:
            found.append(FileProblem("crews.csv", line, "unit_id", f"there is no unit {row.unit_id!r}"))
        if row.id in seen:
            found.append(FileProblem("crews.csv", line, "id", "named twice"))
        seen.add(row.id)
    bare = cells - {cell for crew in wanted.crews for cell in crew.grid_ids}
    if "crews" in records:
        found += [FileProblem("crews.csv", 0, "", f"grid cell {cell} has no crew") for cell in sorted(bare)]
    return found


def _located(
    records: Mapping[str, Lines], whole: Establishment, cells: Collection[str], crews: Collection[str]
) -> list[FileProblem]:
    """The problems of the whole, each where the file has it; line 0 for what no file named."""
    lines = {(kind, key_of(kind, record)): line for kind in KINDS for line, record in records.get(kind, ())}
    found = []
    for one in problems(whole, cells, crews):
        file, line = SHEET_OF[one.kind].file, lines.get((one.kind, one.key), 0)
        told = one.told if line else f"{IN_FORCE}, {'/'.join(map(str, one.key))}: {one.told}"
        found.append(FileProblem(file, line, column_of(one.kind, one.field), told))
    return found


def _by_row(
    before: Sequence[GridCell] | Sequence[Crew], after: Sequence[GridCell] | Sequence[Crew], kind: str
) -> tuple[Difference, ...]:
    known: dict[str, GridCell | Crew] = {one.id: one for one in before}
    file = SHEET_OF[kind].file
    fresh = tuple(Difference("+", file, one.id, "") for one in after if one.id not in known)
    pairs = [(known[one.id], one) for one in after if one.id in known]
    return fresh + tuple(Difference("~", file, new.id, _told(old, new)) for old, new in pairs if old != new)


def _by_record(found: Changes) -> tuple[Difference, ...]:
    told: list[Difference] = []
    for kind in found.added:
        file = SHEET_OF[kind].file
        told += [Difference("+", file, _key(kind, record), "") for record in found.added[kind]]
        told += [Difference("~", file, _key(kind, new), _told(old, new)) for old, new in found.changed[kind]]
        told += [Difference("-", file, _key(kind, record), "") for record in found.removed[kind]]
    return tuple(told)


def _key(kind: str, record: Record) -> str:
    sheet = SHEET_OF[kind]
    names = {column.field: column.write for column in sheet.columns}
    key = ((field, getattr(record, field)) for field in KEY[kind])
    return "/".join(text for field, value in key if (text := names[field](value)))


def _told(old: object, new: object) -> str:
    before, after = _shown(old), _shown(new)
    return ", ".join(
        f"{name} {before[name]!r} → {after[name]!r}" for name in before if before[name] != after[name]
    )


def _shown(record: Any) -> dict[str, Any]:  # noqa: ANN401 (any dataclass)
    """Fields as a report may show them: without telephone numbers."""
    values = {name: one.value if isinstance(one, Enum) else one for name, one in asdict(record).items()}
    return values | ({"phone": mask_phone(values["phone"])} if "phone" in values else {})
