"""What pictures ask of their stores: rows of the desk's database, and a place for their bytes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from field_api.orders.photos import Photo
from field_api.saying import Saying


class Photos(Protocol):
    """What is known of pictures; their bytes lie elsewhere."""

    def get(self, photo_id: str) -> Photo | None: ...

    def announce(self, photo: Photo) -> None:
        """Keep a new one."""

    def settle(self, photo: Photo) -> None:
        """Replace what is known of it."""

    def of_orders(self, order_ids: Collection[str]) -> Mapping[str, tuple[Photo, ...]]:
        """Those of each order that has any, oldest first."""

    def counting(self, order_id: str) -> frozenset[str]:
        """Ids of an order's pictures that count as such."""

    def promised_bytes(self, since_ms: int) -> int:
        """Bytes of what is kept, and of what was announced since then and has not come."""


class BadPhoto(Saying):
    """The bytes are no picture that we keep."""


class ContentLost(Saying):
    """What was received does not have the announced hash: it was dropped, and can be sent again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as it was encoded anew."""

    file: str
    width: int
    height: int
    size: int


class PhotoStore(Protocol):
    """Bytes of pictures."""

    def received(self, photo_id: str) -> int:
        """How many bytes of an unfinished picture are here, from its beginning."""

    def add(self, photo_id: str, offset: int, part: bytes) -> int:
        """Append what is new of a part that begins at or before what is here; how many bytes are here then.

        On disk when it returns. A part that begins later is not taken.
        """

    def finish(self, photo: Photo) -> Kept:
        """Check the hash, decode, encode anew without anything but pixels, keep it under a random name.

        Raises ``BadPhoto`` or ``ContentLost``; what was received is gone then.
        """

    def content(self, file: str, edge: int | None = None) -> bytes:
        """The picture as JPEG, at most ``edge`` pixels long; raises ``LookupError``."""

    def forget_parts(self, before_ms: int) -> None:
        """Drop unfinished pictures of which nothing came since then; they can begin anew."""

    def has_room_for(self, size: int) -> bool:
        """Is there space on the disk for so many bytes more?"""
