"""What notices say: one file for each kind (``notice_texts/*.toml``), in every language, complete.

A text to customers holds cause, time off, time on (NTF-03) and both numbers, the company's and the
regulator's (NTF-04); a file that lacks one is refused, a site's own too.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from field_api import calendars
from field_api.notices.alerts import NoticeKind
from field_api.saying import LANGUAGES

HOTLINES: Final = ("95598", "12398")
"""The company's customer service and the energy regulator's supervision, both round the clock."""
UNKNOWN: Final[Mapping[str, str]] = {"zh": "（时间待定）", "en": "(not known yet)"}
CUSTOMER_FIELDS: Final = frozenset({"area", "cause", "off", "on"})
STAFF_FIELDS: Final = frozenset({"subject", "since", "detail"})
_Words = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class NoticeText:
    kind: NoticeKind
    safety: bool
    """Goes in quiet hours too: somebody may rely on a line being dead."""
    words: Mapping[str, str]
    undecided: Mapping[str, str]
    """Instead of ``words`` while nobody knows when supply is back; empty: ``words`` say so."""

    def filled(self, language: str, **values: str) -> str:
        """The text with these values; KeyError where one is missing."""
        return self.words.get(language, self.words["zh"]).format(**values)


NoticeTexts = Mapping[NoticeKind, NoticeText]


def customer_text(
    texts: NoticeTexts, kind: NoticeKind, language: str, area: str, cause: str, off_ms: int, on_ms: int | None
) -> str:
    """A notice to customers; ``on_ms`` None: nobody knows yet."""
    text, off = texts[kind], calendars.clock_face(off_ms)
    if on_ms is None and text.undecided:
        words = text.undecided.get(language, text.undecided["zh"])
        return words.format(area=area, cause=cause, off=off)
    on = UNKNOWN.get(language, UNKNOWN["zh"]) if on_ms is None else calendars.clock_face(on_ms)
    return text.filled(language, area=area, cause=cause, off=off, on=on)


def staff_text(
    texts: NoticeTexts, kind: NoticeKind, language: str, subject: str, since_ms: int, detail: str
) -> str:
    """A notice to people of the company."""
    return texts[kind].filled(language, subject=subject, since=calendars.clock_face(since_ms), detail=detail)


class _Undecided(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: _Words
    en: _Words


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: NoticeKind
    audience: Literal["customer", "staff"]
    safety: bool = False
    zh: _Words
    en: _Words
    undecided: _Undecided | None = None

    @model_validator(mode="after")
    def _complete(self) -> "_Declared":
        wanted = CUSTOMER_FIELDS if self.audience == "customer" else STAFF_FIELDS
        for language in LANGUAGES:
            self._check(language, getattr(self, language), wanted)
            if self.undecided is not None:
                words = getattr(self.undecided, language)
                self._check(f"undecided.{language}", words, wanted - {"on"})
        return self

    def _check(self, place: str, words: str, wanted: frozenset[str]) -> None:
        found = {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}
        if found != wanted:
            raise ValueError(f"{place}: expected exactly the fields {sorted(wanted)}")
        missing = [number for number in HOTLINES if number not in words]
        if self.audience == "customer" and missing:
            raise ValueError(f"{place}: expected the numbers {' and '.join(missing)}")


def notice_text_of(declared: Mapping[str, object]) -> NoticeText:
    """The text of a parsed file; raises pydantic's ValidationError."""
    read = _Declared.model_validate(declared)
    undecided = {} if read.undecided is None else read.undecided.model_dump()
    return NoticeText(read.kind, read.safety, {"zh": read.zh, "en": read.en}, undecided)
