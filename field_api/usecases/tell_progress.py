"""Another expected time reaches everybody who was told the old one; one that has passed is withdrawn.

The crew's word and the clocks change between revisions of an outage, so this looks again every few seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from field_api.company import Company
from field_api.notices.alerts import NoticeKind, Progress, is_news, progress
from field_api.notices.call_list import STAFF
from field_api.notices.rules import Size
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, Sites, StoredOrder
from field_api.usecases.announce import About, Announce
from field_api.usecases.expected_return import expected_return, is_promised
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog

MAX_OUTAGES: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Examined:
    """What was expected when its people were last gone through, and until when some of them wait."""

    expected_ms: int | None
    until_ms: int | None

    def worth(self, expected_ms: int | None, now_ms: int, change_ms: int, *, at_once: bool) -> bool:
        """May there be something to tell?"""
        if self.until_ms is None:
            return is_news(self.expected_ms, expected_ms, change_ms)
        return at_once or now_ms >= self.until_ms


@dataclass(frozen=True, slots=True)
class TellProgress:
    desk: Desk
    outages: OutageLog
    sites: Sites
    company: Company
    examined: dict[str, "_Examined"] = field(default_factory=dict)
    """By incident: its people are thousands, not to be gone through every few seconds."""

    def __call__(self, now_ms: int) -> int:
        """How many messages were queued."""
        with self.desk.reading() as session:
            open_of = session.orders.open_of(WHOLE_COMPANY, [self.company.repair.name])[:MAX_OUTAGES]
            stale = [one for one in _by_outage(open_of) if self._due(session, one, now_ms)]
        known = {one.order.incident_id for one in open_of}
        for gone in self.examined.keys() - known:
            del self.examined[gone]
        return sum(self._tell(repairs, now_ms) for repairs in stale)

    def _due(self, session: DeskSession, repairs: Sequence[StoredOrder], now_ms: int) -> bool:
        planned_ms = session.plans.expected_ms(repairs[-1].order.outage_id)
        expected_ms = expected_return(self.company, repairs, now_ms, planned_ms)
        incident_id = repairs[-1].order.incident_id
        known = self.examined.get(incident_id)
        at_once = expected_ms is None or is_promised(self.company, repairs)
        if known and not known.worth(expected_ms, now_ms, self.company.rules.change_ms, at_once=at_once):
            return False
        found = self._progress(session, incident_id, repairs, expected_ms, now_ms)
        until_ms = None if found.waiting_ms is None else found.waiting_ms + self.company.rules.again_ms
        self.examined[incident_id] = _Examined(expected_ms, until_ms)
        return bool(found.tell or found.replace)

    def _progress(
        self,
        session: DeskSession,
        incident_id: str,
        repairs: Sequence[StoredOrder],
        expected_ms: int | None,
        now_ms: int,
    ) -> Progress:
        rules = self.company.rules
        before_ms = None if is_promised(self.company, repairs) else now_ms - rules.again_ms
        return progress(session.outbox.told(incident_id), expected_ms, rules.change_ms, before_ms)

    def _tell(self, repairs: Sequence[StoredOrder], now_ms: int) -> int:
        outage_id = repairs[0].order.outage_id
        logged = self.outages.revisions(outage_id)
        if not logged:
            return 0
        revision = logged[-1].revision
        site = self.sites.of(revision.network_hash)
        with self.desk.writing() as session:
            stored = session.orders.of_outage(WHOLE_COMPANY, outage_id)
            mine = [one for one in stored if one.order.type == self.company.repair.name]
            if not mine:
                return 0
            planned_ms = session.plans.expected_ms(outage_id)
            expected_ms = expected_return(self.company, mine, now_ms, planned_ms)
            incident_id = mine[-1].order.incident_id
            found = self._progress(session, incident_id, mine, expected_ms, now_ms)
            impact = site.impact(revision)
            about = About(
                outage_id=outage_id, incident_id=incident_id, name=f"{revision.revision}@{now_ms}",
                cause=site.place_of(revision.cause.element), off_ms=revision.started_at_ms,
                on_ms=expected_ms, size=Size(len(impact.customers), impact.key_customers),
            )  # fmt: skip
            out = _still_out(revision, site.network.customers.ids, impact.customers.tolist())
            due = [
                one
                for one in (*found.tell, *found.replace)
                if one.recipient in out or one.recipient.startswith(STAFF)
            ]
            announce = Announce(session, self.company, site, now_ms)
            for _, group in groupby(due, key=lambda one: one.kind is NoticeKind.PROGRESS):
                session.feed.append(now_ms, announce(about, list(group)))
        return len(due)


def _still_out(revision: OutageRevision, ids: Sequence[str], rows: Sequence[int]) -> frozenset[str]:
    """Somebody who lives again hears that, from the revision that says so."""
    return frozenset(ids[row] for row in rows) if revision.cut else frozenset()


def _by_outage(orders: Sequence[StoredOrder]) -> list[list[StoredOrder]]:
    located = sorted((one for one in orders if one.order.outage_id), key=lambda one: one.order.outage_id)
    return [list(group) for _, group in groupby(located, key=lambda one: one.order.outage_id)]
