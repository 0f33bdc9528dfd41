"""Who is asking, may they, and what browsers are told to forbid."""

import hmac
import math
import re
from typing import Final, Protocol
from urllib.parse import urlsplit

from flask import Request, Response

from field_api.http.auditing import SAFE_METHODS
from field_api.http.operations import Operation
from field_api.http.problems import HttpProblem
from field_api.http.services import Services, WebConfig
from field_api.ports import Clock
from field_api.saying import Term
from field_api.usecases.login import BEARERS, SESSION, Identity, Logins

COOKIE: Final = "gridcrew_session"
CSRF_HEADER: Final = "X-CSRF-Token"
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


class Doorkeeper(Protocol):
    """What it takes to know people."""

    @property
    def logins(self) -> Logins: ...
    @property
    def clock(self) -> Clock: ...


def identify(request: Request, services: Doorkeeper) -> Identity | None:
    """The person behind a bearer token or, where no Authorization is sent, behind the session cookie."""
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return services.logins.recognise(secret.strip(), BEARERS, services.clock())
    secret = request.cookies.get(COOKIE, "")
    return services.logins.recognise(secret, {SESSION}, services.clock()) if secret else None


def known(request: Request, operation: Operation, services: Services) -> Identity | None:
    """The person, if the operation wants one; raises problem 401, and 429 for whoever asks too often."""
    identity = None if operation.public else identify(request, services)
    wait_s = services.throttle.wait_s(identity.user.id if identity else f"at {request.remote_addr}")
    if wait_s:
        raise HttpProblem(429, "session.too_many_requests", headers={"Retry-After": str(math.ceil(wait_s))})
    if identity is None and not operation.public:
        raise HttpProblem(401, "session.log_in_first", headers={"WWW-Authenticate": "Bearer"})
    return identity


def authorise(request: Request, operation: Operation, identity: Identity) -> None:
    """Raises problem 403 unless the operation lets this person in."""
    if identity.user.role not in operation.roles:
        raise HttpProblem(403, "session.not_for_role", role=Term("role", identity.user.role.value))
    if request.method not in SAFE_METHODS and identity.credential.kind == SESSION:
        _check_csrf(request, identity)


def _check_csrf(request: Request, identity: Identity) -> None:
    sent = request.headers.get(CSRF_HEADER, "").encode("utf-8", "replace")
    if not hmac.compare_digest(sent, identity.credential.csrf_token.encode()):
        raise HttpProblem(403, "session.csrf", header=CSRF_HEADER)


def host_name(request: Request) -> str:
    """The name under which the browser found us, without port; never anything but a host name."""
    host = request.host.rpartition(":")[0] if re.search(r":\d*$", request.host) else request.host
    return host if _HOST.fullmatch(host) else "127.0.0.1"


def origin(request: Request, port: int) -> str:
    """The origin of another port of this host."""
    return f"{request.scheme}://{host_name(request)}:{port}"


def is_web_origin(request: Request, config: WebConfig) -> bool:
    """Does the request come from a page of our own web process?"""
    sent = request.headers.get("Origin", "")
    return bool(sent) and sent in {origin(request, config.web_port), _same_origin(request)}


def _same_origin(request: Request) -> str:
    return f"{request.scheme}://{urlsplit(request.url).netloc}"


def harden(response: Response, request: Request, config: WebConfig) -> Response:
    """The headers that every answer carries."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"font-src 'self'; connect-src 'self' {origin(request, config.events_port)}; "
        "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    for name, value in (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "geolocation=(self), camera=(self), microphone=()"),
        ("Cache-Control", "no-store"),
    ):
        response.headers.setdefault(name, value)
    return response
