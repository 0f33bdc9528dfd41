"""Tables of notices: what was announced, the outbox, clicks, holds and how channels fare."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE

announcements: Final = Table(
    "announcements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("outage_id", Text, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("expected_ms", BigInteger),
    Column("feeder", Text, nullable=False, server_default=""),
    Column("customers", Integer, nullable=False, server_default="0"),
    Column("key_customers", Integer, nullable=False, server_default="0"),
    Index("ix_announcements_incident_id", "incident_id"),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("announcement_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("urgency", Integer, nullable=False, server_default="3"),
    Column("reference", Text, nullable=False, server_default=""),
    Column("receipt_ms", BigInteger),
    Index("ix_outbox_announcement_id", "announcement_id"),
    Index("ix_outbox_state_due_ms", "state", "due_ms"),
    Index("ix_outbox_reference", "reference"),
    Index("ix_outbox_recipient", "recipient", "id"),
)

notice_holds: Final = Table(
    "notice_holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("thing", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("released_ms", BigInteger),
    Column("released_by", Text, nullable=False),
    Column("released_note", Text, nullable=False),
)
"""Who held what back and who let it go. A row is written once and released once, never removed."""

notice_verdicts: Final = Table(
    "notice_verdicts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("customers", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_notice_verdicts_incident_id", "incident_id"),
)
"""Who clicked what away. Append only."""

channel_states: Final = Table(
    "channel_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failing_since_ms", BigInteger),
    Column("problem", Text, nullable=False),
    Column("reported", Boolean, nullable=False),
)
