"""The product's HTTP API as a crew's phone uses it: a bearer token, JSON, one connection per request.

A connection per request costs little on the crews' scale and survives every restart of the server.
"""

import http.client
import json
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from simulators.field import (
    Crew,
    NotAdmitted,
    Order,
    OrderDetail,
    Outage,
    Outdated,
    Picture,
    Position,
    Refused,
    Step,
    Unavailable,
    WorkType,
)

TIMEOUT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
PAGE: Final = 500
PULLED: Final = 100
"""Orders in one answer to a phone."""
MAX_PAGES: Final = 20
PART_BYTES: Final = 64 * 1024

T = TypeVar("T")
Page = dict[str, str]


class HttpFieldDoor:
    """``locate`` answers the base address of the API, or raises OSError while nobody knows it."""

    def __init__(self, locate: Callable[[], str], username: str, password: str) -> None:
        self._locate, self._username, self._password = locate, username, password
        self._token, self._cursor = "", ""
        self._held: dict[str, Order] = {}

    def log_in(self) -> str:
        """Get a token; answers the id of the crew that this login belongs to. Raises ``FieldProblem``."""
        self._token = ""
        login = {"username": self._username, "password": self._password}
        answer = self._ask("POST", "/api/v1/tokens", login)
        admitted = _decoded(answer, _Admitted)
        if not admitted.user.crew_id:
            raise Refused(f"{self._username} belongs to no crew")
        self._token = admitted.token
        return admitted.user.crew_id

    def orders(self) -> Sequence[Order]:
        """Those that the phone holds, after taking what changed since it last asked."""
        for _ in range(MAX_PAGES):
            after = f"&cursor={quote(self._cursor)}" if self._cursor else ""
            page = _decoded(self._ask("GET", f"/api/v1/sync/pull?limit={PULLED}{after}"), _Pulled)
            if page.reset:
                self._held = {}
            self._take(page)
            self._cursor = page.next_cursor
            if not page.more:
                break
        return tuple(self._held.values())

    def _take(self, page: "_Pulled") -> None:
        for item in page.items:
            if item.order is not None:
                self._held[item.id] = item.order
            elif item.kind == "order":
                self._held.pop(item.id, None)

    def outage(self, outage: str) -> Outage:
        return _decoded(self._ask("GET", f"/api/v1/outages/{quote(outage, safe='')}"), Outage)

    def crews(self) -> Sequence[Crew]:
        return self._list("/api/v1/crews", Crew)

    def step(self, order: str, step: Step) -> None:
        self._ask("POST", f"/api/v1/orders/{quote(order, safe='')}/steps", msgspec.to_builtins(step))

    def move(self, crew: str, position: Position) -> None:
        self._ask("PUT", f"/api/v1/crews/{quote(crew, safe='')}/position", msgspec.to_builtins(position))

    def order(self, order: str) -> OrderDetail:
        return _decoded(self._ask("GET", f"/api/v1/orders/{quote(order, safe='')}"), OrderDetail)

    def work_types(self) -> Sequence[WorkType]:
        return _decoded(self._ask("GET", "/api/v1/work-types"), _Kinds).items

    def send(self, picture: Picture) -> None:
        announced = msgspec.to_builtins(picture.photo)
        received = _decoded(self._ask("POST", "/api/v1/photos", announced), _Arrived).received
        path = f"/api/v1/photos/{quote(picture.photo.id, safe='')}/content"
        while received < len(picture.data):
            part = picture.data[received : received + PART_BYTES]
            place = f"bytes {received}-{received + len(part) - 1}/{len(picture.data)}"
            answer = self._ask("PUT", path, _Upload(part, place))
            before, received = received, _decoded(answer, _Arrived).received
            if received <= before:
                raise Refused(f"PUT {path}: no more than {received} bytes are taken")

    def _list(self, path: str, kind: type[T]) -> list[T]:
        items: list[T] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            more = f"{'&' if '?' in path else '?'}limit={PAGE}" + (
                f"&cursor={quote(cursor)}" if cursor else ""
            )
            page = _decoded(self._ask("GET", path + more), _Page)
            items.extend(_decoded(item, kind) for item in page.items)
            cursor = page.next_cursor
            if not cursor:
                break
        return items

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        try:
            address = urlsplit(self._locate())
            secure = address.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            connection = kind(address.hostname or "127.0.0.1", address.port, timeout=TIMEOUT_S)
            try:
                connection.request(method, address.path.rstrip("/") + path, *self._sent(body))
                response = connection.getresponse()
                answer = response.read(MAX_ANSWER_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as problem:
            raise Unavailable(f"{method} {path}: {problem or type(problem).__name__}") from problem
        if response.status >= 300:
            raise _problem(response.status, f"{method} {path}", answer)
        return answer

    def _sent(self, body: object) -> tuple[bytes | None, dict[str, str]]:
        headers = {"Accept": "application/json", "Accept-Language": "en"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is None:
            return None, headers
        if isinstance(body, _Upload):
            told = {"Content-Type": "application/octet-stream", "Content-Range": body.place}
            return body.data, headers | told
        return json.dumps(body).encode(), headers | {"Content-Type": "application/json"}


class _Upload(msgspec.Struct, frozen=True):
    """A part of a picture and its place in the whole, as ``Content-Range``."""

    data: bytes
    place: str


class _Arrived(msgspec.Struct, frozen=True):
    received: int


class _Kinds(msgspec.Struct, frozen=True):
    items: tuple[WorkType, ...]


class _User(msgspec.Struct, frozen=True):
    crew_id: str | None


class _Admitted(msgspec.Struct, frozen=True):
    token: str
    user: _User


class _Item(msgspec.Struct, frozen=True):
    """Of what changed; an order that is gone comes without itself."""

    kind: str
    id: str
    order: Order | None = None


class _Pulled(msgspec.Struct, frozen=True):
    reset: bool
    more: bool
    next_cursor: str
    items: tuple[_Item, ...]


class _Page(msgspec.Struct, frozen=True):
    items: tuple[msgspec.Raw, ...]
    next_cursor: str | None = None


def _decoded(answer: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise Unavailable(f"an answer that is no {kind.__name__.strip('_')}: {problem}") from problem


def _problem(status: int, asked: str, answer: bytes) -> NotAdmitted | Refused | Unavailable:
    try:
        found = json.loads(answer)
        title = str(found.get("detail") or found["title"])
    except (ValueError, LookupError, TypeError):
        found, title = {}, "no reason given"
    line = f"{asked}: {status} {title}"
    if status == 401:
        return NotAdmitted(line)
    if status == 429 or status >= 500:
        return Unavailable(line)
    if status == 409 and "current" in found:
        return Outdated(line)
    return Refused(line)
