"""What a file of the site says of a channel (``channels/*.toml``). Parsing only; others open files.

An HTTP channel is a provider's SMS interface as data: what is sent, what counts as taken or as refused for
good, how its receipts read. An ``apprise`` channel is a list of service URLs (WeCom, DingTalk, Feishu, …).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from field_api.notices.notice import NoticeState

NAME: Final = r"^[a-z][a-z0-9_]{0,31}$"
MESSAGE_FIELDS: Final = frozenset({"phone", "text", "key", "kind"})
_Short = Annotated[str, Field(max_length=2_000)]
PLACE: Final = re.compile(r"\{(?:([a-z]+)|secret:([A-Za-z0-9_-]{1,64}))\}")
"""A name in braces; other braces are the text's own, as JSON has them."""
Missing: Final = object()


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Declared):
    """A dotted path into a JSON answer, and the values (as text) that count."""

    field: Annotated[str, Field(min_length=1, max_length=200)]
    equals: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]

    def holds(self, answer: object) -> bool:
        """Is the value at that path one of them?"""
        found = at_path(answer, self.field)
        return found is not Missing and as_text(found) in self.equals


class ReceiptRule(_Declared):
    """How a provider's receipt reads."""

    items: str = ""
    """Path to the list of receipts; '' where the body is one receipt or a list."""
    reference: Annotated[str, Field(min_length=1)]
    state: Annotated[str, Field(min_length=1)]
    delivered: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def read_from(self, body: object) -> tuple[tuple[str, NoticeState], ...]:
        """Reference and state of each receipt; ValueError where the body is none."""
        listed = at_path(body, self.items) if self.items else body
        items = listed if isinstance(listed, list) else [listed]
        return tuple(self._one(item) for item in items)

    def _one(self, item: object) -> tuple[str, NoticeState]:
        reference, state = at_path(item, self.reference), at_path(item, self.state)
        if reference is Missing or state is Missing:
            raise ValueError(f"expected {self.reference} and {self.state} in each receipt")
        said = as_text(state)
        for known, words in (
            (NoticeState.DELIVERED, self.delivered), (NoticeState.READ, self.read),
            (NoticeState.FAILED, self.failed),
        ):  # fmt: skip
            if said in words:
                return as_text(reference), known
        return as_text(reference), NoticeState.SENT


class HttpChannelFile(_Declared):
    name: Annotated[str, Field(pattern=NAME)]
    kind: Literal["http"]
    url: Annotated[str, Field(pattern=r"^https?://", max_length=2_000)]
    method: Literal["GET", "POST", "PUT"] = "POST"
    format: Literal["json", "form"] = "json"
    headers: Mapping[str, _Short] = {}
    body: _Short = ""
    """Template; ``{phone} {text} {key} {kind}`` are quoted for the format, ``{secret:NAME}`` is looked up."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    status: tuple[int, ...] = (200, 201, 202)
    taken: Rule | None = None
    """Without it the status alone tells; with it an answer 200 that says "error" is an error."""
    refused: Rule | None = None
    """For good: trying again is of no use."""
    reference: str = ""
    """Path to the provider's name for the message; '' takes our key."""
    receipts: ReceiptRule | None = None

    @model_validator(mode="after")
    def _fillable(self) -> "HttpChannelFile":
        _check_places("url", self.url, MESSAGE_FIELDS)
        _check_places("body", self.body, MESSAGE_FIELDS)
        for name, value in self.headers.items():
            _check_places(f"headers.{name}", value, frozenset())
        if self.format == "json" and self.body:
            json.loads(filled(self.body, dict.fromkeys(MESSAGE_FIELDS, '""'), lambda _: "x"))
        return self


class AppriseChannelFile(_Declared):
    name: Annotated[str, Field(pattern=NAME)]
    kind: Literal["apprise"]
    urls: Annotated[tuple[_Short, ...], Field(min_length=1, max_length=50)]
    """Service URLs; ``{secret:NAME}`` is looked up, ``{address}`` is the person's in the call list."""
    title: _Short = ""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0

    @model_validator(mode="after")
    def _fillable(self) -> "AppriseChannelFile":
        for url in self.urls:
            _check_places("urls", url, frozenset({"address"}))
        return self


ChannelFile = HttpChannelFile | AppriseChannelFile


def channel_of(declared: Mapping[str, Any]) -> ChannelFile:
    """The channel of a parsed file; raises pydantic's ValidationError or ValueError."""
    match declared.get("kind"):
        case "http":
            return HttpChannelFile.model_validate(declared)
        case "apprise":
            return AppriseChannelFile.model_validate(declared)
        case other:
            raise ValueError(f"kind: expected http or apprise, found {other!r}")


def _check_places(place: str, template: str, known: frozenset[str]) -> None:
    unknown = sorted({one[1] for one in PLACE.finditer(template) if one[1]} - known)
    if unknown:
        raise ValueError(f"{place}: {', '.join(unknown)}: expected {sorted(known) or 'no such place'}")


def filled(template: str, values: Mapping[str, str], secret: Callable[[str], str]) -> str:
    """The template with its places filled in, in one pass: what a value holds is never looked at again."""
    return PLACE.sub(lambda one: values[one[1]] if one[1] else secret(one[2]), template)


def at_path(document: object, path: str) -> object:
    """The value at a dotted path (``data.0.code``) of JSON; ``Missing`` where there is none."""
    found = document
    for part in path.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isascii() and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return Missing
    return found


def as_text(value: object) -> str:
    """A JSON scalar as a file of the site writes it: 0, OK, true."""
    return value if isinstance(value, str) else json.dumps(value)
