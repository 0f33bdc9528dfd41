"""What customers say of closed orders."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0014"
down_revision = "desk_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_ratings",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("service", sa.Integer, nullable=False),
        sa.Column("result", sa.Integer, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("taken_by", sa.Text, nullable=False),
        sa.Column("taken_by_name", sa.Text, nullable=False),
    )
