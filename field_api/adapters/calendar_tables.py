"""Tables of the working days: what holds, and every change of it."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE

work_calendar: Final = Table(
    "work_calendar",
    metadata,
    Column("day", Text, primary_key=True),
    Column("company", Text, primary_key=True),
    Column("is_work", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("published", Boolean, nullable=False),
)
"""``company`` is empty for the days that hold for everybody; a company's own row goes before those."""

work_calendar_changes: Final = Table(
    "work_calendar_changes",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("company", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("days", Text, nullable=False),
)
"""Who entered what and when. Append only; the newest id is the calendar's version."""
