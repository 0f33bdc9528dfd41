"""Revisions of outages, the newest of each, the detector's position and the snapshot of its fold."""

import sqlalchemy as sa
from alembic import op

revision = "outages_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outage_revision",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("outage_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("restored_at_ms", sa.BigInteger),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("outage_revision_once", "outage_revision", ["outage_id", "revision"], unique=True)
    op.create_index("outage_revision_started", "outage_revision", ["started_at_ms"])
    op.create_table(
        "outage_head",
        sa.Column("outage_id", sa.String(64), primary_key=True),
        sa.Column("newest_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("outage_head_state", "outage_head", ["state", "started_at_ms"])
    op.create_table(
        "detector_position",
        sa.Column("log", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "detector_snapshot",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("network_hash", sa.String(64), nullable=False),
        sa.Column("positions", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("detector_snapshot", "detector_position", "outage_head", "outage_revision"):
        op.drop_table(table)
