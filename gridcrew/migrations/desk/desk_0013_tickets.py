"""Tickets of other systems by their own numbers; subscriptions to what happens, and what waits for them."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0013"
down_revision = "desk_0012"
branch_labels = None
depends_on = None

WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False, unique=True),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("accepted_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        *_texts("customer_ref", "customer_id", "grid_id", "address", "text", "source", "taken_by"),
        *_texts("verdict", "outage_id", "order_id", "advice", "cause"),
        sa.Column("arrived_ms", sa.BigInteger),
        sa.Column("restored_ms", sa.BigInteger),
    )
    op.create_index("ix_tickets_open_sequence", "tickets", ["open", "sequence"])
    op.create_index("ix_tickets_customer_id", "tickets", ["customer_id"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("url", "kinds", "grids", "sealed_secret", "state", "problem", "made_by"),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("after_id", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhook_outbox",
        sa.Column("id", WIDE, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("settled_ms", sa.BigInteger),
    )
    op.create_index("ix_webhook_outbox_webhook_id", "webhook_outbox", ["webhook_id", "state", "due_ms"])
    op.create_index("ix_webhook_outbox_settled_ms", "webhook_outbox", ["settled_ms"])
