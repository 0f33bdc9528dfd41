"""Who hears what: exactly the people in scope, key and vulnerable customers first, each change once (NTF-01).

What a person was told last decides what they are told next, so that growth, another expected time, partial
restoration and correction of an outage each reach exactly the people whom they concern. Words that have not
left yet are withdrawn, not corrected: nobody hears the end of an outage whose beginning they never heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.outages import OutageState

MAX_TOLD: Final = 6
"""Messages to one person about one incident; a flickering scope must not become spam."""
MAX_FIRST: Final = MAX_TOLD - 1
"""From then on nobody is told again that they are out, so that what they heard can still be ended."""
MAX_PROGRESS: Final = MAX_TOLD - 2
"""From then on another expected time is kept back, so that the end can still be told."""


class NoticeKind(StrEnum):
    OUTAGE = "outage"
    PROGRESS = "progress"
    CORRECTION = "correction"
    RESTORED = "restored"
    PLANNED = "planned"
    TEMPORARY = "temporary"
    PLANNED_CANCELLED = "planned_cancelled"
    ESCALATION = "escalation"
    CHANNEL_DOWN = "channel_down"


FIRST_WORDS: Final = frozenset({NoticeKind.OUTAGE, NoticeKind.PLANNED, NoticeKind.TEMPORARY})
OF_OUTAGES: Final = frozenset(
    {NoticeKind.OUTAGE, NoticeKind.PROGRESS, NoticeKind.CORRECTION, NoticeKind.RESTORED}
)
"""What tells a person whether they are out now."""
_THEY_KNOW: Final = FIRST_WORDS | {NoticeKind.PROGRESS}
"""After these a person thinks that they are, or will be, out."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a person heard about an incident so far, or is about to hear."""

    kind: NoticeKind | None
    """The last message that was not withdrawn; None where all were."""
    times: int
    withdrawn: int = 0
    """Messages that never left."""
    unsent: bool = False
    """Nothing of what tells them that they are out has left yet."""
    expected_ms: int | None = None
    """When supply is back, as the last one said."""
    at_ms: int = 0
    """When that was made."""

    @property
    def knows(self) -> bool:
        """Are they told that they are out?"""
        return self.kind in _THEY_KNOW


@dataclass(frozen=True, slots=True)
class Message:
    recipient: str
    """Customer id."""
    kind: NoticeKind
    revision_class: int
    """How many messages about this incident were made for the person before."""


def messages(
    state: OutageState,
    in_scope: Sequence[str],
    supply_returns: bool,
    told: Mapping[str, Told],
    taken: Sequence[str] = (),
) -> tuple[Message, ...]:
    """Messages due after a revision, in the order of ``in_scope`` and then of who was told.

    ``in_scope`` are the customers out, most urgent first. Who leaves the scope of an open outage lives again
    where ``supply_returns`` part by part; otherwise the notice to them was a mistake. ``taken`` leave it too,
    and were told that they are out by another outage, which no longer has them.
    """
    if state in {OutageState.SUSPECTED, OutageState.MERGED}:
        return ()
    out = in_scope if state is OutageState.CONFIRMED else ()
    concerned = set(out)
    first = [one for one in out if one not in told or not told[one].knows]
    over = [one for one in leaving(out, told) if not told[one].unsent]
    over += [one for one in taken if one not in concerned]
    ending = _ending(state, supply_returns)
    return (
        *(_message(one, NoticeKind.OUTAGE, told) for one in first if _may_hear(one, told, MAX_FIRST)),
        *(_message(one, ending, told) for one in over),
    )


def leaving(in_scope: Sequence[str], told: Mapping[str, Told]) -> tuple[str, ...]:
    """Who thinks to be out and is not in scope."""
    concerned = set(in_scope)
    return tuple(one for one, last in told.items() if last.knows and one not in concerned)


def withdrawals(state: OutageState, in_scope: Sequence[str], told: Mapping[str, Told]) -> tuple[str, ...]:
    """Who is no longer concerned by words that have not left: a reclose in time is told to nobody."""
    if state in {OutageState.SUSPECTED, OutageState.MERGED}:
        return ()
    out = in_scope if state is OutageState.CONFIRMED else ()
    return tuple(one for one in leaving(out, told) if told[one].unsent)


@dataclass(frozen=True, slots=True)
class Progress:
    """Another expected time: whom to tell, and whose unsent words to replace by newer ones."""

    tell: tuple[Message, ...]
    replace: tuple[Message, ...]
    waiting_ms: int | None = None
    """When the eldest words were made that are too young to be followed by others yet."""


def progress(
    told: Mapping[str, Told], expected_ms: int | None, change_ms: int, before_ms: int | None = None
) -> Progress:
    """What is due where supply is now expected back at ``expected_ms``; None: withdrawn, nobody knows.

    Words made after ``before_ms`` are not followed by others yet: what is computed moves with every order of
    a storm, and nobody is helped by hearing each move. What was withdrawn is told whenever that was.
    """
    news = [
        one for one, last in told.items() if last.knows and is_news(last.expected_ms, expected_ms, change_ms)
    ]
    young = {
        one
        for one in news
        if before_ms is not None
        and expected_ms is not None
        and not told[one].unsent
        and told[one].at_ms > before_ms
    }
    stale = [one for one in news if one not in young]
    return Progress(
        waiting_ms=min((told[one].at_ms for one in young), default=None),
        tell=tuple(
            _message(one, NoticeKind.PROGRESS, told)
            for one in stale
            if not told[one].unsent and _may_hear(one, told, MAX_PROGRESS)
        ),
        replace=tuple(
            _message(one, told[one].kind or NoticeKind.OUTAGE, told) for one in stale if told[one].unsent
        ),
    )


def notice_key(outage_id: str, message: Message) -> str:
    """Unique per outage, kind, recipient and revision class: the outbox takes it once."""
    return f"{outage_id}/{message.kind}/{message.recipient}/{message.revision_class}"


def _message(one: str, kind: NoticeKind, told: Mapping[str, Told]) -> Message:
    return Message(one, kind, told[one].times + told[one].withdrawn if one in told else 0)


def _may_hear(one: str, told: Mapping[str, Told], limit: int) -> bool:
    return one not in told or told[one].times < limit


def is_news(said_ms: int | None, now_said_ms: int | None, change_ms: int) -> bool:
    """Is another expected time worth telling? To know none any more always is."""
    if said_ms is None or now_said_ms is None:
        return said_ms is not now_said_ms
    return abs(said_ms - now_said_ms) >= change_ms


def _ending(state: OutageState, supply_returns: bool) -> NoticeKind:
    if state is OutageState.RESTORED or (state is OutageState.CONFIRMED and supply_returns):
        return NoticeKind.RESTORED
    return NoticeKind.CORRECTION
