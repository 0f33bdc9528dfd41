"""Tables of the ``network`` owner: snapshots, and when each took effect."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData()

SNAPSHOTS: Final = Table(
    "snapshots",
    METADATA,
    Column("content_hash", String(16), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

VERSIONS: Final = Table(
    "versions",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("content_hash", String(16), ForeignKey("snapshots.content_hash"), nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    Column("imported_ms", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("made_by", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Index("versions_once", "content_hash", "effective_ms", unique=True),
    Index("versions_by_time", "effective_ms"),
)

PROPOSALS: Final = Table(
    "proposals",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("content_hash", String(16), ForeignKey("snapshots.content_hash"), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("judged", Text, nullable=False),
    Column("set_aside", Integer, nullable=False),
    Column("settled_ms", BigInteger),
    Column("outcome", Text, nullable=False),
)
