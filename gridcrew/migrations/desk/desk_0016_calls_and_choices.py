"""What became of a call, and which manager a customer picked."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0016"
down_revision = "desk_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("verdict", "order_id"):
        op.add_column("calls", sa.Column(column, sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_orders_owner_id_open", "orders", ["owner_id", "open"])
    op.create_table(
        "manager_choices",
        sa.Column("customer_id", sa.Text(), primary_key=True),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("manager_choices")
    op.drop_index("ix_orders_owner_id_open", "orders")
    with op.batch_alter_table("calls") as table:
        table.drop_column("order_id")
        table.drop_column("verdict")
