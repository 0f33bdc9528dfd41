"""Pictures of orders; orders by when they last changed."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0011"
down_revision = "desk_0010"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "photos",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("order_id", "user_id"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_texts("sha256", "content_type"),
        sa.Column("taken_ms", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("lon", "lat", "accuracy_m")),
        *_texts("caption"),
        sa.Column("announced_ms", sa.BigInteger, nullable=False),
        *_texts("state", "problem", "file"),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("kept_bytes", sa.BigInteger, nullable=False),
        sa.Column("completed_ms", sa.BigInteger),
    )
    op.create_index("ix_photos_order_id", "photos", ["order_id", "announced_ms"])
    op.create_index("ix_order_history_at_ms", "order_history", ["at_ms"])
