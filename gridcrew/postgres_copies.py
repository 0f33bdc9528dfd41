"""The owners' schemas of a PostgreSQL database as files of COPY, all of one instant, and back again.

No program of the server is needed, and a copy of one server version goes into another: the schema itself is
made by our own migrations, at the revision that the copy was made of.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import IsolationLevel

from geo.adapters.database import open_database
from gridcrew.migrations.runner import OWNERS, upgrade_to

FOLDER: Final = "postgresql"
_CHUNK: Final = 1 << 20


class NotEmpty(Exception):
    """The database holds something already."""


def export(location: str, into: Path) -> tuple[dict[str, str], list[Path]]:
    """Owner → schema revision, and the files ``postgresql/{owner}/{table}.copy`` that were made."""
    made: list[Path] = []
    versions: dict[str, str] = {}
    with _transaction(location, "REPEATABLE READ") as connection:
        for owner in OWNERS:
            version = connection.scalar(text(f'SELECT version_num FROM "{owner}".alembic_version'))  # noqa: S608 (ours)
            versions[owner] = str(version)
            for table in _tables(connection, owner):
                made.append(into / FOLDER / owner / f"{table}.copy")
                made[-1].parent.mkdir(parents=True, exist_ok=True)
                _copy_out(connection, owner, table, made[-1])
    return versions, made


def load(location: str, folder: Path, versions: Mapping[str, str]) -> None:
    """All schemas at their revisions with their rows, or nothing; raises ``NotEmpty``."""
    with _transaction(location, "READ COMMITTED") as connection:
        for owner in OWNERS:
            if _tables(connection, owner):
                raise NotEmpty(f"the schema {owner} has tables: restore into an empty database")
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{owner}"'))
            connection.execute(text(f'SET LOCAL search_path TO "{owner}"'))
            upgrade_to(connection, owner, versions[owner])
            tables = _parents_first(connection, owner)
            places = ", ".join(f'"{owner}"."{table}"' for table in tables)
            connection.execute(text(f"TRUNCATE {places}"))
            for table in tables:
                _copy_in(connection, owner, table, folder / FOLDER / owner / f"{table}.copy")
                _go_on_counting(connection, owner, table)


@contextmanager
def _transaction(location: str, isolation: IsolationLevel) -> Iterator[Connection]:
    engine = open_database(location, OWNERS[0])
    try:
        with engine.execution_options(isolation_level=isolation).begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _tables(connection: Connection, owner: str) -> Iterable[str]:
    return sorted(set(inspect(connection).get_table_names(schema=owner)) - {"alembic_version"})


def _parents_first(connection: Connection, owner: str) -> list[str]:
    """So that no row refers to one that is not there yet."""
    inspector = inspect(connection)
    ordered = [name for name, _ in inspector.get_sorted_table_and_fkc_names(schema=owner) if name is not None]
    return [name for name in ordered if name != "alembic_version"]


def _copy_out(connection: Connection, owner: str, table: str, file: Path) -> None:
    order = f"COPY {_place(connection, owner, table)} TO STDOUT"
    with file.open("wb") as out, _cursor(connection) as cursor, cursor.copy(order) as copy:
        out.writelines(copy)


def _copy_in(connection: Connection, owner: str, table: str, file: Path) -> None:
    order = f"COPY {_place(connection, owner, table)} FROM STDIN"
    with file.open("rb") as rows, _cursor(connection) as cursor, cursor.copy(order) as copy:
        shutil.copyfileobj(rows, copy, _CHUNK)


def _place(connection: Connection, owner: str, table: str) -> str:
    """With its columns by name: their order may differ after migrations."""
    names = sorted(column["name"] for column in inspect(connection).get_columns(table, schema=owner))
    return f'"{owner}"."{table}" ({", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)})'


def _go_on_counting(connection: Connection, owner: str, table: str) -> None:
    place = f'"{owner}"."{table}"'
    for column in inspect(connection).get_columns(table, schema=owner):
        asked = {"table": place, "column": column["name"]}
        series = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), asked)
        if series is not None:
            newest = f'SELECT coalesce(max("{column["name"]}"), 0) + 1 FROM {place}'  # noqa: S608 (our own names)
            connection.execute(text(f"SELECT setval(:series, ({newest}), false)"), {"series": series})


def _cursor(connection: Connection) -> Any:  # noqa: ANN401 (the driver's)
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    return driver.cursor()
