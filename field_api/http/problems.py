"""Every refusal is ``application/problem+json`` (RFC 9457): what is wrong, where, and what was expected.

``code`` and ``facts`` are for systems and never change their meaning; ``title``, ``detail`` and the messages
of fields are for people, in the language of the request (docs/decisions/0012).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from field_api.http.languages import CONTENT_LANGUAGE, told
from field_api.http.schema_words import said_of
from field_api.instants import iso
from field_api.orders.conflicts import FieldConflict
from field_api.saying import Fact, Language, Said, Saying, plain_facts
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible, Refused, Stale

MEDIA_TYPE: Final = "application/problem+json"
MAX_FIELDS: Final = 20


class FieldProblem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    code: str = Field("", description="What is wrong with it, for systems.")
    facts: dict[str, JsonValue] = Field(default={}, description="What the code speaks of, by name.")
    message: str = Field(description="The same for people.")


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
    title: str = Field(description="What the status means.")
    status: int
    detail: str | None = Field(
        default=None, description="For people: what is wrong and what to do, in the language of the request."
    )
    code: str = Field("", description="What is wrong, for systems: one of `x-codes`, always the same.")
    facts: dict[str, JsonValue] = Field(default={}, description="What the code speaks of, by name.")
    errors: tuple[FieldProblem, ...] | None = None
    current: dict[str, object] | None = Field(default=None)
    conflicts: tuple[ConflictProblem, ...] | None = Field(
        default=None, description="What others changed since, field by field."
    )


@dataclass(frozen=True, slots=True)
class FieldRefusal:
    """What is wrong with one field of a request."""

    field: str
    said: Said


class HttpProblem(Exception):
    """Raised anywhere below a request to answer it with a problem."""

    def __init__(
        self,
        status: int,
        code: str | Said,
        /,
        *,
        errors: Sequence[FieldRefusal] = (),
        headers: dict[str, str] | None = None,
        current: str | None = None,
        conflicts: Sequence[FieldConflict] = (),
        **facts: Fact,
    ) -> None:
        self.said = code if isinstance(code, Said) else Said(code, facts)
        super().__init__(status, self.said.code)
        self.status = status
        self.errors = tuple(errors)
        self.headers = headers or {}
        self.current = current
        self.conflicts = tuple(conflicts)

    def problem(self, language: Language) -> Problem:
        """As people of that language and systems are told."""
        return Problem(
            title=told(Said(f"status.{self.status}"), language), status=self.status,
            detail=told(self.said, language), code=self.said.code, facts=plain_facts(self.said),
            errors=tuple(_field(one, language) for one in self.errors) or None,
            current=json.loads(self.current) if self.current else None,
            conflicts=tuple(map(_told, self.conflicts)) or None,
        )  # fmt: skip

    def response(self, language: Language) -> Response:
        """The problem as an answer."""
        text = self.problem(language).model_dump_json(exclude_none=True)
        headers = {"Content-Language": CONTENT_LANGUAGE[language], "Vary": "Accept-Language", **self.headers}
        return Response(text, self.status, headers, content_type=MEDIA_TYPE)


_STATUS: Final[dict[type[Refused], int]] = {NotFound: 404, Forbidden: 403, Conflict: 409, NotPossible: 422}


def refusal(
    status: int,
    why: Saying,
    *,
    headers: dict[str, str] | None = None,
    current: str | None = None,
    conflicts: Sequence[FieldConflict] = (),
) -> HttpProblem:
    """With what another room says."""
    return HttpProblem(status, why.said, headers=headers, current=current, conflicts=conflicts)


def problem_of(refused: Refused) -> HttpProblem:
    """What a use case refused, as it is answered."""
    status = next(status for kind, status in _STATUS.items() if isinstance(refused, kind))
    if not isinstance(refused, Stale):
        return refusal(status, refused)
    return refusal(status, refused, current=refused.current, conflicts=refused.conflicts)


def invalid(problem: ValidationError, code: str, status: int = 422) -> HttpProblem:
    """What a request's schema says against it, field by field."""
    errors = [
        FieldRefusal(".".join(map(str, error["loc"])), said_of(error))
        for error in problem.errors(include_url=False, include_input=False)[:MAX_FIELDS]
    ]
    return HttpProblem(status, code, errors=errors)


def _field(one: FieldRefusal, language: Language) -> FieldProblem:
    facts = plain_facts(one.said)
    return FieldProblem(field=one.field, code=one.said.code, facts=facts, message=told(one.said, language))


def _told(one: FieldConflict) -> ConflictProblem:
    return ConflictProblem(
        field=one.field, had=one.had, wanted=one.wanted, current=one.current,
        by=one.by, by_name=one.by_name, at=iso(one.at_ms), step=one.step,
    )  # fmt: skip
