"""One way to open a database: SQLite files by owner, or schemas of one PostgreSQL database.

SQLite runs in WAL mode with full synchronisation: what was committed survives kill -9 and a power cut.
Versions before 3.51.3 can corrupt a WAL that two connections reset at once, so they are refused.
"""

import time
from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Engine, create_engine, event, text

from geo.errors import GeoError

SAFE_SQLITE: Final = (3, 51, 3)
BUSY_TIMEOUT_MS: Final = 10_000
LOOK_MS: Final = 25
"""As long as SQLite looks every few milliseconds whether the writer's place is free."""
POOL: Final[Any] = {"pool_size": 8, "max_overflow": 40}
"""Three for each of the web's 16 threads: a request may read beside its own transaction; where the pool is
smaller than that, threads that hold one connection wait for each other until they give up."""


class DatabaseTooOld(GeoError):
    """The SQLite library may lose data under two writers."""


def open_database(location: str, owner: str) -> Engine:
    """An engine on the tables of ``owner`` (network, gateway, outages, desk).

    ``location`` is a folder, where the owner's tables lie in ``{owner}.db``, or a ``postgresql`` URL, where
    they lie in the schema ``{owner}``. Nothing is created but the folder; migrations make the tables.
    """
    if location.startswith("postgresql"):
        return _open_postgresql(location, owner)
    return _open_sqlite(Path(location) / f"{owner}.db")


def _open_postgresql(url: str, owner: str) -> Engine:
    address = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(address, pool_pre_ping=True, **POOL)

    @event.listens_for(engine, "connect")
    def _use_schema(connection: Any, _record: Any) -> None:  # noqa: ANN401 (DBAPI has no types)
        with connection.cursor() as cursor:
            cursor.execute(f'SET search_path TO "{owner}"')
        connection.commit()

    return engine


def _open_sqlite(file: Path) -> Engine:
    if sqlite.sqlite_version_info < SAFE_SQLITE:
        raise DatabaseTooOld(
            f"SQLite {sqlite.sqlite_version} is older than 3.51.3; install the pysqlite3 wheel"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{file}", module=sqlite, **POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401
    # The driver must not open transactions by itself: _begin_sqlite says which kind.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:  # noqa: ANN401
    # A writer that begins DEFERRED and upgrades later fails with BUSY at once; IMMEDIATE waits its turn.
    if not connection.get_execution_options().get("write", False):
        connection.exec_driver_sql("BEGIN")
    elif not _turn_taken(connection.connection.driver_connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the last try, which says why


def _turn_taken(driver: Any) -> bool:  # noqa: ANN401
    """Begin as the writer; False after ``BUSY_TIMEOUT_MS``.

    SQLite looks ever more rarely, each tenth of a second in the end, and never meets the few milliseconds
    that a busy writer leaves between two transactions. So it is asked anew before it becomes slow.
    """
    ends_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    driver.execute(f"PRAGMA busy_timeout={LOOK_MS}")
    try:
        while time.monotonic() < ends_s:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite.OperationalError as problem:
                if "locked" not in str(problem):
                    return False
            else:
                return True
        return False
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def writing(engine: Engine) -> Engine:
    """The same database, for transactions that write: ``with writing(engine).begin() as connection``."""
    return engine.execution_options(write=True)


def lock_log(connection: Any, log: str) -> None:  # noqa: ANN401
    """Let one appender at a time into a log, so that its ids are gap-free in commit order.

    SQLite has one writer anyway; PostgreSQL takes an advisory lock until the transaction ends.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:log))"), {"log": log})
