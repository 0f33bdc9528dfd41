"""All doors: devices instead of terminals, the doors' state, security events, completeness."""

import sqlalchemy as sa
from alembic import op

revision = "gateway_0002"
down_revision = "gateway_0001"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_devices()
    _move_terminals()
    op.drop_table("terminals")
    _create_door_states()
    _create_security_events()
    _create_certificates()
    _create_completeness()
    _extend_dead_letters()


def _create_devices() -> None:
    op.create_table(
        "devices",
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_ms", sa.BigInteger),
        sa.Column("online", sa.Boolean),
        sa.Column("lost_by", sa.Text, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("firmware", sa.Text, nullable=False),
        sa.Column("foreign_id", sa.Text, nullable=False),
        sa.Column("clock_offset_ms", sa.BigInteger),
        sa.Column("certificate_state", sa.Text, nullable=False),
        sa.Column("certificate_serial", sa.Text, nullable=False),
        sa.Column("certificate_until_ms", sa.BigInteger),
    )
    op.create_index("ix_devices_parent", "devices", ["parent", "device"])
    op.create_index("ix_devices_kind", "devices", ["kind", "device"])
    op.create_table(
        "device_decisions",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
    )
    op.create_table(
        "meter_places",
        sa.Column("meter", sa.Text, primary_key=True),
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_meter_places_terminal", "meter_places", ["terminal", "place"])


def _move_terminals() -> None:
    op.execute(
        "INSERT INTO devices (device, kind, parent, approval, decided_by, online, lost_by, first_seen_ms, "
        "last_seen_ms, door, model, maker, firmware, foreign_id, certificate_state, certificate_serial) "
        "SELECT terminal, 'terminal', '', 'approved', 'rule: known before', online, '', first_seen_ms, "
        "last_seen_ms, 'mqtt', '', '', '', '', '', '' FROM terminals"
    )


def _create_door_states() -> None:
    op.create_table(
        "door_states",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("ready", sa.Boolean, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("counters", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )


def _create_security_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("threat", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("door", sa.Text, nullable=False),
        sa.Column("finding", sa.Text, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_security_events_hour", "security_events", ["hour", "threat", "source"], unique=True)


def _create_certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("terminal", sa.Text, nullable=False),
        sa.Column("authority", sa.Integer, nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("retires_ms", sa.BigInteger),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_certificates_terminal", "certificates", ["terminal", "issued_ms"])
    op.create_index("ix_certificates_revoked_ms", "certificates", ["revoked_ms"])
    op.create_index("ix_certificates_retires_ms", "certificates", ["retires_ms"])


def _create_completeness() -> None:
    op.create_table(
        "arrivals",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=True),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "completeness",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("meters", sa.Integer, nullable=False),
        sa.Column("covered", sa.Integer, nullable=False),
        sa.Column("least", sa.Integer, nullable=False),
        sa.Column("late", sa.Integer, nullable=False),
        sa.Column("duplicate", sa.Integer, nullable=False),
        sa.Column("dead", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _extend_dead_letters() -> None:
    op.add_column("dead_letters", sa.Column("door", sa.Text, nullable=False, server_default="mqtt"))
    op.add_column("dead_letters", sa.Column("replay_asked_ms", sa.BigInteger))


def downgrade() -> None:
    with op.batch_alter_table("dead_letters") as letters:
        letters.drop_column("replay_asked_ms")
        letters.drop_column("door")
    op.create_table(
        "terminals",
        sa.Column("terminal", sa.Text, primary_key=True),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("online", sa.Boolean, nullable=False),
    )
    op.execute(
        "INSERT INTO terminals SELECT device, first_seen_ms, last_seen_ms, coalesce(online, false) "
        "FROM devices WHERE kind = 'terminal'"
    )
    for table in (
        "completeness",
        "arrivals",
        "security_events",
        "door_states",
        "meter_places",
        "device_decisions",
        "devices",
    ):
        op.drop_table(table)
