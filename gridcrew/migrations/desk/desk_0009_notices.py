"""Notices that wait for a click or are held, receipts, and how channels fare."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0009"
down_revision = "desk_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("announcements", sa.Column("expected_ms", sa.BigInteger))
    op.add_column("announcements", sa.Column("feeder", sa.Text, nullable=False, server_default=""))
    for name in ("customers", "key_customers"):
        op.add_column("announcements", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("urgency", sa.Integer, nullable=False, server_default="3"))
    op.add_column("outbox", sa.Column("reference", sa.Text, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("receipt_ms", sa.BigInteger))
    op.create_index("ix_outbox_reference", "outbox", ["reference"])
    op.create_table(
        "notice_holds",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("thing", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("released_ms", sa.BigInteger),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("released_note", sa.Text, nullable=False),
    )
    op.create_table(
        "notice_verdicts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("customers", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_notice_verdicts_incident_id", "notice_verdicts", ["incident_id"])
    op.create_table(
        "channel_states",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failing_since_ms", sa.BigInteger),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("reported", sa.Boolean, nullable=False),
    )
