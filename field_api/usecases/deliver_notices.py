"""Takes notices out of the outbox to their channels: each key once in effect, tried again with a limit.

A notice is marked before it is handed over. A process that dies in the middle leaves the mark, and after the
lease the notice goes again with the same key, by which the provider knows it (delivery rule 10, fault 31).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_api.company import Company
from field_api.notices.alerts import NoticeKind
from field_api.notices.control import is_down
from field_api.notices.notice import LEASE_MS, Notice, NoticeState, next_attempt
from field_api.notices.ports import Channel, Delivery, Outcome, Sent
from field_api.notices.rules import after_quiet_ms, undisturbed_ms
from field_api.ports import Desk, DeskSession
from field_api.usecases.tell_staff import TellStaff

BATCH: Final = 100
UNTRIED_WAIT_MS: Final = 5_000
MAX_PROBLEM: Final = 200
QUIET: Final = "quiet hours"
MaskRecipient = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DeliverNotices:
    """Sends what is due by the channels of this installation; ``rest`` takes what names another.

    A retry may have fallen into the night: what would disturb somebody then waits for the morning.
    """

    desk: Desk
    company: Company
    channels: Mapping[str, Channel]
    masked: MaskRecipient
    tell_staff: TellStaff
    rest: str

    def __call__(self, now_ms: int) -> int:
        """One batch of every channel; the size of the largest: call again while it is ``BATCH``."""
        return max((self.of_channel(name, now_ms) for name in self.channels), default=0)

    def of_channel(self, name: str, now_ms: int) -> int:
        """How many notices of a channel were taken."""
        taken = self._take(name, now_ms)
        notices = self._awake(taken, now_ms)
        if not notices:
            return len(taken)
        sent = self._send(self.channels[name], notices)
        with self.desk.writing() as session:
            for notice, how in zip(notices, sent, strict=True):
                _keep(session, notice, how, now_ms)
            self._watch(session, name, sent, now_ms)
        return len(taken)

    def _take(self, name: str, now_ms: int) -> tuple[Notice, ...]:
        with self.desk.reading() as session:
            if not session.outbox.due(now_ms, 1):
                return ()
        others = name == self.rest
        wanted = [one for one in self.channels if one != name] if others else [name]
        with self.desk.writing() as session:
            return session.outbox.take(now_ms, LEASE_MS, BATCH, wanted, others)

    def _awake(self, taken: Sequence[Notice], now_ms: int) -> tuple[Notice, ...]:
        """Those that may disturb now; the others are put off until quiet hours end."""
        asleep = {one.id for one in taken if self._undisturbed_ms(one, now_ms) > now_ms}
        if asleep:
            with self.desk.writing() as session:
                until_ms = after_quiet_ms(self.company.rules, now_ms)
                session.outbox.postpone(sorted(asleep), until_ms, QUIET, counted=False)
        return tuple(one for one in taken if one.id not in asleep)

    def _undisturbed_ms(self, notice: Notice, now_ms: int) -> int:
        safety = self.company.texts[NoticeKind(notice.announcement.kind)].safety
        return undisturbed_ms(self.company.rules, notice.posting.urgency, safety, now_ms)

    def _send(self, channel: Channel, notices: Sequence[Notice]) -> Sequence[Sent]:
        try:
            sent = channel.send([self._delivery(notice) for notice in notices])
        except OSError as problem:
            return [Sent(Outcome.UNCERTAIN, problem=type(problem).__name__)] * len(notices)
        if len(sent) != len(notices):
            raise ValueError(f"channel {channel.name!r} answered {len(sent)} of {len(notices)}")
        return sent

    def _watch(self, session: DeskSession, name: str, sent: Sequence[Sent], now_ms: int) -> None:
        """Is the channel itself ill? One that takes anything is not."""
        before = session.notices.channel(name)
        failed = [one for one in sent if one.outcome is Outcome.UNCERTAIN]
        if len(failed) < sum(one.outcome is not Outcome.UNTRIED for one in sent):
            if before.failing_since_ms is not None:
                session.notices.put_channel(
                    replace(before, failing_since_ms=None, problem="", reported=False)
                )
            return
        if not failed:
            return
        since_ms = now_ms if before.failing_since_ms is None else before.failing_since_ms
        state = replace(before, failing_since_ms=since_ms, problem=failed[0].problem[:MAX_PROBLEM])
        if is_down(state, now_ms) and not state.reported:
            self.tell_staff.channel_down(session, state, now_ms)
            state = replace(state, reported=True)
        session.notices.put_channel(state)

    def _delivery(self, notice: Notice) -> Delivery:
        told, person = notice.announcement, notice.posting.recipient
        return Delivery(notice.posting.key, told.kind, told.outage_id, self.masked(person), told.text, person)


def _keep(session: DeskSession, notice: Notice, how: Sent, now_ms: int) -> None:
    match how.outcome:
        case Outcome.ACCEPTED:
            session.outbox.accepted(notice.id, how.reference)
        case Outcome.UNTRIED:
            session.outbox.postpone([notice.id], now_ms + UNTRIED_WAIT_MS, how.problem, counted=False)
        case Outcome.REFUSED:
            session.outbox.postpone([notice.id], now_ms, how.problem[:MAX_PROBLEM])
            session.outbox.settle([notice.id], NoticeState.FAILED)
        case Outcome.UNCERTAIN:
            again_ms = next_attempt(notice.attempts, now_ms)
            session.outbox.postpone([notice.id], again_ms or now_ms, how.problem[:MAX_PROBLEM])
            if again_ms is None:
                session.outbox.settle([notice.id], NoticeState.FAILED)
