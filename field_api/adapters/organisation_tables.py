"""Tables of the organisation: one for each kind of record, its fields as columns; plans and changes.

That one grid manager and one liaison are active is also a unique index, over the rows without an end.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Index, Integer, Table, Text, text

from field_api.adapters.tables import metadata
from telemetry.adapters.gateway_tables import WIDE


def _span() -> tuple[Column[int], Column[int]]:
    return Column("from_ms", BigInteger, nullable=False), Column("until_ms", BigInteger)


def _key_span() -> tuple[Column[int], Column[int]]:
    return Column("from_ms", BigInteger, primary_key=True, autoincrement=False), Column(
        "until_ms", BigInteger
    )


def _one_active(name: str, column: str) -> Index:
    active = text("until_ms IS NULL")
    return Index(name, column, unique=True, sqlite_where=active, postgresql_where=active)


org_units: Final = Table(
    "org_units",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("parent_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("team_kind", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
)

people: Final = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("rating", Float),
    Column("lon", Float),
    Column("lat", Float),
    *_span(),
)

qualifications: Final = Table(
    "qualifications",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("skill", Text, primary_key=True),
    *_span(),
)

assignments: Final = Table(
    "assignments",
    metadata,
    Column("grid_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("service", Boolean, nullable=False),
    Column("work", Boolean, nullable=False),
    Column("asset", Boolean, nullable=False),
    *_key_span(),
    _one_active("ix_assignments_active", "grid_id"),
)

crew_members: Final = Table(
    "crew_members",
    metadata,
    Column("crew_id", Text, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("leads", Boolean, nullable=False),
    *_key_span(),
)

shifts: Final = Table(
    "shifts",
    metadata,
    Column("id", WIDE, primary_key=True),
    Column("crew_id", Text, nullable=False),
    Column("days", Text, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("ends", Integer, nullable=False),
    Column("on_call", Boolean, nullable=False),
    Column("from_day", Date),
    Column("until_day", Date),
    Index("ix_shifts_crew_id", "crew_id"),
)

vehicles: Final = Table(
    "vehicles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("plate", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("crew_id", Text, nullable=False),
    *_span(),
)

villages: Final = Table(
    "villages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
)

liaisons: Final = Table(
    "liaisons",
    metadata,
    Column("village_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    *_key_span(),
    _one_active("ix_liaisons_active", "village_id"),
)

RECORDS: Final[Mapping[str, Table]] = {
    "units": org_units,
    "people": people,
    "qualifications": qualifications,
    "assignments": assignments,
    "members": crew_members,
    "shifts": shifts,
    "vehicles": vehicles,
    "villages": villages,
    "liaisons": liaisons,
}
"""Where each kind of record lies."""

organisation_changes: Final = Table(
    "organisation_changes",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("document", Text, nullable=False),
)
"""Who changed what of the organisation, and when: what was before and what is after. Append only."""

rollout_steps: Final = Table(
    "rollout_steps",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("village_ids", Text, nullable=False),
    Column("county", Text, nullable=False),
)
"""Steps of the plans to introduce liaisons. Append only."""
