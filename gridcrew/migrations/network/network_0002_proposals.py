"""Networks that wait for approval; who made a version take effect, and why."""

import sqlalchemy as sa
from alembic import op

revision = "network_0002"
down_revision = "network_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("made_by", sa.Text, nullable=False, server_default=""))
    op.add_column("versions", sa.Column("note", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("content_hash", sa.String(16), sa.ForeignKey("snapshots.content_hash"), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("judged", sa.Text, nullable=False),
        sa.Column("set_aside", sa.Integer, nullable=False),
        sa.Column("settled_ms", sa.BigInteger),
        sa.Column("outcome", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("proposals")
    op.drop_column("versions", "note")
    op.drop_column("versions", "made_by")
