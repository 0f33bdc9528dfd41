"""Registers as data: what is written down of villages, customers and grid cells, from when until when.

A register (``registers/*.toml``) names what its entries are about, a JSON Schema for them, who may read and
write it, what one needs (consent), how many may hold at once, and which kind of work an entry opens.
Entries are never changed: one is ended and another begins, so that what held at any instant can be told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from field_api.orders.form_answers import wrong_by
from field_api.people.users import Role
from field_api.saying import Named, Said, named

CONSENT: Final = "consent"
"""Field of an entry that must be true where a register needs consent."""


class About(StrEnum):
    CUSTOMER = "customer"
    GRID = "grid"
    VILLAGE = "village"


@dataclass(frozen=True, slots=True)
class Register:
    name: str
    titles: Mapping[str, str]
    about: About
    schema: Mapping[str, Any]
    reads: frozenset[Role]
    writes: frozenset[Role]
    needs_consent: bool = False
    """Personal data: an entry without consent and purpose is refused (CUS-14, CUS-15)."""
    one_at_once: bool = False
    """A new entry about the same thing ends the one before."""
    opens: str = ""
    """Work type of the order that an entry opens, about the same customer or cell."""

    @property
    def named(self) -> Named:
        """As people are told of it."""
        return named(self.name, self.titles)


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    register: str
    subject_id: str
    grid_id: str
    document: Mapping[str, Any]
    by: str
    by_name: str
    from_ms: int
    until_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Did it hold then?"""
        return self.from_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


def problems(register: Register, document: Mapping[str, Any]) -> tuple[Said, ...]:
    """What is wrong with an entry, field by field, at most ten."""
    schema = {"type": "object", "additionalProperties": False, **register.schema}
    told = [*wrong_by(schema, document)]
    if register.needs_consent and document.get(CONSENT) is not True:
        told.append(Said("register.consent"))
    return tuple(told)


def count_by(entries: Sequence[Entry], field: str) -> Mapping[str, int]:
    """How many entries have which value of a field; lists count each of theirs."""
    found: dict[str, int] = {}
    for entry in entries:
        value = entry.document.get(field, "")
        for one in value if isinstance(value, list) else [value]:
            found[str(one)] = found.get(str(one), 0) + 1
    return found
