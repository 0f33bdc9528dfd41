"""The organisation: units, people, skills, duties, rosters, villages, and the record of who changed it."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0008"
down_revision = "desk_0007"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _place() -> list[sa.Column[float]]:
    return [sa.Column("lon", sa.Float), sa.Column("lat", sa.Float)]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _span(in_key: bool = False) -> list[sa.Column[int]]:
    begins = (
        sa.Column("from_ms", sa.BigInteger, primary_key=True, autoincrement=False)
        if in_key
        else sa.Column("from_ms", sa.BigInteger, nullable=False)
    )
    return [begins, sa.Column("until_ms", sa.BigInteger)]


def _one_active(table: str, column: str) -> None:
    active = sa.text("until_ms IS NULL")
    op.create_index(
        f"ix_{table}_active", table, [column], unique=True, sqlite_where=active, postgresql_where=active
    )


def upgrade() -> None:
    op.add_column("crews", sa.Column("unit_id", sa.Text, nullable=False, server_default=""))
    _people()
    _duties()
    _crews()
    _records()


def _people() -> None:
    op.create_table(
        "org_units",
        *_key("id"),
        *_text("kind", "parent_id", "name", "name_en", "team_kind"),
        sa.Column("number", sa.Integer, nullable=False),
        *_place(),
    )
    op.create_table(
        "people",
        *_key("id"),
        *_text("name", "unit_id", "name_en", "phone", "user_id"),
        sa.Column("rating", sa.Float),
        *_place(),
        *_span(),
    )
    op.create_table("qualifications", *_key("person_id", "skill"), *_span())


def _duties() -> None:
    op.create_table(
        "assignments",
        *_key("grid_id"),
        *_text("person_id"),
        *_flags("service", "work", "asset"),
        *_span(in_key=True),
    )
    _one_active("assignments", "grid_id")
    op.create_table("villages", *_key("id"), *_text("name", "grid_id", "name_en"), *_place())
    op.create_table("liaisons", *_key("village_id"), *_text("person_id"), *_span(in_key=True))
    _one_active("liaisons", "village_id")


def _crews() -> None:
    op.create_table("crew_members", *_key("crew_id", "person_id"), *_flags("leads"), *_span(in_key=True))
    op.create_table(
        "shifts",
        sa.Column("id", _WIDE, primary_key=True),
        *_text("crew_id", "days"),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        *_flags("on_call"),
        sa.Column("from_day", sa.Date),
        sa.Column("until_day", sa.Date),
    )
    op.create_index("ix_shifts_crew_id", "shifts", ["crew_id"])
    op.create_table("vehicles", *_key("id"), *_text("plate", "kind", "crew_id"), *_span())


def _records() -> None:
    op.create_table(
        "organisation_changes",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *_text("user_id", "user_name", "note", "document"),
    )
    op.create_table(
        "rollout_steps",
        *_key("plan_id"),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *_text("step", "by", "by_name", "note", "village_ids", "county"),
    )
