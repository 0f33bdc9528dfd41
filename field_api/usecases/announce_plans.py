"""Customers hear of planned work in time, and that it does not take place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.notices.alerts import Message, NoticeKind, Told
from field_api.notices.planned_work import plan_incident, plan_notice
from field_api.notices.rules import Size
from field_api.organisation.liaisons import TouchedVillage, liaisons_of, touched_villages
from field_api.ports import Desk, DeskSession, Sites
from field_api.projection import Site
from field_api.usecases.announce import About, Announce
from field_api.usecases.plan_work import Plan, standing_plans
from field_api.usecases.tell_villages import TellVillages
from geo.network import Priority

MAX_TOLD_AT_ONCE: Final = 200_000
_KNOWS: Final = frozenset({NoticeKind.PLANNED, NoticeKind.TEMPORARY})


@dataclass(frozen=True, slots=True)
class AnnouncePlans:
    desk: Desk
    sites: Sites
    company: Company
    villages: TellVillages

    def __call__(self, now_ms: int) -> int:
        """How many messages were queued."""
        site = self.sites.current()
        if site is None:
            return 0
        with self.desk.reading() as session:
            plans = [plan for plan in standing_plans(session) if now_ms < plan.work.ends_ms]
            told = {plan.work: session.outbox.told(plan_incident(plan.work)) for plan in plans}
            due = [(plan, self._due(session, site, plan, told[plan.work], now_ms)) for plan in plans]
        for plan in plans:
            if plan.cancelled is not None:
                self._withdraw(plan, told[plan.work])
            elif _has_left(told[plan.work]):
                self._tasks(site, plan, now_ms)
        return sum(self._queue(site, plan, messages, now_ms) for plan, messages in due)

    def _queue(self, site: Site, plan: Plan, messages: Sequence[Message], now_ms: int) -> int:
        if messages:
            about = _about(site, plan, now_ms)
            with self.desk.writing() as session:
                session.feed.append(now_ms, Announce(session, self.company, site, now_ms)(about, messages))
        return len(messages)

    def _withdraw(self, plan: Plan, told: Mapping[str, Told]) -> None:
        """What has not left yet of a cancelled plan never will."""
        unsent = [one for one, last in told.items() if last.kind in _KNOWS and last.unsent]
        if unsent:
            with self.desk.writing() as session:
                session.outbox.withdraw(plan_incident(plan.work), unsent)

    def _due(
        self, session: DeskSession, site: Site, plan: Plan, told: Mapping[str, Told], now_ms: int
    ) -> tuple[Message, ...]:
        """Each person once for a plan, and once for its end if they heard of it."""
        if plan.cancelled is not None:
            return tuple(
                Message(one, NoticeKind.PLANNED_CANCELLED, last.times + last.withdrawn)
                for one, last in told.items()
                if last.kind in _KNOWS and not last.unsent
            )
        how = plan_notice(self.company.rules, plan.work, plan.planned.said_ms)
        if now_ms < how.from_ms or now_ms >= plan.work.starts_ms:
            return ()
        rows = _rows(site, plan)
        touched = self._touched(session, site, rows, now_ms)
        ids = [*(site.network.customers.ids[row] for row in rows), *liaisons_of(touched)]
        gone = {NoticeKind.PLANNED_CANCELLED, None}
        return tuple(
            Message(one, how.kind, told[one].times + told[one].withdrawn if one in told else 0)
            for one in ids
            if one not in told or told[one].kind in gone
        )

    def _touched(
        self, session: DeskSession, site: Site, rows: Sequence[int], now_ms: int
    ) -> tuple[TouchedVillage, ...]:
        if not self.company.rules.villages:
            return ()
        return touched_villages(session.establishment.read(), site, rows, now_ms)

    def _tasks(self, site: Site, plan: Plan, now_ms: int) -> None:
        """A task for each village's liaison, once the first customer has been told."""
        how = plan_notice(self.company.rules, plan.work, plan.planned.said_ms)
        with self.desk.writing() as session:
            touched = self._touched(session, site, _rows(site, plan), now_ms)
            self.villages.open_tasks(session, plan_incident(plan.work), "", how.kind.value, touched, now_ms)


def _has_left(told: Mapping[str, Told]) -> bool:
    return any(one.kind in _KNOWS and not one.unsent for one in told.values())


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
