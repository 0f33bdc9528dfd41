"""Proposals in the network's database: brought, looked at, then approved in parts or dismissed."""

import json
from collections.abc import Mapping

from sqlalchemy import Engine, Row, func, insert, select, update

from geo.adapters.database import lock_log, writing
from geo.adapters.tables import PROPOSALS
from geo.errors import UnknownProposal
from geo.ports import StoredProposal

MAX_LISTED = 100


class SqlProposals:
    """``Proposals``; their networks are snapshots of the store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        content_hash: str,
        made_ms: int,
        made_by: str,
        source: str,
        judged: Mapping[str, Mapping[str, int]],
        set_aside: int,
    ) -> int:
        """Its number; the snapshot must be kept before."""
        with writing(self._engine).begin() as connection:
            lock_log(connection, PROPOSALS.name)
            number = int(connection.scalar(select(func.max(PROPOSALS.c.id))) or 0) + 1
            row = {
                "id": number, "content_hash": content_hash, "made_ms": made_ms, "made_by": made_by,
                "source": source, "judged": json.dumps(judged), "set_aside": set_aside, "outcome": "",
            }  # fmt: skip
            connection.execute(insert(PROPOSALS), row)
        return number

    def get(self, number: int) -> StoredProposal:
        """Raises ``UnknownElement``."""
        with self._engine.connect() as connection:
            row = connection.execute(select(PROPOSALS).where(PROPOSALS.c.id == number)).one_or_none()
        if row is None:
            raise UnknownProposal(number)
        return _proposal(row)

    def listed(self, limit: int = MAX_LISTED) -> tuple[StoredProposal, ...]:
        """Newest first."""
        query = select(PROPOSALS).order_by(PROPOSALS.c.id.desc()).limit(min(limit, MAX_LISTED))
        with self._engine.connect() as connection:
            return tuple(_proposal(row) for row in connection.execute(query))

    def settle(self, number: int, at_ms: int, outcome: str) -> None:
        """Note what became of it."""
        change = update(PROPOSALS).where(PROPOSALS.c.id == number).values(settled_ms=at_ms, outcome=outcome)
        with writing(self._engine).begin() as connection:
            connection.execute(change)


def _proposal(row: Row[tuple[object, ...]]) -> StoredProposal:
    return StoredProposal(
        row.id, row.content_hash, row.made_ms, row.made_by, row.source, json.loads(row.judged),
        row.set_aside, row.settled_ms, row.outcome,
    )  # fmt: skip
