"""Tables of the gateway's database: evidence, what was seen, dead letters, terminals, counters.

No schema is named here, so that the same tables lie in a SQLite file or in a schema of PostgreSQL.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

WIDE: Final = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite's own row id needs the word INTEGER."""


def evidence_table(metadata: MetaData, name: str = "evidence") -> Table:
    """An evidence log's table, the same in every database that keeps one (gateway, desk)."""
    return Table(
        name,
        metadata,
        Column("id", WIDE, primary_key=True, autoincrement=False),
        Column("key", Text, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("received_ms", BigInteger, nullable=False),
        Column("source", Text, nullable=False),
        Column("devices", LargeBinary, nullable=False),
        Column("volts", LargeBinary),
        Index(f"ix_{name}_received_ms", "received_ms"),
    )


metadata = MetaData()

evidence = evidence_table(metadata)

seen_frames = Table(
    "seen_frames",
    metadata,
    Column("key", Text, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Index("ix_seen_frames_received_ms", "received_ms"),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("code_version", Text, nullable=False),
)

terminals = Table(
    "terminals",
    metadata,
    Column("terminal", Text, primary_key=True),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("online", Boolean, nullable=False),
)

gateway_state = Table(
    "gateway_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counters (received, duplicate, stored, dead, pending) and the spool cursor, by name."""
