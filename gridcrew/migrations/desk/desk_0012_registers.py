"""Registers: what is written down of villages, customers and grid cells, from when until when."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0012"
down_revision = "desk_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_entries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("register", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger),
    )
    op.create_index("ix_register_entries_register", "register_entries", ["register", "subject_id"])
