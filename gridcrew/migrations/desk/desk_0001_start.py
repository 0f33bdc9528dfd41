"""Grid cells, people, incidents, orders, notices, feed and calls of the desk."""

import sqlalchemy as sa
from alembic import op

revision = "desk_0001"
down_revision = None
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_grid_cells()
    _create_crews()
    _create_crew_cells()
    _create_users()
    _create_user_cells()
    _create_credentials()
    _create_incidents()
    _create_incident_outages()
    _create_orders()
    _create_order_history()
    _create_order_numbers()
    _create_outage_views()
    _create_outage_cells()
    _create_announcements()
    _create_outbox()
    _create_feed()
    _create_operations()
    _create_calls()
    _create_positions()
    _create_reveals()
    _create_evidence()


def downgrade() -> None:
    for table in (
        "evidence",
        "reveals",
        "positions",
        "calls",
        "operations",
        "feed",
        "outbox",
        "announcements",
        "outage_cells",
        "outage_views",
        "order_numbers",
        "order_history",
        "orders",
        "incident_outages",
        "incidents",
        "credentials",
        "user_cells",
        "users",
        "crew_cells",
        "crews",
        "grid_cells",
    ):
        op.drop_table(table)


def _create_grid_cells() -> None:
    op.create_table(
        "grid_cells",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_en", sa.Text, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("west", sa.Float, nullable=False),
        sa.Column("south", sa.Float, nullable=False),
        sa.Column("east", sa.Float, nullable=False),
        sa.Column("north", sa.Float, nullable=False),
    )


def _create_crews() -> None:
    op.create_table(
        "crews",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.Column("position_ms", sa.BigInteger, nullable=False),
    )


def _create_crew_cells() -> None:
    op.create_table(
        "crew_cells",
        sa.Column("crew_id", sa.Text, primary_key=True),
        sa.Column("grid_id", sa.Text, primary_key=True),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("crew_id", sa.Text),
        sa.Column("whole_company", sa.Boolean, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _create_user_cells() -> None:
    op.create_table(
        "user_cells",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("grid_id", sa.Text, primary_key=True),
    )


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("secret_hash", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("csrf_token", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_credentials_user_id", "credentials", ["user_id"])


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("outage_id", sa.Text, nullable=False, unique=True),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _create_incident_outages() -> None:
    op.create_table(
        "incident_outages",
        sa.Column("outage_id", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_outages_incident_id", "incident_outages", ["incident_id"])


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("outage_id", sa.Text, nullable=False),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("crew_id", sa.Text, nullable=False),
        sa.Column("element", sa.Text, nullable=False),
        sa.Column("element_kind", sa.Text, nullable=False),
        sa.Column("element_name", sa.Text, nullable=False),
        sa.Column("lon", sa.Float),
        sa.Column("lat", sa.Float),
        sa.Column("customers", sa.Integer, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_orders_created_ms", "orders", ["created_ms"])
    op.create_index("ix_orders_crew_id", "orders", ["crew_id"])
    op.create_index("ix_orders_outage_id", "orders", ["outage_id"])


def _create_order_history() -> None:
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("device_ms", sa.BigInteger),
        sa.Column("finding_element", sa.Text, nullable=False),
        sa.Column("finding_cause", sa.Text, nullable=False),
    )


def _create_order_numbers() -> None:
    op.create_table(
        "order_numbers",
        sa.Column("series", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )


def _create_outage_views() -> None:
    op.create_table(
        "outage_views",
        sa.Column("outage_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("ix_outage_views_started_ms", "outage_views", ["started_ms"])


def _create_outage_cells() -> None:
    op.create_table(
        "outage_cells",
        sa.Column("outage_id", sa.Text, primary_key=True),
        sa.Column("grid_id", sa.Text, primary_key=True),
    )


def _create_announcements() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("outage_id", sa.Text, nullable=False),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_announcements_incident_id", "announcements", ["incident_id"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("announcement_id", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_index("ix_outbox_announcement_id", "outbox", ["announcement_id"])
    op.create_index("ix_outbox_state_due_ms", "outbox", ["state", "due_ms"])


def _create_feed() -> None:
    op.create_table(
        "feed",
        sa.Column("id", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("grids", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("operation_id", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("ix_operations_at_ms", "operations", ["at_ms"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("grid_id", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("taken_by", sa.Text, nullable=False),
        sa.Column("outage_id", sa.Text),
    )
    op.create_index("ix_calls_outage_id", "calls", ["outage_id"])


def _create_positions() -> None:
    op.create_table(
        "positions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )


def _create_reveals() -> None:
    op.create_table(
        "reveals",
        sa.Column("id", _WIDE, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
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
