"""A person announces a picture of an order and sends it in parts, as often as it takes."""

from dataclasses import dataclass, replace
from typing import Final

from field_api.orders.photo_ports import BadPhoto, ContentLost, PhotoStore
from field_api.orders.photos import Photo, PhotoState
from field_api.people.users import User
from field_api.ports import Desk, DeskSession
from field_api.saying import Saying, written
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible

MAX_OF_ORDER: Final = 200
EXPECTED_MS: Final = 30 * 24 * 3_600_000
"""How long room is kept for what was announced."""


class NoRoom(Saying):
    """The quota or the disk is full: nothing was taken, the phone keeps the picture."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A picture and how much of it is here."""

    photo: Photo
    received: int


@dataclass(frozen=True, slots=True)
class KeepPhoto:
    desk: Desk
    store: PhotoStore
    quota_bytes: int

    def announce(self, user: User, photo: Photo) -> tuple[Progress, bool]:
        """It, and whether it is new; raises ``Refused`` or ``NoRoom``. Again is as good as once."""
        with self.desk.writing() as session:
            _order_of(session, user, photo.order_id)
            known = session.photos.get(photo.id)
            if known is not None:
                return self._again(known, photo), False
            if len(session.photos.of_orders([photo.order_id]).get(photo.order_id, ())) >= MAX_OF_ORDER:
                raise Conflict("photo.too_many", most=MAX_OF_ORDER)
            promised = session.photos.promised_bytes(photo.announced_ms - EXPECTED_MS) + photo.size
            if promised > self.quota_bytes or not self.store.has_room_for(photo.size):
                raise NoRoom("photo.no_room")
            session.photos.announce(photo)
        self.store.forget_parts(photo.announced_ms - EXPECTED_MS)
        return Progress(photo, 0), True

    def add(self, user: User, photo_id: str, offset: int, total: int, part: bytes, now_ms: int) -> Progress:
        """Take a part; when it was the last, the picture is checked and kept. Raises ``Refused``."""
        photo = self.seen(user, photo_id).photo
        if photo.user_id != user.id:
            raise Forbidden("photo.of_another")
        if total != photo.size or offset + len(part) > photo.size:
            raise NotPossible("photo.other_size", size=photo.size)
        if photo.state is not PhotoState.ANNOUNCED:
            return self._progress(photo)
        received = self.store.add(photo_id, offset, part)
        return self._finished(photo, now_ms) if received == photo.size else Progress(photo, received)

    def seen(self, user: User, photo_id: str) -> Progress:
        """A picture of an order that the person sees; raises ``NotFound``."""
        with self.desk.reading() as session:
            photo = session.photos.get(photo_id)
            if photo is None or session.orders.get(user.scope, photo.order_id) is None:
                raise NotFound("photo.unknown", photo=photo_id)
        return self._progress(photo)

    def of_order(self, user: User, order_id: str) -> tuple[Progress, ...]:
        """All pictures of an order, oldest first; raises ``NotFound``."""
        with self.desk.reading() as session:
            _order_of(session, user, order_id)
            photos = session.photos.of_orders([order_id]).get(order_id, ())
        return tuple(map(self._progress, photos))

    def content(self, user: User, photo_id: str, edge: int | None = None) -> bytes:
        """The picture, at most ``edge`` pixels long; raises ``NotFound`` until it is complete."""
        photo = self.seen(user, photo_id).photo
        if photo.state is not PhotoState.COMPLETE:
            raise NotFound("photo.not_complete", photo=photo_id)
        return self.store.content(photo.file, edge)

    def _again(self, known: Photo, photo: Photo) -> Progress:
        if not known.announces_same(photo):
            raise Conflict("photo.announced_otherwise", photo=photo.id)
        return self._progress(known)

    def _finished(self, photo: Photo, now_ms: int) -> Progress:
        try:
            kept = self.store.finish(photo)
        except ContentLost as problem:
            return self._after_a_race(photo, problem)
        except BadPhoto as problem:
            self._settle(replace(photo, state=PhotoState.REFUSED, problem=written(problem.said)))
            raise NotPossible.like(problem) from problem
        done = replace(
            photo, state=PhotoState.COMPLETE, file=kept.file, width=kept.width, height=kept.height,
            kept_bytes=kept.size, completed_ms=now_ms,
        )  # fmt: skip
        self._settle(done)
        return Progress(done, done.size)

    def _after_a_race(self, photo: Photo, problem: ContentLost) -> Progress:
        """Two requests may have brought the last part at once: the other one finished it."""
        with self.desk.reading() as session:
            now = session.photos.get(photo.id) or photo
        if now.state is PhotoState.ANNOUNCED:
            raise Conflict.like(problem)
        return self._progress(now)

    def _settle(self, photo: Photo) -> None:
        with self.desk.writing() as session:
            session.photos.settle(photo)

    def _progress(self, photo: Photo) -> Progress:
        complete = photo.state is PhotoState.COMPLETE
        waiting = photo.state is PhotoState.ANNOUNCED
        return Progress(photo, photo.size if complete else self.store.received(photo.id) if waiting else 0)


def _order_of(session: DeskSession, user: User, order_id: str) -> None:
    if session.orders.get(user.scope, order_id) is None:
        raise NotFound("order.unknown", order=order_id)
