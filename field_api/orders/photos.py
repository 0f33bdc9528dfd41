"""Pictures of an order: announced first, sent in parts whenever there is a signal, shown once they are whole.

A step may name a picture as soon as it is announced: work never waits for an upload. What an order still
misses is told on it until it has arrived.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class PhotoState(StrEnum):
    ANNOUNCED = "announced"
    """Known by its id, size and hash; some of it may be here."""
    COMPLETE = "complete"
    REFUSED = "refused"
    """What came is no picture that we keep; the reason stands beside it."""


@dataclass(frozen=True, slots=True)
class Photo:
    id: str
    """A ULID, made by the client."""
    order_id: str
    user_id: str
    size: int
    """Bytes, as the client has it."""
    sha256: str
    """Of these bytes, hex."""
    content_type: str
    taken_ms: int
    """By the device's clock."""
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    caption: str
    announced_ms: int
    state: PhotoState = PhotoState.ANNOUNCED
    problem: str = ""
    file: str = ""
    """A random name within the store; empty until it is complete."""
    width: int = 0
    height: int = 0
    kept_bytes: int = 0
    """Of the picture as it was encoded anew."""
    completed_ms: int | None = None

    def announces_same(self, other: "Photo") -> bool:
        """Is it the very same announcement, made again?"""
        return _said(self) == _said(other)


def _said(photo: Photo) -> tuple[object, ...]:
    return (photo.order_id, photo.user_id, photo.size, photo.sha256, photo.content_type, photo.taken_ms)


def counting(photos: Iterable[Photo]) -> frozenset[str]:
    """Ids that count as pictures of their order: what was refused does not."""
    return frozenset(one.id for one in photos if one.state is not PhotoState.REFUSED)


def missing(named: Collection[str], photos: Iterable[Photo]) -> tuple[str, ...]:
    """Ids that steps or announcements speak of and that are not here as a whole, sorted."""
    known = {one.id: one.state for one in photos}
    return tuple(one for one in sorted({*named, *known}) if known.get(one) is not PhotoState.COMPLETE)
