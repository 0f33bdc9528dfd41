"""How far a phone has come: opaque to it, and never an error to us.

While it fetches everything, ``page`` is where the next page begins; afterwards ``feed`` is the last event
that it knows. Work types and the network are named by their hashes: where one differs, everything is
sent again beside what the phone holds. Another person's cursor, another scope or an event long pruned
begins anew.
"""

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec

from field_api.ports import PageAfter

VERSION: Final = 1
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Text = Annotated[str, msgspec.Meta(max_length=128)]


@dataclass(frozen=True, slots=True)
class Basis:
    """What everything that the phone holds rests on."""

    who: str
    """Hash of the person, their crew and their scope."""
    network: str
    work_types: str


@dataclass(frozen=True, slots=True)
class Place:
    basis: Basis
    feed: int
    """Everything up to this event is known, or will be once the last page has come."""
    page: PageAfter | None = None
    at_ms: int = 0
    """When the answer that carried it was made: what was there long before is held already."""
    whole: bool = True
    """Is the phone still fetching everything? ``page`` None is then the first page."""

    @property
    def text(self) -> str:
        """Opaque: letters, digits, dash and underscore."""
        page = None if self.page is None else (self.page.value, self.page.id)
        basis = (self.basis.who, self.basis.network, self.basis.work_types)
        packed = msgspec.json.encode((VERSION, basis, self.feed, page, self.at_ms, self.whole))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def place_of(text: str | None) -> Place | None:
    """None for no cursor, and for one that is not ours."""
    if text is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        _, basis, feed, page, at_ms, whole = msgspec.json.decode(packed, type=_Packed)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return Place(Basis(*basis), feed, None if page is None else PageAfter(*page), at_ms, whole)


def where_to_go_on(told: Place | None, now: Basis, oldest: int, newest: int) -> tuple[Place, bool]:
    """Where this answer begins, and whether the phone must forget what it holds of orders.

    ``oldest`` and ``newest`` are the events that are still kept.
    """
    fresh = Place(now, newest)
    if told is None:
        return fresh, True
    gone = told.feed > newest or told.feed + 1 < oldest
    if gone or told.basis.who != now.who:
        return fresh, True
    if told.basis != now:
        return replace(told, basis=now, page=None, whole=True), False
    return told, False


_Packed = tuple[
    Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)],
    tuple[_Text, _Text, _Text],
    _Number,
    tuple[_Number, _Text] | None,
    _Number,
    bool,
]
