"""Corrections by hand: rows added, changed or removed, and the whole checked as if it had been brought in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from geo.assemble import Assembled, assemble
from geo.errors import GeoError
from geo.network import Network
from geo.rows import Table
from geo.spelling import Columns, spelled


class EditRefused(GeoError):
    """An edit that names what is not there, or adds what is."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``fields`` in the spelling of the CSV files. None: the row is removed."""

    table: str
    id: str
    fields: Mapping[str, str] | None = field(default_factory=dict)
    is_new: bool = False


def edited(network: Network, edits: Iterable[Edit]) -> Assembled:
    """The network after all edits, or the findings that speak against it. Raises ``EditRefused``."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    written = spelled(network)
    for edit in edits:
        if edit.table not in written or "id" not in written[edit.table]:
            known = ", ".join(name for name, columns in written.items() if "id" in columns)
            raise EditRefused(
                f"table: expected one of {known}, found {edit.table!r}",
                "no_table",
                known=known,
                found=edit.table,
            )
        rows = tables.setdefault(edit.table, _by_id(written[edit.table]))
        _apply(edit, rows, written[edit.table])
    columns = {name: _columns(tables[name], own) if name in tables else own for name, own in written.items()}
    return assemble({name: Table(f"{name}.csv", own) for name, own in columns.items()})


def _apply(edit: Edit, rows: dict[str, dict[str, str]], columns: Columns) -> None:
    where = f"{edit.table} {edit.id}"
    if edit.is_new == (edit.id in rows):
        raise EditRefused(
            f"{where}: is {'already' if edit.is_new else 'not'} there",
            "row_there" if edit.is_new else "no_row",
            table=edit.table,
            row=edit.id,
        )
    if edit.fields is None:
        del rows[edit.id]
        return
    unknown = [name for name in edit.fields if name not in columns]
    if unknown or "id" in edit.fields:
        raise EditRefused(
            f"{where}: expected fields of {', '.join(columns)}, found {(unknown or ['id'])[0]!r}",
            "no_column",
            table=edit.table,
            column=(unknown or ["id"])[0],
        )
    row = rows.setdefault(edit.id, dict.fromkeys(columns, "") | {"id": edit.id})
    row.update(edit.fields)


def _by_id(columns: Columns) -> dict[str, dict[str, str]]:
    rows = zip(*columns.values(), strict=True)
    listed = (dict(zip(columns, row, strict=True)) for row in rows)
    return {row["id"]: row for row in listed}


def _columns(rows: Mapping[str, Mapping[str, str]], columns: Columns) -> Columns:
    return {name: tuple(row[name] for row in rows.values()) for name in columns}
