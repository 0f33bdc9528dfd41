"""What the public is told, in editions with number and date; older ones stay, changes are told (RPT-09)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from field_api.saying import Language

Words = Mapping[str, str]
"""Language → text, both languages always."""


@dataclass(frozen=True, slots=True)
class Section:
    id: str
    title: Words
    text: Words


@dataclass(frozen=True, slots=True)
class Edition:
    version: int
    day: date
    """From when on it holds."""
    changed: Words
    """Against the edition before, in its editor's words."""
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids of sections, in the order of the edition that has them."""

    added: tuple[str, ...]
    reworded: tuple[str, ...]
    removed: tuple[str, ...]


def changes(before: Edition | None, after: Edition) -> Changes:
    """What an edition says that the one before did not; of the first everything is new."""
    known = {} if before is None else {one.id: one for one in before.sections}
    kept = {one.id for one in after.sections}
    return Changes(
        tuple(one.id for one in after.sections if one.id not in known),
        tuple(one.id for one in after.sections if one.id in known and known[one.id] != one),
        tuple(identifier for identifier in known if identifier not in kept),
    )


def come(editions: Sequence[Edition], today: date) -> tuple[Edition, ...]:
    """Those whose day has come, the last of them in force; the others are not shown before."""
    return tuple(one for one in editions if one.day <= today)


_Both = Annotated[Mapping[Language, Annotated[str, Field(min_length=1, max_length=5_000)]],
                  Field(min_length=2)]  # fmt: skip


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    title: _Both
    text: _Both


class _Edition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1, le=100_000)
    date: date
    changed: _Both
    sections: tuple[_Section, ...] = Field(min_length=1, max_length=100)


def edition_of(declared: Mapping[str, object]) -> Edition:
    """The edition of a parsed file; raises pydantic's ValidationError or ValueError naming the field."""
    read = _Edition.model_validate(declared)
    ids = [one.id for one in read.sections]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(f"sections: {', '.join(twice)} twice")
    sections = tuple(Section(one.id, _words(one.title), _words(one.text)) for one in read.sections)
    return Edition(read.version, read.date, _words(read.changed), sections)


def in_order(editions: Sequence[Edition]) -> tuple[Edition, ...]:
    """By number; raises ValueError where one is missing, or has no later day than the one before."""
    found = tuple(sorted(editions, key=lambda one: one.version))
    if [one.version for one in found] != list(range(1, len(found) + 1)):
        told = ", ".join(str(one.version) for one in found)
        raise ValueError(f"version: expected 1, 2, 3, … without a gap, found {told}")
    for before, after in pairwise(found):
        if after.day <= before.day:
            raise ValueError(f"date: edition {after.version} is not later than edition {before.version}")
    return found


def _words(read: Mapping[Language, str]) -> Words:
    return {str(language): text for language, text in read.items()}
