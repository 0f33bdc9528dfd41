"""Wishes to know whether devices live, read by the gateway."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0002"
down_revision = "desk_0001"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "ping_wishes",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("terminal", sa.Text, nullable=False),
        sa.Column("devices", sa.Text, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("ping_wishes")
