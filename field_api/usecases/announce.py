"""Messages that are due become one text per kind and cell, one posting per person, by the site's rules.

Within the caller's transaction: who decides and what is queued agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from field_api.company import Company
from field_api.notices.alerts import FIRST_WORDS, Message, NoticeKind, notice_key
from field_api.notices.call_list import STAFF
from field_api.notices.notice import Announcement, Notice, NoticeState, Posting
from field_api.notices.rules import Fate, Size, Urgency, fate, send_from_ms
from field_api.notices.wording import customer_text
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession, FeedEvent
from field_api.presentation import document, notice_resource
from field_api.projection import Place, Site
from geo.errors import UnknownElement
from geo.network import Priority

_URGENCY: Final[Mapping[int, Urgency]] = {
    Priority.KEY: Urgency.KEY, Priority.VULNERABLE: Urgency.VULNERABLE, Priority.NORMAL: Urgency.EVERYBODY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What notices are about."""

    outage_id: str
    incident_id: str
    name: str
    """Makes the announcement's id unique: the revision, the plan, the instant."""
    cause: Place
    off_ms: int
    on_ms: int | None
    """When supply is or was back; None: nobody knows."""
    size: Size


class Announce:
    """Queues messages of one transaction."""

    def __init__(self, session: DeskSession, company: Company, site: Site, now_ms: int) -> None:
        self._session = session
        self._company = company
        self._site = site
        self._now_ms = now_ms
        self._cells = {cell.id: cell for cell in session.organisation.cells(WHOLE_COMPANY)}

    def __call__(self, about: About, due: Sequence[Message]) -> tuple[FeedEvent, ...]:
        """Queue what the rules let go, after withdrawing what it replaces; the events to tell screens."""
        verdict = self._session.notices.last_verdict(about.incident_id)
        first = fate(self._company.rules, about.size, verdict)
        wanted = [one for one in due if one.kind not in FIRST_WORDS or first is not Fate.SKIP]
        if not wanted:
            return ()
        self._session.outbox.withdraw(about.incident_id, [message.recipient for message in wanted])
        located = [(message, self._cell_of(message.recipient, about)) for message in wanted]
        located.sort(key=lambda entry: (entry[0].kind, entry[1]))  # stable: most urgent stay first
        told = [
            self._announced(about, kind, cell, [message for message, _ in group], first is Fate.ASK)
            for (kind, cell), group in groupby(located, key=lambda entry: (entry[0].kind, entry[1]))
        ]
        return tuple(event for event in told if event is not None)

    def _announced(
        self, about: About, kind: NoticeKind, cell: str, group: Sequence[Message], asks: bool
    ) -> FeedEvent | None:
        told = Announcement(
            id=f"{about.outage_id}/{about.name}/{kind}/{cell}", outage_id=about.outage_id,
            incident_id=about.incident_id, kind=kind.value, at_ms=self._now_ms,
            text=self._text(about, kind, cell), expected_ms=about.on_ms,
            feeder=self._feeder(about.cause.id), customers=about.size.customers,
            key_customers=about.size.key_customers,
        )  # fmt: skip
        waits = asks and kind in FIRST_WORDS
        postings = [self._posting(about, message, cell, waits) for message in group]
        queued = self._session.outbox.announce(told, postings)
        if not queued:
            return None
        first = Notice(queued[0], postings[0], told, postings[0].state, 0)
        shown = notice_resource(first, self._site.network, len(queued))
        return FeedEvent("notice", frozenset({cell}), document(shown))

    def _posting(self, about: About, message: Message, cell: str, waits: bool) -> Posting:
        company, urgency = self._company, self._urgency(message.recipient)
        channel = company.staff_channel if urgency is Urgency.LIAISON else company.channel
        safety = company.texts[message.kind].safety
        due_ms = send_from_ms(company.rules, message.kind, urgency, safety, about.off_ms, self._now_ms)
        return Posting(
            key=notice_key(about.outage_id, message), recipient=message.recipient, grid_id=cell,
            channel=channel, urgency=urgency, due_ms=due_ms,
            state=NoticeState.PENDING if waits else NoticeState.QUEUED,
        )  # fmt: skip

    def _text(self, about: About, kind: NoticeKind, cell: str) -> str:
        language, grid = self._company.language, self._cells.get(cell)
        area = cell if grid is None else grid.name_en if language == "en" else grid.name
        return customer_text(
            self._company.texts, kind, language, area, about.cause.name, about.off_ms, about.on_ms
        )

    def _urgency(self, customer_id: str) -> Urgency:
        row = self._site.network.customer_row.get(customer_id)
        if row is None:
            return Urgency.LIAISON if customer_id.startswith(STAFF) else Urgency.EVERYBODY
        return _URGENCY[int(self._site.network.customers.priority[row])]

    def _cell_of(self, customer_id: str, about: About) -> str:
        cell = self._site.cell_of_customer_id(customer_id)
        if cell is not None:
            return cell
        try:
            return self._site.cell_of_element(self._site.find(about.cause.id))
        except UnknownElement:
            return next(iter(self._cells), "")

    def _feeder(self, element: str) -> str:
        try:
            return self._site.feeder_of(self._site.find(element))
        except UnknownElement:
            return ""
