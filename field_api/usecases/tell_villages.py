"""Every touched village has a task for its liaison: told by loudspeaker, group chat or door (NTF-02)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from field_api.company import Company
from field_api.notices.rules import Fate, Size, after_quiet_ms, fate
from field_api.orders.work import SYSTEM, Subject
from field_api.organisation.liaisons import TouchedVillage, touched_villages
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Answered, Desk, DeskSession, Sites, StoredOrder
from field_api.usecases.errors import NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog

TASK: Final = "liaison_notice"


@dataclass(frozen=True, slots=True)
class TellVillages:
    desk: Desk
    outages: OutageLog
    sites: Sites
    company: Company
    examined: dict[str, int] = field(default_factory=dict)
    """Outage → newest revision that was gone through."""

    def __call__(self, now_ms: int) -> int:
        """How many tasks were opened; none at night, none before the dwell, none before the click."""
        rules = self.company.rules
        if not rules.villages or after_quiet_ms(rules, now_ms) != now_ms:
            return 0
        with self.desk.reading() as session:
            if not session.establishment.read().villages:
                return 0
            repairs = session.orders.open_of(WHOLE_COMPANY, [self.company.repair.name])
        known = {one.order.outage_id: one for one in repairs if one.order.outage_id}
        for gone in self.examined.keys() - known.keys():
            del self.examined[gone]
        current = {one.revision.outage_id: one.revision for one in self.outages.current(open_only=True)}
        return sum(
            self._outage(current[outage_id], repair, now_ms)
            for outage_id, repair in known.items()
            if outage_id in current
            and self.examined.get(outage_id) != current[outage_id].revision
            and now_ms >= current[outage_id].started_at_ms + rules.dwell_ms
        )

    def _outage(self, revision: OutageRevision, repair: StoredOrder, now_ms: int) -> int:
        site = self.sites.of(revision.network_hash)
        impact = site.impact(revision)
        incident_id, size = repair.order.incident_id, Size(len(impact.customers), impact.key_customers)
        with self.desk.writing() as session:
            if fate(self.company.rules, size, session.notices.last_verdict(incident_id)) is not Fate.SEND:
                return 0
            there = session.establishment.read()
            villages = touched_villages(there, site, impact.customers.tolist(), now_ms)
            opened = self.open_tasks(session, incident_id, revision.outage_id, "fault", villages, now_ms)
        self.examined[revision.outage_id] = revision.revision
        return opened

    def open_tasks(
        self,
        session: DeskSession,
        about: str,
        outage_id: str,
        outage_kind: str,
        villages: Sequence[TouchedVillage],
        now_ms: int,
    ) -> int:
        """One for each village, once for what it is ``about``, whatever happens later."""
        return sum(
            self._open(session, about, outage_id, outage_kind, village, now_ms) for village in villages
        )

    def _open(
        self,
        session: DeskSession,
        about: str,
        outage_id: str,
        outage_kind: str,
        village: TouchedVillage,
        now_ms: int,
    ) -> bool:
        key = f"{TASK}/{about}/{village.id}"
        site = self.sites.current()
        if site is None or session.operations.answered(SYSTEM, key) is not None:
            return False
        spot = spot_of(site, Subject.GRID, village.grid_id)
        if spot is None:
            return False
        request = OpenRequest(
            key, TASK, village.grid_id, note=f"{village.name}: {village.liaison or '—'}",
            answers={"village_id": village.id, "outage_kind": outage_kind},
            source="outage" if outage_id else "schedule", outage_id=outage_id,
        )  # fmt: skip
        try:
            order_id = place_order(session, self.company, spot, request, None, now_ms)
        except (NotFound, NotPossible):
            return False
        session.operations.keep(SYSTEM, key, now_ms, Answered(request.digest, order_id))
        session.feed.append(now_ms, [order_event(session, self.company, order_id, now_ms)])
        return True
