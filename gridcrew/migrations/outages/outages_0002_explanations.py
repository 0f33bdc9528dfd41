"""Why each revision was believed, and what the detector wants to know of meters."""

import sqlalchemy as sa
from alembic import op

revision = "outages_0002"
down_revision = "outages_0001"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "explanations",
        sa.Column("outage_id", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("explanations_at", "explanations", ["at_ms"])
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
    op.drop_table("explanations")
