"""Pictures of orders: announced, sent in parts, seen by whoever sees the order."""

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from field_api.http.fields import DeviceTime, Identifier, Input, Query, Whole, Words
from field_api.http.languages import language_of, told_again
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.problems import HttpProblem, refusal
from field_api.http.routes_work import PlaceBody
from field_api.instants import iso, iso_or_none, milliseconds
from field_api.orders.photos import Photo, PhotoState
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.saying import Language
from field_api.usecases.keep_photo import NoRoom, Progress

operations: Final = Operations()
MAX_PHOTO_BYTES: Final = 20 * 1024 * 1024
MAX_PART_BYTES: Final = 1024 * 1024
_SENDS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR, Role.CREW})
_RANGE: Final = re.compile(r"bytes (\d{1,10})-(\d{1,10})/(\d{1,10})")

PhotoId = Annotated[
    str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$", description="A ULID, made by the client, once.")
]


class PhotoBody(Input):
    id: PhotoId
    order_id: Identifier
    size: Whole = Field(ge=1, le=MAX_PHOTO_BYTES, description="Bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    taken_at: DeviceTime
    position: PlaceBody | None = None
    caption: Words | None = None


class PhotoResource(Resource):
    id: str
    order_id: str
    by: str
    by_name: str = Field(description="Who took it; empty where that person is no longer known.")
    state: PhotoState
    problem: str = Field(description="Why it was refused; else empty.")
    size: int
    received: int = Field(description="Bytes that are here; the next part begins there.")
    sha256: str
    content_type: str
    taken_at: Instant
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    caption: str
    announced_at: Instant
    completed_at: Instant | None
    width: int
    height: int


class ContentQuery(Query):
    edge: int | None = Field(
        default=None, ge=32, le=1024, description="At most so many pixels long; none: all."
    )


class PhotoList(Resource):
    items: tuple[PhotoResource, ...]


@operations.add(
    "POST", "/api/v1/photos", "Announce a picture of an order",
    roles=_SENDS, body=PhotoBody, answers={200: PhotoResource, 201: PhotoResource},
    refuses=frozenset({404, 409, 507}),
)  # fmt: skip
def announce_photo(call: Call) -> Answer:
    """From now on steps may name it; 200 where it was announced before."""
    progress, new = announce(call, call.body(PhotoBody))
    return Answer(201 if new else 200, photo_resource(call, progress))


@operations.add(
    "PUT", "/api/v1/photos/{photo_id}/content", "Send a part of a picture",
    roles=_SENDS, uploads=True, max_body=MAX_PART_BYTES, answers={200: PhotoResource},
    refuses=frozenset({409, 422}),
)  # fmt: skip
def send_photo(call: Call) -> Answer:
    """Parts follow each other; one that is here already changes nothing, one that leaves a gap is a 409."""
    photo_id = call.path["photo_id"]
    call.services.keep_photo.seen(call.user, photo_id)
    if call.request.mimetype != "application/octet-stream":
        raise HttpProblem(415, "request.not_bytes_type")
    offset, total = _range(call)
    progress = call.services.keep_photo.add(
        call.user, photo_id, offset, total, call.request.get_data(), call.now_ms
    )
    resource = photo_resource(call, progress)
    if resource.received < offset:
        current = resource.model_dump_json()
        raise HttpProblem(409, "photo.gap", current=current, next_byte=resource.received)
    return Answer(200, resource)


@operations.add(
    "GET", "/api/v1/photos/{photo_id}", "A picture's state: how much of it is here",
    roles=EVERYONE, answers={200: PhotoResource},
)  # fmt: skip
def get_photo(call: Call) -> Answer:
    """Also as headers, for a HEAD."""
    progress = call.services.keep_photo.seen(call.user, call.path["photo_id"])
    told = {"Upload-Offset": str(progress.received), "Upload-Length": str(progress.photo.size)}
    return Answer(200, photo_resource(call, progress), told)


@operations.add(
    "GET", "/api/v1/photos/{photo_id}/content", "The picture, encoded anew",
    roles=EVERYONE, query=ContentQuery, answers={200: None}, media_type="image/jpeg", conditional=True,
)  # fmt: skip
def get_photo_content(call: Call) -> Answer:
    """404 until it is complete."""
    edge = call.query(ContentQuery).edge
    return Answer(200, call.services.keep_photo.content(call.user, call.path["photo_id"], edge))


@operations.add(
    "GET", "/api/v1/orders/{order_id}/photos", "Pictures of an order",
    roles=EVERYONE, answers={200: PhotoList},
)  # fmt: skip
def list_photos(call: Call) -> Answer:
    """Oldest first."""
    found = call.services.keep_photo.of_order(call.user, call.path["order_id"])
    return Answer(200, PhotoList(items=_photo_resources(call, found)))


def announce(call: Call, sent: PhotoBody) -> tuple[Progress, bool]:
    """The picture, and whether it is new."""
    place = sent.position
    photo = Photo(
        id=sent.id, order_id=sent.order_id, user_id=call.user.id, size=sent.size, sha256=sent.sha256,
        content_type=sent.content_type, taken_ms=milliseconds(sent.taken_at),
        lon=place.lon if place else None, lat=place.lat if place else None,
        accuracy_m=place.accuracy_m if place else None, caption=sent.caption or "", announced_ms=call.now_ms,
    )  # fmt: skip
    try:
        return call.services.keep_photo.announce(call.user, photo)
    except NoRoom as problem:
        raise refusal(507, problem) from problem


def photo_resource(call: Call, progress: Progress) -> PhotoResource:
    """As whoever asks gets it."""
    return _photo_resources(call, [progress])[0]


def _photo_resources(call: Call, listed: Sequence[Progress]) -> tuple[PhotoResource, ...]:
    """Names are looked up once for all, one's own not at all."""
    names = {call.user.id: call.user.name}
    if others := {one.photo.user_id for one in listed} - names.keys():
        with call.services.desk.reading() as session:
            names |= {user.id: user.name for one in others if (user := session.users.by_id(one))}
    language = language_of(call.request)
    return tuple(_resource(one, names.get(one.photo.user_id, ""), language) for one in listed)


def _resource(progress: Progress, by_name: str, language: Language) -> PhotoResource:
    photo = progress.photo
    return PhotoResource(
        id=photo.id, order_id=photo.order_id, by=photo.user_id, by_name=by_name, state=photo.state,
        problem=told_again(photo.problem, language),
        size=photo.size, received=progress.received, sha256=photo.sha256, content_type=photo.content_type,
        taken_at=iso(photo.taken_ms), lon=photo.lon, lat=photo.lat, accuracy_m=photo.accuracy_m,
        caption=photo.caption, announced_at=iso(photo.announced_ms),
        completed_at=iso_or_none(photo.completed_ms), width=photo.width, height=photo.height,
    )  # fmt: skip


def _range(call: Call) -> tuple[int, int]:
    """Where the part begins, and the picture's size."""
    told = _RANGE.fullmatch(call.request.headers.get("Content-Range", ""))
    if told is None:
        raise HttpProblem(400, "photo.no_content_range")
    first, last, total = map(int, told.groups())
    if last - first + 1 != len(call.request.get_data()):
        raise HttpProblem(400, "photo.part_of_other_length")
    return first, total
