"""Snapshots of the network and the times at which they took effect."""

import sqlalchemy as sa
from alembic import op

revision = "network_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("content_hash", sa.String(16), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("content_hash", sa.String(16), sa.ForeignKey("snapshots.content_hash"), nullable=False),
        sa.Column("effective_ms", sa.BigInteger, nullable=False),
        sa.Column("imported_ms", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
    )
    op.create_index("versions_once", "versions", ["content_hash", "effective_ms"], unique=True)
    op.create_index("versions_by_time", "versions", ["effective_ms"])


def downgrade() -> None:
    op.drop_table("versions")
    op.drop_table("snapshots")
