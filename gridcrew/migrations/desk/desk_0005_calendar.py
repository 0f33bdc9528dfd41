"""Working days as they hold, and who entered them."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0005"
down_revision = "desk_0004"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "work_calendar",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("company", sa.Text, primary_key=True),
        sa.Column("is_work", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
    )
    op.create_table(
        "work_calendar_changes",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("company", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("days", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("work_calendar_changes")
    op.drop_table("work_calendar")
