"""People: an audit record in a chain, failed logins, renewing tokens, sealed phones, findings."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0010"
down_revision = "desk_0009"
branch_labels = None
depends_on = None

WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("credentials", sa.Column("family", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_credentials_family", "credentials", ["family"])
    op.create_table(
        "audit",
        sa.Column("sequence", WIDE, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *_texts("action", "subject", "actor_id", "actor_name", "address", "details", "before", "hash"),
    )
    op.create_index("ix_audit_action", "audit", ["action", "sequence"])
    op.create_index("ix_audit_actor_id", "audit", ["actor_id", "sequence"])
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"])
    op.create_index("ix_reveals_user_id", "reveals", ["user_id", "at_ms"])
    _make_people()


def _make_people() -> None:
    op.create_table(
        "login_failures",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_login_failures_last_ms", "login_failures", ["last_ms"])
    op.create_table(
        "refresh_tokens",
        sa.Column("secret_hash", sa.Text, primary_key=True),
        *_texts("family", "user_id"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        *_texts("successor_hash"),
        sa.Column("used_ms", sa.BigInteger),
    )
    op.create_index("ix_refresh_tokens_family", "refresh_tokens", ["family"])
    op.create_index("ix_refresh_tokens_user_id", "refresh_tokens", ["user_id"])
    op.create_table(
        "user_phones", sa.Column("user_id", sa.Text, primary_key=True), *_texts("sealed", "digest")
    )
    op.create_index("ix_user_phones_digest", "user_phones", ["digest"])
    op.create_table(
        "people_findings",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("rule", "evidence", "person_id", "order_id", "cause", "state", "raised_by"),
        sa.Column("raised_ms", sa.BigInteger, nullable=False),
        *_texts("objection"),
        sa.Column("objected_ms", sa.BigInteger),
        *_texts("decided_by"),
        sa.Column("decided_ms", sa.BigInteger),
        *_texts("decision"),
    )
    op.create_index("ix_people_findings_person_id", "people_findings", ["person_id"])
    op.create_index("ix_people_findings_raised_ms", "people_findings", ["raised_ms"])
