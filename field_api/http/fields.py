"""Field types of requests: bounded, without control characters, in text that every store can keep."""

import json
from typing import Annotated, Final, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from field_api.saying import Saying

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 100
IDENTIFIER_PATTERN: Final = r"^[^\x00-\x1f\x7f]{1,128}$"
CURSOR_PATTERN: Final = r"^[0-9]{1,15}(\.[!-~]{1,128})?$"


class BadValue(Saying, ValueError):
    """A value of the right type that still cannot be kept."""


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadValue("input.half_a_character") from None
    return text


def as_whole(number: object) -> object:
    """JSON knows one kind of number: 1.0 is the integer 1."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Whole = Annotated[int, BeforeValidator(as_whole)]
# Bounds stand before the validator: behind it, within a union, the document would not tell them.
Revision = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(as_whole)]
Identifier = Annotated[str, Field(pattern=IDENTIFIER_PATTERN, max_length=128), AfterValidator(_encodable)]
Line = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200, min_length=1), AfterValidator(_encodable)
]
Words = Annotated[
    str, Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$", max_length=2000), AfterValidator(_encodable)
]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
DeviceTime = AwareDatetime
StepName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,39}$")]
OPERATION_ID_PATTERN: Final = r"^[0-9A-Za-z-]{8,64}$"
OperationId = Annotated[str, Field(pattern=OPERATION_ID_PATTERN, description="Made by the client, once.")]
MAX_ANSWERS: Final = 100
MAX_ANSWERS_SIZE: Final = 20_000


def _small(answers: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        text = json.dumps(answers, allow_nan=False)
    except ValueError:
        raise BadValue("input.not_finite") from None
    if len(text) > MAX_ANSWERS_SIZE:
        raise BadValue("input.string_too_long", limit=MAX_ANSWERS_SIZE)
    _encodable(json.dumps(answers, ensure_ascii=False))
    return answers


Answers = Annotated[dict[str, JsonValue], Field(max_length=MAX_ANSWERS), AfterValidator(_small)]
"""Answers to a form, by field."""

Item = TypeVar("Item")


class Input(BaseModel):
    """A request's part: unknown fields are refused, nothing is guessed into another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Query(BaseModel):
    """Query parameters: texts that are read as what they mean; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PageQuery(Query):
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(default=None, pattern=CURSOR_PATTERN)


class Page(BaseModel, Generic[Item]):
    """One page; ``next_cursor`` null: the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[Item, ...]
    next_cursor: str | None
