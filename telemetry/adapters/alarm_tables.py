"""Tables of fault watching, in the desk's database: alarms, tracks, positions, voltage quality."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text

from telemetry.adapters.gateway_tables import WIDE

METADATA: Final = MetaData()

ALARMS: Final = Table(
    "fault_alarm",
    METADATA,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("transformer", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("cleared_ms", BigInteger),
    Column("worst", Float),
    Column("meters", Integer, nullable=False),
    Column("swallowed_by", Text, nullable=False),
    Index("fault_alarm_cleared", "cleared_ms", "id"),
)

TRACKS: Final = Table(
    "fault_track",
    METADATA,
    Column("rule", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("worst", Float, nullable=False),
    Column("raised_ms", BigInteger),
    Column("well_since_ms", BigInteger),
)

POSITIONS: Final = Table(
    "fault_position",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

VOLTAGE: Final = Table(
    "voltage_quality",
    METADATA,
    Column("transformer", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("monitored", BigInteger, nullable=False),
    Column("outside", BigInteger, nullable=False),
    Index("voltage_quality_day", "day"),
)
