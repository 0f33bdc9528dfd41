"""The table of the audit record."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE

audit: Final = Table(
    "audit",
    metadata,
    Column("sequence", WIDE, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_action", "action", "sequence"),
    Index("ix_audit_actor_id", "actor_id", "sequence"),
    Index("ix_audit_at_ms", "at_ms"),
)
"""Append only; each row's hash covers all of it and the hash of the row before."""
