"""An operation of the API is declared once: method, path, roles, models, statuses and what it does.

From the declaration follow routing, authorisation, validation, problems and the OpenAPI document, so that
they cannot disagree. Without roles nobody but the public operations' declared public gets in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from flask import Request
from pydantic import BaseModel

from field_api.http.services import Services
from field_api.people.users import Role, Scope, User
from field_api.usecases.login import Identity

SIGNED_IN: Final = frozenset(Role)
EVERYONE: Final = SIGNED_IN - {Role.AUDITOR, Role.MACHINE}
"""Everybody who works with the board. Auditors and other systems get in where an operation names them."""
READERS: Final = EVERYONE | {Role.MACHINE}
OFFICE: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.VIEWER})
PUBLIC: Final[frozenset[Role]] = frozenset()
"""Not "nobody": an operation that needs no login says so by ``public=True`` beside it."""

JSON: Final = "application/json"
UPLOAD: Final = "application/octet-stream"
_PARAMETER: Final = re.compile(r"\{(\w+)(:path)?\}")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is a resource, ready JSON text, bytes of another media type, or nothing."""

    status: int = 200
    body: BaseModel | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    revision: int | None = None
    """Of the resource; it stands in front of the entity tag of a conditional operation."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, authenticated and validated."""

    services: Services
    request: Request
    identity: Identity | None
    path: Mapping[str, str]
    query_model: BaseModel | None
    body_model: BaseModel | None
    now_ms: int

    @property
    def user(self) -> User:
        """The person; only public operations have none."""
        if self.identity is None:
            raise LookupError("a public operation has no user")
        return self.identity.user

    @property
    def scope(self) -> Scope:
        """What the person may see."""
        return self.user.scope

    def query(self, model: type[Model]) -> Model:
        """The query parameters, as declared."""
        return _as_declared(self.query_model, model)

    def body(self, model: type[Model]) -> Model:
        """The body, as declared."""
        return _as_declared(self.body_model, model)


def _as_declared(found: BaseModel | None, model: type[Model]) -> Model:
    if not isinstance(found, model):
        raise TypeError(f"the operation does not declare {model.__name__}")
    return found


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    handler: Handler
    roles: frozenset[Role]
    public: bool
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answers: Mapping[int, type[BaseModel] | None]
    """Status → model of the body; None: no body, or another media type."""
    refuses: frozenset[int]
    """Statuses of problems besides those that follow from the declaration."""
    media_type: str = JSON
    demo: bool = False
    """Exists only where the settings say ``demo``."""
    conditional: bool = False
    """Its 200 carries an ETag, and If-None-Match may answer 304."""
    if_match: bool = False
    """If-Match may name the revision that the person saw; another one is answered 412."""
    uploads: bool = False
    """The body is a part of a file, at a place that Content-Range names."""
    max_body: int = 0
    """Bytes; 0: as every other operation."""
    bad_query: int = 422
    """What a wrong query is answered with; some standards want 400."""

    @property
    def name(self) -> str:
        """``operationId``."""
        return self.handler.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path's parameters."""
        return tuple(match[0] for match in _PARAMETER.findall(self.path))

    @property
    def documented_path(self) -> str:
        """As OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def rule(self) -> str:
        """As Flask writes it."""
        return _PARAMETER.sub(lambda match: f"<{'path:' if match[2] else ''}{match[1]}>", self.path)

    @property
    def statuses(self) -> frozenset[int]:
        """Every status that it may answer."""
        guarded = set() if self.public else {401, 403}
        checked = {self.bad_query} if self.query else set()
        sent = {400, 413, 415, 422} if self.body else set()
        sent |= {400, 413, 415} if self.uploads else set()
        found = {404} if self.parameters else set()
        found |= ({304} if self.conditional else set()) | ({412} if self.if_match else set())
        return frozenset(self.answers) | self.refuses | guarded | checked | sent | found | {429}


class Operations:
    """A book of operations; each module of routes fills one."""

    def __init__(self) -> None:
        self.listed: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        roles: frozenset[Role] = PUBLIC,
        public: bool = False,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        answers: Mapping[int, type[BaseModel] | None],
        refuses: frozenset[int] = frozenset(),
        media_type: str = JSON,
        demo: bool = False,
        conditional: bool = False,
        if_match: bool = False,
        uploads: bool = False,
        max_body: int = 0,
        bad_query: int = 422,
    ) -> Callable[[Handler], Handler]:
        """Declare an operation; an operation that is neither public nor names roles is refused."""
        if public == bool(roles):
            raise ValueError(f"{method} {path}: say either who may (roles) or that everybody may (public)")

        def declare(handler: Handler) -> Handler:
            self.listed.append(
                Operation(
                    method,
                    path,
                    summary,
                    handler,
                    roles,
                    public,
                    query,
                    body,
                    answers,
                    refuses,
                    media_type,
                    demo,
                    conditional,
                    if_match,
                    uploads,
                    max_body,
                    bad_query,
                )
            )
            return handler

        return declare
