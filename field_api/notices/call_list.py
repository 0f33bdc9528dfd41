"""Whom to tell when nobody acts: crew lead, then dispatcher, then supervisor, by the site's call list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

STAFF: Final = "staff:"
"""Prefix of a recipient who is of the company."""
LEVELS: Final = (1, 2, 3)
"""Crew lead, dispatcher, supervisor."""


@dataclass(frozen=True, slots=True)
class Contact:
    id: str
    name: str
    level: int
    crews: frozenset[str]
    """Of which crews; empty: of all."""
    channel: str
    """'' takes the one for staff."""
    address: str
    """Personal; read only by the channel."""

    @property
    def recipient(self) -> str:
        """As the outbox names the person."""
        return f"{STAFF}{self.id}"


CallList = Sequence[Contact]


def to_call(call_list: CallList, level: int, crew_id: str = "") -> tuple[Contact, ...]:
    """The people of that level for the crew; where there are none, those of the next level that has some."""
    for at in range(level, max(LEVELS) + 1):
        found = tuple(
            one
            for one in call_list
            if one.level == at and (not one.crews or not crew_id or crew_id in one.crews)
        )
        if found:
            return found
    return ()


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    name: Annotated[str, Field(min_length=1, max_length=64)]
    level: Annotated[int, Field(ge=1, le=3)]
    crews: frozenset[str] = frozenset()
    channel: str = ""
    address: str = ""


class _CallList(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    people: Annotated[tuple[_Person, ...], Field(max_length=1_000)] = ()


def call_list_of(declared: object) -> tuple[Contact, ...]:
    """The list of a parsed file; raises pydantic's ValidationError, ValueError for one id twice."""
    read = _CallList.model_validate(declared)
    ids = [one.id for one in read.people]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ValueError(f"people: {', '.join(twice)} is named twice")
    return tuple(
        Contact(one.id, one.name, one.level, one.crews, one.channel, one.address) for one in read.people
    )
