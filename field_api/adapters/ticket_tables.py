"""The table of tickets in the desk's database."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text

from field_api.adapters.tables import metadata

tickets: Final = Table(
    "tickets",
    metadata,
    Column("number", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("open", Boolean, nullable=False),
    Column("accepted_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("outage_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("arrived_ms", BigInteger),
    Column("restored_ms", BigInteger),
    Column("kind", Text, nullable=False, server_default="fault"),
    Index("ix_tickets_open_sequence", "open", "sequence"),
    Index("ix_tickets_customer_id", "customer_id"),
    Index("ix_tickets_grid_id_kind_open", "grid_id", "kind", "open"),
)
"""``number`` is the other system's; ``sequence`` grows with each change of any ticket."""
