"""What is known of pictures, in the desk's tables."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, case, func, insert, or_, select, update

from field_api.adapters.photo_tables import photos
from field_api.orders.photos import Photo, PhotoState, counting

_OF_ORDERS: Final = (
    select(photos)
    .where(photos.c.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(photos.c.announced_ms, photos.c.id)
)


class SqlPhotos:
    """``Photos`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, photo_id: str) -> Photo | None:
        row = self._connection.execute(select(photos).where(photos.c.id == photo_id)).first()
        return None if row is None else _photo(row)

    def announce(self, photo: Photo) -> None:
        self._connection.execute(insert(photos).values(**_columns(photo)))

    def settle(self, photo: Photo) -> None:
        self._connection.execute(update(photos).where(photos.c.id == photo.id).values(**_columns(photo)))

    def of_orders(self, order_ids: Collection[str]) -> Mapping[str, tuple[Photo, ...]]:
        found: dict[str, list[Photo]] = {}
        for row in self._connection.execute(_OF_ORDERS, {"order_ids": sorted(order_ids)}):
            found.setdefault(row.order_id, []).append(_photo(row))
        return {order_id: tuple(listed) for order_id, listed in found.items()}

    def counting(self, order_id: str) -> frozenset[str]:
        return counting(self.of_orders([order_id]).get(order_id, ()))

    def promised_bytes(self, since_ms: int) -> int:
        complete = photos.c.state == PhotoState.COMPLETE.value
        promised = case((complete, photos.c.kept_bytes), else_=photos.c.size)
        expected = and_(photos.c.state == PhotoState.ANNOUNCED.value, photos.c.announced_ms >= since_ms)
        return int(self._connection.scalar(select(func.sum(promised)).where(or_(complete, expected))) or 0)


def _columns(photo: Photo) -> dict[str, Any]:
    return asdict(photo) | {"state": photo.state.value}


def _photo(row: Row[Any]) -> Photo:
    fields = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)
    return Photo(**fields | {"state": PhotoState(row.state)})
