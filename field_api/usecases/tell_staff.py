"""People of the company hear what waits for them: orders that nobody accepted, channels that are down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.notices.alerts import NoticeKind
from field_api.notices.call_list import CallList, Contact, to_call
from field_api.notices.control import ChannelState
from field_api.notices.notice import Announcement, Posting
from field_api.notices.rules import Urgency
from field_api.notices.wording import staff_text
from field_api.orders.work import HistoryEntry
from field_api.ports import DeskSession, StoredOrder

OFFICE_LEVEL: Final = 2
LOG: Final = "log"
"""The channel that is always there."""


@dataclass(frozen=True, slots=True)
class TellStaff:
    """Queues one message for each person of the call list, within the caller's transaction."""

    company: Company
    call_list: CallList
    channel: str = LOG
    """What those take who name none."""

    def escalation(self, session: DeskSession, stored: StoredOrder, entry: HistoryEntry, level: int) -> None:
        """An order was not accepted for so long: the people of that level hear of it, once for each entry."""
        order = stored.order
        assigned = next(e for e in reversed(stored.history) if e.step != entry.step)
        text = staff_text(
            self.company.texts, NoticeKind.ESCALATION, self.company.language,
            f"{order.number} {order.element_name}", assigned.at_ms, entry.note,
        )  # fmt: skip
        told = Announcement(
            f"{order.id}/{NoticeKind.ESCALATION}/{entry.sequence}", order.outage_id,
            f"order/{order.id}", NoticeKind.ESCALATION.value, entry.at_ms, text,
        )  # fmt: skip
        people = to_call(self.call_list, level, order.crew_id)
        self._post(session, told, people, order.grid_id, avoid="")

    def channel_down(self, session: DeskSession, state: ChannelState, now_ms: int) -> None:
        """Nothing leaves by a channel: told by any other."""
        since_ms = now_ms if state.failing_since_ms is None else state.failing_since_ms
        text = staff_text(
            self.company.texts, NoticeKind.CHANNEL_DOWN, self.company.language,
            state.name, since_ms, state.problem,
        )  # fmt: skip
        told = Announcement(
            f"channel/{state.name}/{since_ms}", "", f"channel/{state.name}",
            NoticeKind.CHANNEL_DOWN.value, now_ms, text,
        )  # fmt: skip
        self._post(session, told, to_call(self.call_list, OFFICE_LEVEL), "", avoid=state.name)

    def _post(
        self, session: DeskSession, told: Announcement, people: Sequence[Contact], grid_id: str, avoid: str
    ) -> None:
        session.outbox.announce(told, [
            Posting(
                f"{told.id}/{one.recipient}", one.recipient, grid_id, self._carrier(one, avoid),
                urgency=Urgency.KEY, due_ms=told.at_ms,
            )
            for one in people
        ])  # fmt: skip

    def _carrier(self, contact: Contact, avoid: str) -> str:
        for name in (contact.channel, self.channel):
            if name and name != avoid:
                return name
        return LOG
