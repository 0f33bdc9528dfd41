"""What a person was told last, whichever outage it was about."""

from alembic import op

revision = "desk_0018"
down_revision = "desk_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbox_recipient", "outbox", ["recipient", "id"])


def downgrade() -> None:
    op.drop_index("ix_outbox_recipient", "outbox")
