"""Server-sent events, a process of their own: the feed as it grows, resumable, cut to each scope."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flask import Flask, Request, Response, request, stream_with_context

from field_api.http.hub import Gap, Hub
from field_api.http.languages import language_of
from field_api.http.operations import READERS
from field_api.http.problems import HttpProblem
from field_api.http.security import harden, identify, is_web_origin
from field_api.http.services import WebConfig
from field_api.people.users import User
from field_api.ports import Clock, LoggedEvent
from field_api.saying import Term
from field_api.usecases.login import Identity, Logins

PING_S: Final = 15.0
RETRY_MS: Final = 2_000
_MAX_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class EventServices:
    config: WebConfig
    clock: Clock
    logins: Logins
    hub: Hub


def create_events_app(services: EventServices, ping_s: float = PING_S) -> Flask:
    """The application; the hub must be started."""
    app = Flask(__name__, static_folder=None)
    places = threading.BoundedSemaphore(services.config.max_streams)

    @app.get("/api/v1/events")
    def events() -> Response:
        if request.headers.get("Origin") and not is_web_origin(request, services.config):
            raise HttpProblem(403, "session.foreign_page")
        identity = identify(request, services)
        if identity is None:
            raise HttpProblem(401, "session.log_in_first", headers={"WWW-Authenticate": "Bearer"})
        if identity.user.role not in READERS:
            raise HttpProblem(403, "session.not_for_role", role=Term("role", identity.user.role.value))
        if not places.acquire(blocking=False):
            raise HttpProblem(503, "session.too_many_streams", headers={"Retry-After": "10"})
        stream = _Stream(services, request, identity, places, ping_s)
        response = Response(stream_with_context(stream.chunks()), content_type="text/event-stream")
        response.call_on_close(stream.close)
        response.headers["X-Accel-Buffering"] = "no"
        return response

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.after_request
    def _shared(response: Response) -> Response:
        if is_web_origin(request, services.config):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"
        response.vary.add("Origin")
        return harden(response, request, services.config)

    app.register_error_handler(HttpProblem, lambda problem: problem.response(language_of(request)))
    return app


class _Stream:
    """One listener, from its first event to its end; its place is given back exactly once."""

    def __init__(
        self,
        services: EventServices,
        sent: Request,
        identity: Identity,
        places: threading.BoundedSemaphore,
        ping_s: float,
    ) -> None:
        self._services = services
        self._sent = sent
        self._user: User | None = identity.user
        self._places: threading.BoundedSemaphore | None = places
        self._ping_s = ping_s
        asked = _position(sent)
        self._position = services.hub.newest_id if asked is None else asked

    def close(self) -> None:
        """Give the place back."""
        places, self._places = self._places, None
        if places is not None:
            places.release()

    def chunks(self) -> Iterator[str]:
        """The text of the stream, until the person or the process leaves."""
        hub = self._services.hub
        try:
            yield f"retry: {RETRY_MS}\n{_event('hello', self._position, {'newest_id': hub.newest_id})}"
            while not hub.closing and self._user is not None:
                yield self._next()
        finally:
            self.close()

    def _next(self) -> str:
        hub, user = self._services.hub, self._user
        try:
            events = hub.after(self._position, self._ping_s)
        except Gap:
            self._position = hub.newest_id
            return _event("reset", self._position, {"newest_id": self._position})
        if not events:
            self._user = self._person()
            return ": ping\n\n"
        self._position = events[-1].id
        shown = [one for one in events if user is not None and user.scope.sees_any(one.event.grid_ids)]
        return "".join(_text(one) for one in shown)

    def _person(self) -> User | None:
        """Rights are read anew at each ping: whoever was logged out hears no more."""
        identity = identify(self._sent, self._services)
        return None if identity is None else identity.user


def _position(sent: Request) -> int | None:
    """Where to go on: what the browser repeats after a gap, else the ``after`` of the address."""
    text = sent.headers.get("Last-Event-ID") or sent.args.get("after") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _event(name: str, identifier: int, data: dict[str, int]) -> str:
    return f"id: {identifier}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def _text(logged: LoggedEvent) -> str:
    return f"id: {logged.id}\nevent: {logged.event.name}\ndata: {logged.event.data}\n\n"
