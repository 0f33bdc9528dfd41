"""Lists of one crew's, one cell's or one kind's orders stay quick among a million."""

from alembic import op

revision = "desk_0015"
down_revision = "desk_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_orders_crew_id", "orders")
    for name, column in (("crew", "crew_id"), ("grid", "grid_id"), ("type", "type")):
        op.create_index(f"ix_orders_{name}_open_created_ms", "orders", [column, "open", "created_ms"])


def downgrade() -> None:
    for name in ("crew", "grid", "type"):
        op.drop_index(f"ix_orders_{name}_open_created_ms", "orders")
    op.create_index("ix_orders_crew_id", "orders", ["crew_id"])
