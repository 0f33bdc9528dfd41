"""Which tickets of another system are complaints; those kept so far reported faults."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0017"
down_revision = "desk_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("kind", sa.Text(), nullable=False, server_default="fault"))
    op.create_index("ix_tickets_grid_id_kind_open", "tickets", ["grid_id", "kind", "open"])


def downgrade() -> None:
    op.drop_index("ix_tickets_grid_id_kind_open", "tickets")
    with op.batch_alter_table("tickets") as table:
        table.drop_column("kind")
