"""Faults found in readings: alarms, what is remembered between readings, voltage quality by day."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0004"
down_revision = "desk_0003"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "fault_alarm",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("transformer", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("raised_ms", sa.BigInteger, nullable=False),
        sa.Column("cleared_ms", sa.BigInteger),
        sa.Column("worst", sa.Float),
        sa.Column("meters", sa.Integer, nullable=False),
        sa.Column("swallowed_by", sa.Text, nullable=False),
    )
    op.create_index("fault_alarm_cleared", "fault_alarm", ["cleared_ms", "id"])
    op.create_table(
        "fault_track",
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("worst", sa.Float, nullable=False),
        sa.Column("raised_ms", sa.BigInteger),
        sa.Column("well_since_ms", sa.BigInteger),
    )
    op.create_table(
        "fault_position",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "voltage_quality",
        sa.Column("transformer", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("monitored", sa.BigInteger, nullable=False),
        sa.Column("outside", sa.BigInteger, nullable=False),
    )
    op.create_index("voltage_quality_day", "voltage_quality", ["day"])


def downgrade() -> None:
    for table in ("voltage_quality", "fault_position", "fault_track", "fault_alarm"):
        op.drop_table(table)
