"""Many rows of a table at once, by plain statements: an expression per row costs more than the row.

Values must be what the driver takes as they are: whole numbers, texts, bytes, None.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Table

_KEYS_PER_QUERY: Final = 500
_ROWS_AT_ONCE: Final = (64, 8, 1)
"""By how many rows a statement of SQLite inserts."""


def insert_many(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert ``rows`` of ``columns``, within the caller's transaction."""
    if connection.dialect.name != "sqlite":
        if rows:
            connection.exec_driver_sql(_inserting("%s", table.name, columns, 1), list(rows))
        return
    at = 0
    for size in _ROWS_AT_ONCE:
        while len(rows) - at >= size:
            values = tuple(chain.from_iterable(rows[at : at + size]))
            connection.exec_driver_sql(_inserting("?", table.name, columns, size), values)
            at += size


def rows_named(
    connection: Connection, table: Table, columns: tuple[str, ...], names: Sequence[str]
) -> Iterator[Any]:
    """``columns`` of the rows whose first of these columns is one of ``names``."""
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    for start in range(0, len(names), _KEYS_PER_QUERY):
        part = tuple(names[start : start + _KEYS_PER_QUERY])
        yield from connection.exec_driver_sql(_choosing(sign, table.name, columns, len(part)), part)


@lru_cache(maxsize=64)
def _inserting(sign: str, table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join(sign for _ in columns)})"
    return f"INSERT INTO {table} ({_quoted(columns)}) VALUES {', '.join(rows * [row])}"  # noqa: S608 (own names)


@lru_cache(maxsize=1024)
def _choosing(sign: str, table: str, columns: tuple[str, ...], names: int) -> str:
    wanted = ", ".join(names * [sign])
    return f"SELECT {_quoted(columns)} FROM {table} WHERE {_quoted(columns[:1])} IN ({wanted})"  # noqa: S608


def _quoted(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
