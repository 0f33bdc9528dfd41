"""Copies of several SQLite files as of one instant, while others write to them.

What one file says of another (a consumer's position in a log) stays true in the copies: for the moment in
which all readers take their snapshot, every file's writers are held; then they go on and the copying begins.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite

WAIT_S: Final = 30.0


class Busy(Exception):
    """Somebody held a database for too long."""


@contextmanager
def one_instant(files: Sequence[Path]) -> Iterator[dict[Path, Any]]:
    """Readers of all ``files``, every one of them at the same instant; ``copy_to`` copies from them."""
    with ExitStack() as readers:
        found = {file: readers.enter_context(closing(_connected(file))) for file in files}
        with ExitStack() as fences:
            try:
                for file in files:
                    fences.enter_context(closing(_connected(file))).execute("BEGIN IMMEDIATE")
                for reader in found.values():
                    reader.execute("BEGIN")
                    reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite.OperationalError as problem:
                raise Busy(f"{file}: {problem}") from problem
        yield found


def copy_to(reader: Any, target: Path) -> None:  # noqa: ANN401 (the driver has no types)
    """The file as the reader sees it, in one piece without a log beside it."""
    with closing(sqlite.connect(target)) as copy:
        reader.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def version_in(reader: Any) -> str | None:  # noqa: ANN401
    """The schema's revision; None where the file has none."""
    known = reader.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone()
    row = reader.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return None if row is None else str(row[0])


def _connected(file: Path) -> Any:  # noqa: ANN401
    return sqlite.connect(file, timeout=WAIT_S, isolation_level=None)
