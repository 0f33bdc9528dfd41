"""Customers hear of planned work in time, and that it does not take place."""

from dataclasses import dataclass
from typing import Final

from field_api.alerts import Message, NoticeKind
from field_api.company import Company
from field_api.notice_rules import Size
from field_api.plan_notices import plan_incident, plan_notice
from field_api.ports import Desk, DeskSession, Sites
from field_api.projection import Site
from field_api.usecases.announce import About, Announce
from field_api.usecases.plan_work import Plan, standing_plans
from geo.network import Priority

MAX_TOLD_AT_ONCE: Final = 200_000


@dataclass(frozen=True, slots=True)
class AnnouncePlans:
    desk: Desk
    sites: Sites
    company: Company

    def __call__(self, now_ms: int) -> int:
        """How many messages were queued."""
        site = self.sites.current()
        if site is None:
            return 0
        with self.desk.reading() as session:
            plans = [plan for plan in standing_plans(session) if now_ms < plan.work.ends_ms]
            due = [(plan, self._due(session, site, plan, now_ms)) for plan in plans]
        queued = 0
        for plan, messages in due:
            if messages:
                with self.desk.writing() as session:
                    about = _about(site, plan, now_ms)
                    session.feed.append(
                        now_ms, Announce(session, self.company, site, now_ms)(about, messages)
                    )
                queued += len(messages)
        return queued

    def _due(self, session: DeskSession, site: Site, plan: Plan, now_ms: int) -> tuple[Message, ...]:
        """Each person once for a plan, and once for its end if they heard of it."""
        told = session.outbox.told(plan_incident(plan.work))
        if plan.cancelled is not None:
            knows = {NoticeKind.PLANNED, NoticeKind.TEMPORARY}
            return tuple(
                Message(one, NoticeKind.PLANNED_CANCELLED, last.times + last.withdrawn)
                for one, last in told.items()
                if last.kind in knows
            )
        how = plan_notice(self.company.rules, plan.work, plan.planned.said_ms)
        if now_ms < how.from_ms or now_ms >= plan.work.starts_ms:
            return ()
        ids = [site.network.customers.ids[row] for row in _rows(site, plan)]
        gone = {NoticeKind.PLANNED_CANCELLED, None}
        return tuple(
            Message(one, how.kind, told[one].times + told[one].withdrawn if one in told else 0)
            for one in ids
            if one not in told or told[one].kind in gone
        )


def _rows(site: Site, plan: Plan) -> list[int]:
    """Customers who lose supply in the normal switch positions, most urgent first."""
    if plan.work.element not in site.network.edge_row:
        return []
    rows = site.feeding.customers_lost_with(site.find(plan.work.element)).tolist()
    priority = site.network.customers.priority
    return sorted(rows, key=lambda row: -int(priority[row]))[:MAX_TOLD_AT_ONCE]


def _about(site: Site, plan: Plan, now_ms: int) -> About:
    rows = _rows(site, plan)
    keys = sum(int(site.network.customers.priority[row]) == Priority.KEY for row in rows)
    return About(
        outage_id=plan_incident(plan.work), incident_id=plan_incident(plan.work), name=str(now_ms),
        cause=site.place_of(plan.work.element), off_ms=plan.work.starts_ms, on_ms=plan.work.ends_ms,
        size=Size(len(rows), keys),
    )  # fmt: skip
