"""Tables of the detector's database (owner ``outages``): revisions, position, snapshot of the fold."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

from telemetry.adapters.ping_wishes import ping_wishes_table

METADATA: Final = MetaData()

REVISIONS: Final = Table(
    "outage_revision",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("outage_id", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("restored_at_ms", BigInteger),
    Column("probability", Float, nullable=False),
    # The whole revision as JSON; the columns above are what is searched for.
    Column("body", Text, nullable=False),
    Index("outage_revision_once", "outage_id", "revision", unique=True),
    Index("outage_revision_started", "started_at_ms"),
)

HEADS: Final = Table(
    "outage_head",
    METADATA,
    Column("outage_id", String(64), primary_key=True),
    Column("newest_id", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Index("outage_head_state", "state", "started_at_ms"),
)
"""The newest revision of each outage: what ``current`` reads, however long the log has grown."""

POSITIONS: Final = Table(
    "detector_position",
    METADATA,
    Column("log", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

SNAPSHOTS: Final = Table(
    "detector_snapshot",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("network_hash", String(64), nullable=False),
    Column("positions", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

EXPLANATIONS: Final = Table(
    "explanations",
    METADATA,
    Column("outage_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    # A ``telemetry.explanation.Explanation`` as JSON, deflated.
    Column("body", LargeBinary, nullable=False),
    Index("explanations_at", "at_ms"),
)

PING_WISHES: Final = ping_wishes_table(METADATA)
"""What the detector wants to know of meters; the gateway reads it."""
