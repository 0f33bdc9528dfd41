"""Table of the crews' plans."""

from typing import Final

from sqlalchemy import BigInteger, Column, Table, Text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE

dispatch_plans: Final = Table(
    "dispatch_plans",
    metadata,
    Column("number", WIDE, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)
"""The newest plans with their reasons, as they are shown; orders' histories tell what became of proposals."""
