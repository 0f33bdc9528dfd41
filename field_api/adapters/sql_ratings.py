"""Ratings of orders in the desk's tables. Append only."""

from collections.abc import Collection, Mapping
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

    def of_orders(self, order_ids: Collection[str]) -> Mapping[str, Rating]:
        query = select(order_ratings).where(order_ratings.c.order_id.in_(sorted(order_ids)))
        found = (Rating(**row._mapping) for row in self._connection.execute(query))  # noqa: SLF001 (as above)
        return {one.order_id: one for one in found}

    def add(self, rating: Rating) -> None:
        self._connection.execute(insert(order_ratings).values(**asdict(rating)))
