"""What people correct of an outage: a word with name, time and reason, and the evidence that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from field_api.people.users import Role
from telemetry.evidence import Evidence, EvidenceKind

OFFICE_WORDS: Final = frozenset({EvidenceKind.CUSTOMER_OUT, EvidenceKind.CUSTOMER_ON, EvidenceKind.INVALID})
FINDINGS: Final = frozenset({EvidenceKind.FOUND_FAULTY, EvidenceKind.FOUND_SOUND})
"""What a crew may say too: it stands before the element."""
MAX_THINGS: Final = 200
_WHO: Final[Mapping[Role, frozenset[EvidenceKind]]] = {
    Role.ADMIN: OFFICE_WORDS | FINDINGS,
    Role.DISPATCHER: OFFICE_WORDS | FINDINGS,
    Role.CREW: FINDINGS,
}


@dataclass(frozen=True, slots=True)
class Correction:
    """One word of a person about an outage or a switch, as it is kept for ever."""

    key: str
    """Made by the client once: the same key is the same word."""
    outage_id: str
    """'' for what was switched by hand, which belongs to no outage."""
    kind: EvidenceKind
    things: tuple[str, ...]
    """Ids of elements or customers."""
    note: str
    at_ms: int
    """As of when it holds."""
    said_ms: int
    user_id: str
    user_name: str

    @property
    def evidence(self) -> Evidence:
        """What the detector reads."""
        return Evidence(self.kind, self.at_ms, self.said_ms, source_of(self.user_id), self.things, self.key)


def may_say(role: Role, kind: EvidenceKind) -> bool:
    """Whether somebody of this role may say such a word."""
    return kind in _WHO.get(role, frozenset())


def source_of(user_id: str) -> str:
    """How evidence names a person."""
    return f"desk:{user_id}"


def user_of(source: str) -> str:
    """The way back from ``source_of``; '' where no person said it."""
    desk, _, user = source.partition(":")
    return user if desk == "desk" else ""
