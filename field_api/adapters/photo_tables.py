"""The table of pictures; their bytes are files."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from field_api.adapters.tables import metadata

photos: Final = Table(
    "photos",
    metadata,
    Column("id", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("accuracy_m", Float),
    Column("caption", Text, nullable=False),
    Column("announced_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("kept_bytes", BigInteger, nullable=False),
    Column("completed_ms", BigInteger),
    Index("ix_photos_order_id", "order_id", "announced_ms"),
)
