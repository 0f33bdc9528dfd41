"""Tables of the gateway's database: evidence, frames seen, dead letters, devices, completeness, counters.

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
    Column("door", Text, nullable=False, server_default="mqtt"),
    Column("replay_asked_ms", BigInteger),
)

devices = Table(
    "devices",
    metadata,
    Column("device", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_ms", BigInteger),
    Column("online", Boolean),
    Column("lost_by", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("door", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("maker", Text, nullable=False),
    Column("firmware", Text, nullable=False),
    Column("foreign_id", Text, nullable=False),
    Column("clock_offset_ms", BigInteger),
    Column("certificate_state", Text, nullable=False),
    Column("certificate_serial", Text, nullable=False),
    Column("certificate_until_ms", BigInteger),
    Index("ix_devices_parent", "parent", "device"),
    Index("ix_devices_kind", "kind", "device"),
)
"""Terminals, meters, sensors. A meter's ``last_seen_ms`` is that of its first contact: what it delivered
since stands in ``completeness``. ``lost_by``: ``will``, ``overdue`` or empty."""

device_decisions = Table(
    "device_decisions",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("device", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
)
"""Who approved or blocked what, and when; only ever appended to."""

meter_places = Table(
    "meter_places",
    metadata,
    Column("meter", Text, primary_key=True),
    Column("terminal", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Index("ix_meter_places_terminal", "terminal", "place"),
    sqlite_with_rowid=False,
)
"""A terminal's meters are numbered in the order in which they came; ``completeness`` counts by number."""

door_states = Table(
    "door_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ready", Boolean, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("counters", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""What each door of the receiver says of itself; ``counters`` is a JSON object of integers."""

security_events = Table(
    "security_events",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, nullable=False),
    Column("threat", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("finding", Text, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Index("ix_security_events_hour", "hour", "threat", "source", unique=True),
)
"""One row per hour, threat and source, however often it was tried; see ``gateway.security``."""

certificates = Table(
    "certificates",
    metadata,
    Column("serial", Text, primary_key=True),
    Column("terminal", Text, nullable=False),
    Column("authority", Integer, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("retires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Column("reason", Text, nullable=False),
    Index("ix_certificates_terminal", "terminal", "issued_ms"),
    Index("ix_certificates_revoked_ms", "revoked_ms"),
    Index("ix_certificates_retires_ms", "retires_ms"),
)
"""Certificates of terminals, see ``gateway.access``; no key is ever kept."""

arrivals = Table(
    "arrivals",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What arrived with one group of frames, not yet counted in ``completeness``."""

completeness = Table(
    "completeness",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("terminal", Text, primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("meters", Integer, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("least", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("duplicate", Integer, nullable=False),
    Column("dead", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Counts of one day of up to 256 meters of a terminal, packed; see ``telemetry.completeness``."""

gateway_state = Table(
    "gateway_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counters (received, duplicate, stored, dead, pending) and the spool cursor, by name."""
