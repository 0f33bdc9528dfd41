"""A finding on a person: they see it, may object, and only what somebody else upheld counts.

raised ──objection──▶ objected ──decision──▶ upheld | dropped
   └────── after the time for objecting ───▶ upheld | dropped
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from field_api.saying import Instant, Saying, Term

OBJECT_WITHIN_MS: Final = 7 * 24 * 3_600_000
"""How long the person may object before a decision without their word."""


class CauseClass(StrEnum):
    """Whose doing it was; only staff's counts (SUP-03)."""

    STAFF = "staff"
    CUSTOMER = "customer"
    OTHER = "other"


class FindingState(StrEnum):
    OPEN = "open"
    OBJECTED = "objected"
    UPHELD = "upheld"
    DROPPED = "dropped"


class NotYours(Saying):
    """Not this person's move."""


class NotNow(Saying):
    """Not in this state, or not yet."""


@dataclass(frozen=True, slots=True)
class PersonFinding:
    id: str
    rule: str
    """What was broken: the name of a rule."""
    evidence: str
    person_id: str
    order_id: str
    cause: CauseClass
    state: FindingState
    raised_by: str
    raised_ms: int
    objection: str = ""
    objected_ms: int | None = None
    decided_by: str = ""
    decided_ms: int | None = None
    decision: str = ""

    @property
    def counts(self) -> bool:
        """Does it count against the person?"""
        return self.state is FindingState.UPHELD and self.cause is CauseClass.STAFF

    @property
    def object_until_ms(self) -> int:
        """Until then the person may speak before anybody decides."""
        return self.raised_ms + OBJECT_WITHIN_MS


def object_to(finding: PersonFinding, by: str, words: str, now_ms: int) -> PersonFinding:
    """With the person's objection; raises ``NotYours`` for anybody else, ``NotNow`` once it is decided."""
    if by != finding.person_id:
        raise NotYours("finding.not_about_you")
    if finding.state is not FindingState.OPEN:
        raise NotNow("finding.decided", state=Term("finding_state", finding.state.value))
    return replace(finding, state=FindingState.OBJECTED, objection=words, objected_ms=now_ms)


def decide(
    finding: PersonFinding, by: str, upheld: bool, words: str, cause: CauseClass, now_ms: int
) -> PersonFinding:
    """With the verdict; raises ``NotYours`` for the person itself, ``NotNow`` while they may still object."""
    if by == finding.person_id:
        raise NotYours("finding.about_yourself")
    if finding.state not in {FindingState.OPEN, FindingState.OBJECTED}:
        raise NotNow("finding.decided", state=Term("finding_state", finding.state.value))
    if upheld and finding.state is FindingState.OPEN and now_ms < finding.object_until_ms:
        raise NotNow("finding.may_still_object", until=Instant(finding.object_until_ms))
    state = FindingState.UPHELD if upheld else FindingState.DROPPED
    return replace(finding, state=state, cause=cause, decided_by=by, decided_ms=now_ms, decision=words)
