"""Table of what registers hold."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from field_api.adapters.tables import metadata

register_entries: Final = Table(
    "register_entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("register", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Index("ix_register_entries_register", "register", "subject_id"),
)
"""Entries are ended, never changed."""
