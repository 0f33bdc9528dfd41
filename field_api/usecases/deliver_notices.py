"""Takes notices out of the outbox to their channel: each key once in effect, tried again with a limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.notices import Notice, NoticeState, next_attempt
from field_api.ports import Channel, Delivery, Desk

BATCH: Final = 500
MaskRecipient = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DeliverNotices:
    """Sends what is due. A crash between sending and noting repeats keys, which the channel may see twice."""

    desk: Desk
    channel: Channel
    masked: MaskRecipient

    def __call__(self, now_ms: int) -> int:
        """How many were sent; call again while it is a full batch."""
        with self.desk.reading() as session:
            notices = session.outbox.due(now_ms, BATCH)
        if not notices:
            return 0
        try:
            self.channel.send([self._delivery(notice) for notice in notices])
        except OSError as problem:
            self._postpone(notices, now_ms, str(problem))
            return 0
        with self.desk.writing() as session:
            session.outbox.settle([notice.id for notice in notices], NoticeState.SENT)
        return len(notices)

    def _postpone(self, notices: Sequence[Notice], now_ms: int, problem: str) -> None:
        with self.desk.writing() as session:
            for notice in notices:
                again_ms = next_attempt(notice.attempts + 1, now_ms)
                session.outbox.postpone([notice.id], again_ms or now_ms, problem)
                if again_ms is None:
                    session.outbox.settle([notice.id], NoticeState.FAILED)

    def _delivery(self, notice: Notice) -> Delivery:
        told, posting = notice.announcement, notice.posting
        return Delivery(posting.key, told.kind, told.outage_id, self.masked(posting.recipient), told.text)
