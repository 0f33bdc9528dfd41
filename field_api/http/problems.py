"""Every refusal is ``application/problem+json`` (RFC 9457): what is wrong, where, and what was expected."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457; ``current`` comes with a 409 whose cause is an outdated revision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: tuple[FieldProblem, ...] | None = None
    current: dict[str, object] | None = Field(default=None)


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
    ) -> None:
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}
        self.current = current
        super().__init__(f"{status} {self.title}")

    def response(self) -> Response:
        """The problem as an answer."""
        problem = Problem(
            title=self.title, status=self.status, detail=self.detail, errors=self.errors or None,
            current=json.loads(self.current) if self.current else None,
        )  # fmt: skip
        text = problem.model_dump_json(exclude_none=True)
        return Response(text, self.status, self.headers, content_type=MEDIA_TYPE)
