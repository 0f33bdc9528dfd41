"""Explanations on SQLite and PostgreSQL: one deflated JSON document a revision, the oldest let go."""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from geo.adapters.database import lock_log, writing
from telemetry.adapters.outage_tables import EXPLANATIONS
from telemetry.explanation import Explanation

MAX_KEPT: Final = 50
"""Explanations of one outage; of more, the newest stay."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one explanation, inflated."""
_document = msgspec.json.Decoder(Explanation)


class SqlExplanations:
    """``Explanations`` on the outages' database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, explanations: Sequence[Explanation]) -> None:
        """Keep them, each instead of an earlier one of the same revision."""
        if not explanations:
            return
        with writing(self._engine).begin() as connection:
            lock_log(connection, "explanations")
            for explanation in explanations:
                _put(connection, explanation)
                _let_go(connection, explanation.outage_id)

    def of(self, outage_id: str, revision: int | None = None) -> Explanation | None:
        """The newest kept of an outage, or that of one revision; None where none was kept."""
        query = select(EXPLANATIONS.c.body).where(EXPLANATIONS.c.outage_id == outage_id)
        if revision is not None:
            query = query.where(EXPLANATIONS.c.revision == revision)
        with self._engine.connect() as connection:
            body = connection.scalar(query.order_by(EXPLANATIONS.c.revision.desc()).limit(1))
        return None if body is None else _document.decode(zlib.decompressobj().decompress(body, MAX_BYTES))

    def explained(self, outage_id: str) -> int | None:
        """The revision of the newest one."""
        query = select(func.max(EXPLANATIONS.c.revision)).where(EXPLANATIONS.c.outage_id == outage_id)
        with self._engine.connect() as connection:
            newest: int | None = connection.scalar(query)
        return newest


def _put(connection: Connection, explanation: Explanation) -> None:
    values = {
        "at_ms": explanation.at_ms,
        "body": zlib.compress(msgspec.json.encode(explanation), 1),
    }
    key = {"outage_id": explanation.outage_id, "revision": explanation.revision}
    same = (EXPLANATIONS.c.outage_id == key["outage_id"]) & (EXPLANATIONS.c.revision == key["revision"])
    if not connection.execute(update(EXPLANATIONS).where(same).values(values)).rowcount:
        connection.execute(insert(EXPLANATIONS).values(**key, **values))


def _let_go(connection: Connection, outage_id: str) -> None:
    own = EXPLANATIONS.c.outage_id == outage_id
    newest = connection.scalar(select(func.max(EXPLANATIONS.c.revision)).where(own)) or 0
    connection.execute(delete(EXPLANATIONS).where(own, EXPLANATIONS.c.revision <= newest - MAX_KEPT))
