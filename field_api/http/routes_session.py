"""Logging in and out."""

from typing import Final

from pydantic import Field

from field_api.http.fields import Input, Line
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.http.security import COOKIE
from field_api.instants import iso
from field_api.presentation import user_resource
from field_api.resources import Instant, Resource, UserResource
from field_api.usecases.login import LIFETIME_MS, SESSION, TOKEN, Admission

operations: Final = Operations()


class Credentials(Input):
    username: Line
    password: str = Field(min_length=1, max_length=200)


class SessionResource(Resource):
    user: UserResource
    csrf_token: str


class TokenResource(Resource):
    token: str
    expires_at: Instant
    user: UserResource


@operations.add(
    "POST", "/api/v1/session", "Log in with a browser: sets the session cookie",
    public=True, body=Credentials, answers={200: SessionResource}, refuses=frozenset({401, 429}),
)  # fmt: skip
def log_in(call: Call) -> Answer:
    """A session cookie and its CSRF token."""
    admission = _admit(call, SESSION)
    seconds = LIFETIME_MS[SESSION] // 1000
    secure = "; Secure" if call.request.is_secure else ""
    cookie = f"{COOKIE}={admission.secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    session = SessionResource(user=user_resource(admission.user), csrf_token=admission.credential.csrf_token)
    return Answer(200, session, {"Set-Cookie": cookie})


@operations.add(
    "GET", "/api/v1/session", "Who am I?", roles=EVERYONE, answers={200: SessionResource},
)  # fmt: skip
def who_am_i(call: Call) -> Answer:
    """The person of this session."""
    csrf_token = call.identity.credential.csrf_token if call.identity else ""
    return Answer(200, SessionResource(user=user_resource(call.user), csrf_token=csrf_token))


@operations.add(
    "DELETE", "/api/v1/session", "Log out: ends this session or token", roles=EVERYONE, answers={204: None},
)  # fmt: skip
def log_out(call: Call) -> Answer:
    """The session is over and its cookie gone."""
    if call.identity:
        call.services.logins.leave(call.identity)
    return Answer(204, None, {"Set-Cookie": f"{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"})


@operations.add(
    "POST", "/api/v1/tokens", "A bearer token for a machine",
    public=True, body=Credentials, answers={201: TokenResource}, refuses=frozenset({401, 429}),
)  # fmt: skip
def make_token(call: Call) -> Answer:
    """The token is shown this once."""
    admission = _admit(call, TOKEN)
    expires_at = iso(admission.credential.expires_ms)
    user = user_resource(admission.user)
    return Answer(201, TokenResource(token=admission.secret, expires_at=expires_at, user=user))


def _admit(call: Call, kind: str) -> Admission:
    sent = call.body(Credentials)
    address = call.request.remote_addr or ""
    wait_s = call.services.throttle.wait_s(sent.username, address, call.now_ms)
    if wait_s:
        raise HttpProblem(429, "Too many failed logins", headers={"Retry-After": str(wait_s)})
    admission = call.services.logins.admit(sent.username, sent.password, kind, call.now_ms)
    if admission is None:
        call.services.throttle.failed(sent.username, address, call.now_ms)
        raise HttpProblem(401, "Name or password is wrong", headers={"WWW-Authenticate": "Bearer"})
    return admission
