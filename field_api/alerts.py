"""Who hears what: exactly the people in scope, key and vulnerable customers first, each change once (NTF-01).

What a person was told last decides what they are told next, so that growth, partial restoration and
correction of an outage each reach exactly the people whom they concern.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from telemetry.outages import OutageState

MAX_TOLD: Final = 6
"""Messages to one person about one incident; a flickering scope must not become spam."""


class NoticeKind(StrEnum):
    OUTAGE = "outage"
    CORRECTION = "correction"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Told:
    """What a person heard about an incident so far."""

    kind: NoticeKind
    """The last message."""
    times: int


@dataclass(frozen=True, slots=True)
class Message:
    recipient: str
    """Customer id."""
    kind: NoticeKind
    revision_class: int
    """How many messages about this incident the person got before."""


def messages(
    state: OutageState,
    in_scope: Sequence[str],
    supply_returns: bool,
    told: Mapping[str, Told],
) -> tuple[Message, ...]:
    """Messages due after a revision, in the order of ``in_scope`` and then of who was told.

    ``in_scope`` are the customers out, most urgent first. Who leaves the scope of an open outage lives again
    where ``supply_returns`` part by part; otherwise the notice to them was a mistake.
    """
    if state in {OutageState.SUSPECTED, OutageState.MERGED}:
        return ()
    out = in_scope if state is OutageState.CONFIRMED else ()
    concerned = set(out)
    due = [(customer, NoticeKind.OUTAGE) for customer in out if not _knows(told.get(customer))]
    due += [
        (customer, _ending(state, supply_returns))
        for customer, last in told.items()
        if last.kind is NoticeKind.OUTAGE and customer not in concerned
    ]
    return tuple(
        Message(customer, kind, told[customer].times if customer in told else 0)
        for customer, kind in due
        if customer not in told or told[customer].times < MAX_TOLD
    )


def notice_key(outage_id: str, message: Message) -> str:
    """Unique per outage, kind, recipient and revision class: the outbox takes it once."""
    return f"{outage_id}/{message.kind}/{message.recipient}/{message.revision_class}"


def _knows(last: Told | None) -> bool:
    return last is not None and last.kind is NoticeKind.OUTAGE


def _ending(state: OutageState, supply_returns: bool) -> NoticeKind:
    if state is OutageState.RESTORED or (state is OutageState.CONFIRMED and supply_returns):
        return NoticeKind.RESTORED
    return NoticeKind.CORRECTION
