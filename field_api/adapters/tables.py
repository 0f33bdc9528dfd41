"""Tables of the desk's database. No schema is named: they lie in a SQLite file or a PostgreSQL schema."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text, false

from telemetry.adapters.gateway_tables import WIDE, evidence_table
from telemetry.adapters.ping_wishes import ping_wishes_table

metadata: Final = MetaData()

grid_cells = Table(
    "grid_cells",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("west", Float, nullable=False),
    Column("south", Float, nullable=False),
    Column("east", Float, nullable=False),
    Column("north", Float, nullable=False),
)

crews = Table(
    "crews",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("lon", Float, nullable=False),
    Column("lat", Float, nullable=False),
    Column("position_ms", BigInteger, nullable=False),
    Column("unit_id", Text, nullable=False, server_default=""),
)

crew_cells = Table(
    "crew_cells",
    metadata,
    Column("crew_id", Text, primary_key=True),
    Column("grid_id", Text, primary_key=True),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("crew_id", Text),
    Column("whole_company", Boolean, nullable=False),
    Column("language", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
)

user_cells = Table(
    "user_cells",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("grid_id", Text, primary_key=True),
)

credentials = Table(
    "credentials",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("csrf_token", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("family", Text, nullable=False, server_default=""),
    Index("ix_credentials_user_id", "user_id"),
    Index("ix_credentials_family", "family"),
)
"""Browser sessions, short tokens of phones and machine tokens, kept only as hashes."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("outage_id", Text, nullable=False, unique=True),
    Column("grid_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

incident_outages = Table(
    "incident_outages",
    metadata,
    Column("outage_id", Text, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Index("ix_incident_outages_incident_id", "incident_id"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("outage_id", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("crew_id", Text, nullable=False),
    Column("element", Text, nullable=False),
    Column("element_kind", Text, nullable=False),
    Column("element_name", Text, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("customers", Integer, nullable=False),
    Column("priority", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("customer_id", Text, nullable=False, server_default=""),
    Column("parent_id", Text, nullable=False, server_default=""),
    Column("owner_id", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default="outage"),
    Column("basis_ms", BigInteger),
    Index("ix_orders_outage_id", "outage_id"),
    Index("ix_orders_incident_id", "incident_id"),
    Index("ix_orders_customer_id", "customer_id"),
    Index("ix_orders_open_created_ms", "open", "created_ms"),
    Index("ix_orders_crew_open_created_ms", "crew_id", "open", "created_ms"),
    Index("ix_orders_grid_open_created_ms", "grid_id", "open", "created_ms"),
    Index("ix_orders_type_open_created_ms", "type", "open", "created_ms"),
    Index("ix_orders_created_ms", "created_ms"),
    Index("ix_orders_owner_id_open", "owner_id", "open"),
)
"""``state``, ``open`` and ``sequence`` repeat what the history says, for look-ups; written with it."""

order_history = Table(
    "order_history",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("device_ms", BigInteger),
    Column("finding_element", Text, nullable=False),
    Column("finding_cause", Text, nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("behalf", Text, nullable=False, server_default=""),
    Column("offset_ms", BigInteger),
    Index("ix_order_history_at_ms", "at_ms"),
)

order_numbers = Table(
    "order_numbers",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

outage_views = Table(
    "outage_views",
    metadata,
    Column("outage_id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_outage_views_started_ms", "started_ms"),
)
"""The newest revision of each outage as people see it: a projection of the outage log."""

outage_cells = Table(
    "outage_cells",
    metadata,
    Column("outage_id", Text, primary_key=True),
    Column("grid_id", Text, primary_key=True),
)

feed = Table(
    "feed",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("grids", Text, nullable=False),
    Column("data", Text, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("operation_id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_operations_at_ms", "at_ms"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("grid_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("outage_id", Text),
    Column("verdict", Text, nullable=False, server_default=""),
    Column("order_id", Text, nullable=False, server_default=""),
    Index("ix_calls_outage_id", "outage_id"),
)

positions = Table(
    "positions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

reveals = Table(
    "reveals",
    metadata,
    Column("id", WIDE, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_reveals_user_id", "user_id", "at_ms"),
)
"""Who saw whose personal data unmasked, when and why. Append only."""

evidence = evidence_table(metadata)

ping_wishes = ping_wishes_table(metadata)
"""What people want to know of devices; the gateway reads it."""

corrections = Table(
    "corrections",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("outage_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("things", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("said_ms", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Index("corrections_outage", "outage_id", "id"),
)
"""What people corrected of outages, by whom and why. Append only; the evidence beside it is what counts."""
