"""What notices ask of their store and of channels."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from field_api.notices.alerts import Told
from field_api.notices.control import ChannelState, Hold, Pending, Verdict
from field_api.notices.notice import Announcement, Notice, NoticeState, Posting
from field_api.people.users import Scope


class Outbox(Protocol):
    def announce(self, announcement: Announcement, postings: Sequence[Posting]) -> range:
        """Queue a text for people; a key already known is dropped; the ids of those that were new."""

    def rejoin(self, incident_id: str, into: str) -> None:
        """What was announced about one incident counts as told about another."""

    def told(self, incident_id: str) -> Mapping[str, Told]:
        """What each person heard about an incident."""

    def told_elsewhere(self, incident_id: str, people: Collection[str]) -> Mapping[str, bool]:
        """Of these, whose newest words about any outage are about another incident.

        Whether those words have left and say that they are out.
        """

    def withdraw(self, incident_id: str, recipients: Collection[str]) -> None:
        """Newer words take the place of what still waits for these people."""

    def due(self, now_ms: int, limit: int) -> tuple[Notice, ...]:
        """Queued notices whose time has come and that nothing holds, most urgent first."""

    def take(
        self, now_ms: int, lease_ms: int, limit: int, channels: Collection[str], others: bool
    ) -> tuple[Notice, ...]:
        """As ``due``, of these channels (``others``: of all but these), counted as attempts and marked
        ``sending`` until the lease ends; what a dead process took before is taken again."""

    def settle(self, notice_ids: Sequence[int], state: NoticeState) -> None:
        """Mark as that."""

    def accepted(self, notice_id: int, reference: str) -> None:
        """The channel took it; ``reference`` is the provider's name for it."""

    def postpone(self, notice_ids: Sequence[int], due_ms: int, problem: str, counted: bool = True) -> None:
        """Try again then; ``counted``: as a failed attempt."""

    def receipt(self, channel: str, reference: str, state: NoticeState, at_ms: int) -> bool:
        """The provider tells how it went on; False where the reference is not known. Never goes back."""

    def listed(self, scope: Scope, before_id: int | None, limit: int) -> tuple[Notice, ...]:
        """Newest first."""

    def pending(self, scope: Scope) -> tuple[Pending, ...]:
        """What waits for a click in these cells, by incident and kind, oldest first."""

    def decide(self, incident_id: str, approved: bool) -> int:
        """Let go, or reject, all that waits about an incident; how many messages that were."""

    def count(self, state: NoticeState) -> int: ...

    def prune(self, before_ms: int) -> None:
        """Forget what was announced before that instant and is settled."""


class NoticeControl(Protocol):
    """Clicks, holds and the health of channels."""

    def put_hold(self, hold: Hold) -> bool:
        """Keep it; False where its id is known."""

    def holds(self, active: bool, limit: int = 200) -> tuple[Hold, ...]:
        """Newest first; ``active``: only those that nobody released."""

    def hold(self, hold_id: str) -> Hold | None: ...

    def release(self, hold_id: str, at_ms: int, user_name: str, note: str) -> bool:
        """False where nothing of that id holds any more."""

    def verdict(self, key: str) -> Verdict | None: ...

    def put_verdict(self, verdict: Verdict) -> None: ...

    def last_verdict(self, incident_id: str) -> Verdict | None:
        """The newest click on that incident."""

    def channel(self, name: str) -> ChannelState: ...

    def channels(self) -> tuple[ChannelState, ...]:
        """Those that ever failed."""

    def put_channel(self, state: ChannelState) -> None: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice as a channel gets it: the recipient masked; ``person`` is looked up inside the channel."""

    key: str
    kind: str
    outage_id: str
    recipient: str
    text: str
    person: str = ""
    """Whose address the channel asks its address book for."""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """For good: no address, a number that does not exist."""
    UNCERTAIN = "uncertain"
    """Refused for now, or no answer: again, with the same key."""
    UNTRIED = "untried"
    """The channel gave up before it came to this one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How one delivery went."""

    outcome: Outcome
    reference: str = ""
    problem: str = ""
    """Without personal data and without secrets."""


class Channel(Protocol):
    """Something that carries notices to people."""

    @property
    def name(self) -> str: ...

    def send(self, deliveries: Sequence[Delivery]) -> Sequence[Sent]:
        """One answer for each, in order; OSError: uncertain for all. The same key may come again."""


class AddressBook(Protocol):
    """Where a person is reached; asked only inside a channel."""

    def __call__(self, person: str) -> str:
        """A phone number or what else the channel takes; '' where there is none."""
