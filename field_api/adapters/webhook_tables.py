"""Tables of subscriptions and of what waits for them, in the desk's database."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE

webhooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("grids", Text, nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("after_id", BigInteger, nullable=False),
)

webhook_outbox: Final = Table(
    "webhook_outbox",
    metadata,
    Column("id", WIDE, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("webhook_id", Text, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("settled_ms", BigInteger),
    Index("ix_webhook_outbox_webhook_id", "webhook_id", "state", "due_ms"),
    Index("ix_webhook_outbox_settled_ms", "settled_ms"),
)
