"""Orders of every kind of work: about a customer, after another order, with an owner and details of steps."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0006"
down_revision = "desk_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, default in (("customer_id", ""), ("parent_id", ""), ("owner_id", ""), ("source", "outage")):
        op.add_column("orders", sa.Column(name, sa.Text, nullable=False, server_default=default))
    op.add_column("orders", sa.Column("basis_ms", sa.BigInteger))
    op.create_index("ix_orders_incident_id", "orders", ["incident_id"])
    op.create_index("ix_orders_customer_id", "orders", ["customer_id"])
    op.create_index("ix_orders_open_created_ms", "orders", ["open", "created_ms"])
    for name, default in (("details", "{}"), ("behalf", "")):
        op.add_column("order_history", sa.Column(name, sa.Text, nullable=False, server_default=default))
    op.add_column("order_history", sa.Column("offset_ms", sa.BigInteger))
