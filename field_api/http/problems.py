"""Every refusal is ``application/problem+json`` (RFC 9457): what is wrong, where, and what was expected."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from field_api.instants import iso
from field_api.orders.conflicts import FieldConflict
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible, Refused, Stale

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    message: str


class ConflictProblem(BaseModel):
    """One thing that somebody changed since the person looked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    had: JsonValue = Field(None, description="As the person saw it; missing: nothing.")
    wanted: JsonValue = Field(
        None, description="As the person's step would have it; missing: it says nothing of it."
    )
    current: JsonValue = None
    by: str
    by_name: str
    at: str
    step: str


class Problem(BaseModel):
    """RFC 9457; ``current`` comes with a 409 whose cause is an outdated revision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: tuple[FieldProblem, ...] | None = None
    current: dict[str, object] | None = Field(default=None)
    conflicts: tuple[ConflictProblem, ...] | None = Field(
        default=None, description="What others changed since, field by field."
    )


class HttpProblem(Exception):
    """Raised anywhere below a request to answer it with a problem."""

    def __init__(
        self,
        status: int,
        title: str = "",
        detail: str | None = None,
        errors: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
        current: str | None = None,
        conflicts: Sequence[FieldConflict] = (),
    ) -> None:
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}
        self.current = current
        self.conflicts = tuple(conflicts)
        super().__init__(f"{status} {self.title}")

    def problem(self) -> Problem:
        """As people are told."""
        return Problem(
            title=self.title, status=self.status, detail=self.detail, errors=self.errors or None,
            current=json.loads(self.current) if self.current else None,
            conflicts=tuple(map(_told, self.conflicts)) or None,
        )  # fmt: skip

    def response(self) -> Response:
        """The problem as an answer."""
        text = self.problem().model_dump_json(exclude_none=True)
        return Response(text, self.status, self.headers, content_type=MEDIA_TYPE)


_STATUS: Final[dict[type[Refused], int]] = {NotFound: 404, Forbidden: 403, Conflict: 409, NotPossible: 422}


def problem_of(refused: Refused) -> HttpProblem:
    """What a use case refused, as it is answered."""
    status = next(status for kind, status in _STATUS.items() if isinstance(refused, kind))
    if not isinstance(refused, Stale):
        return HttpProblem(status, str(refused))
    return HttpProblem(status, str(refused), current=refused.current, conflicts=refused.conflicts)


def _told(one: FieldConflict) -> ConflictProblem:
    return ConflictProblem(
        field=one.field, had=one.had, wanted=one.wanted, current=one.current,
        by=one.by, by_name=one.by_name, at=iso(one.at_ms), step=one.step,
    )  # fmt: skip
