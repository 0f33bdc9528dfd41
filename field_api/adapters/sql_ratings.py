"""Ratings of orders in the desk's tables. Append only."""

from dataclasses import asdict
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Text, insert, select

from field_api.adapters.tables import metadata
from field_api.service.ratings import Rating

order_ratings: Final = Table(
    "order_ratings",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("service", Integer, nullable=False),
    Column("result", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("taken_by_name", Text, nullable=False),
)


class SqlRatings:
    """``Ratings`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_order(self, order_id: str) -> Rating | None:
        query = select(order_ratings).where(order_ratings.c.order_id == order_id)
        row = self._connection.execute(query).first()
        return None if row is None else Rating(**row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)

    def add(self, rating: Rating) -> None:
        self._connection.execute(insert(order_ratings).values(**asdict(rating)))
