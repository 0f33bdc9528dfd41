"""Evidence, frames seen, dead letters, terminals and counters of the gateway."""

import sqlalchemy as sa
from alembic import op

revision = "gateway_0001"
down_revision = None
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_evidence()
    op.create_table(
        "seen_frames",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_seen_frames_received_ms", "seen_frames", ["received_ms"])
    op.create_table(
        "dead_letters",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("code_version", sa.Text, nullable=False),
    )
    op.create_table(
        "terminals",
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("online", sa.Boolean, nullable=False),
    )
    op.create_table(
        "gateway_state",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("devices", sa.LargeBinary, nullable=False),
        sa.Column("volts", sa.LargeBinary),
    )
    op.create_index("ix_evidence_received_ms", "evidence", ["received_ms"])


def downgrade() -> None:
    for table in ("gateway_state", "terminals", "dead_letters", "seen_frames", "evidence"):
        op.drop_table(table)
