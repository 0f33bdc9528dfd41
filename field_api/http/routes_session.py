"""Logging in and out."""

from typing import Annotated, Final

from pydantic import Field

from field_api.http.fields import Input, Line
from field_api.http.operations import SIGNED_IN, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.http.security import COOKIE
from field_api.instants import iso
from field_api.people.users import User
from field_api.presentation import user_resource
from field_api.resources import Instant, Resource, UserResource
from field_api.usecases.login import SESSION_MS
from field_api.usecases.renew_tokens import TokenPair

operations: Final = Operations()
PasswordText = Annotated[str, Field(min_length=1, max_length=200)]


class Credentials(Input):
    username: Line
    password: PasswordText


class Renewal(Input):
    refresh_token: PasswordText


class SessionResource(Resource):
    user: UserResource
    csrf_token: str


class TokenResource(Resource):
    """A short token for requests and the one that renews it; both are shown this once."""

    token: str
    expires_at: Instant
    refresh_token: str = Field(description="Good for one renewal, or the same again within a minute.")
    refresh_expires_at: Instant
    user: UserResource


@operations.add(
    "POST", "/api/v1/session", "Log in with a browser: sets the session cookie",
    public=True, body=Credentials, answers={200: SessionResource}, refuses=frozenset({401, 429}),
)  # fmt: skip
def log_in(call: Call) -> Answer:
    """A session cookie and its CSRF token."""
    admission = call.services.logins.begin_session(_person(call), _address(call), call.now_ms)
    seconds = SESSION_MS // 1000
    secure = "; Secure" if call.request.is_secure else ""
    cookie = f"{COOKIE}={admission.secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    session = SessionResource(user=user_resource(admission.user), csrf_token=admission.credential.csrf_token)
    return Answer(200, session, {"Set-Cookie": cookie})


@operations.add(
    "GET", "/api/v1/session", "Who am I?", roles=SIGNED_IN, answers={200: SessionResource},
)  # fmt: skip
def who_am_i(call: Call) -> Answer:
    """The person of this session."""
    csrf_token = call.identity.credential.csrf_token if call.identity else ""
    return Answer(200, SessionResource(user=user_resource(call.user), csrf_token=csrf_token))


@operations.add(
    "DELETE", "/api/v1/session", "Log out: ends this session or token", roles=SIGNED_IN, answers={204: None},
)  # fmt: skip
def log_out(call: Call) -> Answer:
    """The session is over and its cookie gone."""
    if call.identity:
        call.services.logins.leave(call.identity, _address(call), call.now_ms)
    return Answer(204, None, {"Set-Cookie": f"{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"})


@operations.add(
    "POST", "/api/v1/tokens", "Log in with an app: a short bearer token and one that renews it",
    public=True, body=Credentials, answers={201: TokenResource}, refuses=frozenset({401, 429}),
)  # fmt: skip
def make_token(call: Call) -> Answer:
    """The tokens are shown this once."""
    return Answer(201, _tokens(call.services.people.tokens.begin(_person(call), _address(call), call.now_ms)))


@operations.add(
    "POST", "/api/v1/tokens/renew", "The next pair of tokens",
    public=True, body=Renewal, answers={200: TokenResource}, refuses=frozenset({401}),
)  # fmt: skip
def renew_token(call: Call) -> Answer:
    """The same question within a minute gets the same answer; later it ends every token of that login."""
    secret = call.body(Renewal).refresh_token
    pair = call.services.people.tokens.renew(secret, _address(call), call.now_ms)
    if pair is None:
        raise HttpProblem(401, "session.log_in_again", headers={"WWW-Authenticate": "Bearer"})
    return Answer(200, _tokens(pair))


def _tokens(pair: TokenPair) -> TokenResource:
    return TokenResource(
        token=pair.token, expires_at=iso(pair.expires_ms), refresh_token=pair.refresh_token,
        refresh_expires_at=iso(pair.refresh_expires_ms), user=user_resource(pair.user),
    )  # fmt: skip


def _person(call: Call) -> User:
    sent, address, lock_out = call.body(Credentials), _address(call), call.services.people.lock_out
    if wait_s := lock_out.wait_s(sent.username, address, call.now_ms):
        raise HttpProblem(
            429, "session.too_many_failed_logins", headers={"Retry-After": str(wait_s)}, wait_s=wait_s
        )
    user = call.services.logins.person(sent.username, sent.password)
    if user is None:
        lock_out.failed(sent.username, address, call.now_ms)
        raise HttpProblem(401, "session.wrong_name_or_password", headers={"WWW-Authenticate": "Bearer"})
    lock_out.passed(sent.username, address)
    return user


def _address(call: Call) -> str:
    return call.request.remote_addr or ""
