"""Plans who goes where by when, from the open orders and the crews as they are, and keeps the newest plan."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from field_api.company import Company
from field_api.dispatch.document import DispatchPlanResource, Written
from field_api.dispatch.jobs import jobs_of
from field_api.dispatch.policy import Policy
from field_api.dispatch.problem import ALWAYS, Hand, Job, Problem
from field_api.dispatch.search import Search, never, search
from field_api.organisation.cells import Crew, GridCell
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, FeedEvent, StoredOrder
from geo.travel import TravelModel

FEED: Final = "dispatch"
"""Name of the feed's event: a plan that sends somebody elsewhere than the one before."""
_PLACES: Final = 2
"""Decimals of a degree, about a kilometre: a smaller movement of a crew makes nobody plan anew."""


class CrewBook(Protocol):
    """What crews can do and when they work."""

    def __call__(self, session: DeskSession, crew: Crew, area: str, now_ms: int) -> Hand: ...


def any_time_anything(session: DeskSession, crew: Crew, area: str, now_ms: int) -> Hand:  # noqa: ARG001
    """Where nobody told skills or rosters: every crew can do everything and is always on shift."""
    return Hand(crew.id, crew.lon, crew.lat, frozenset(crew.grid_ids), area, None, ALWAYS)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan is made from."""

    orders: tuple[StoredOrder, ...]
    jobs: tuple[Job, ...]
    hands: tuple[Hand, ...]
    names: Mapping[str, str]
    cells: frozenset[str]
    before: DispatchPlanResource | None

    @property
    def digest(self) -> str:
        """The same as long as nothing changed that a plan depends on, but for time passing."""
        told = hashlib.blake2b(digest_size=16)
        for job in self.jobs:
            told.update(repr((
                job.id, job.lon, job.lat, job.cell, job.crew, job.customers_out, job.priority, job.window_ms,
                job.due_begin_ms, job.due_finish_ms, job.running, job.estimate_ms, sorted(job.barred),
                job.after,
            )).encode())  # fmt: skip
        for hand in self.hands:
            place = round(hand.lon, _PLACES), round(hand.lat, _PLACES)
            known = sorted(hand.skills) if hand.skills is not None else None
            told.update(repr((hand.id, place, sorted(hand.cells), known, hand.shifts_ms)).encode())
        return told.hexdigest()


@dataclass(frozen=True, slots=True)
class PlanDispatch:
    """Makes plans; two that are made at once end as one."""

    desk: Desk
    company: Company
    policy: Policy
    travel: TravelModel
    book: CrewBook = any_time_anything
    how: Search = field(default_factory=Search)

    def __call__(self, now_ms: int, enough: Callable[[], bool] = never) -> DispatchPlanResource:
        """Plan now, and keep it."""
        return self.planned(self.situation(now_ms), now_ms, enough)

    def newest(self) -> DispatchPlanResource | None:
        """The plan that holds; None before the first."""
        with self.desk.reading() as session:
            return _read(session)

    def situation(self, now_ms: int) -> Situation:
        """Open orders and crews as they are."""
        with self.desk.reading() as session:
            orders = session.orders.open_of(WHOLE_COMPANY)
            crews = session.organisation.crews(WHOLE_COMPANY)
            cells = {cell.id: cell for cell in session.organisation.cells(WHOLE_COMPANY)}
            hands = tuple(self.book(session, crew, _area(crew, cells), now_ms) for crew in crews)
            before = _read(session)
        jobs = jobs_of(orders, self.company, [crew.id for crew in crews], now_ms)
        names = {crew.id: crew.name for crew in crews}
        return Situation(orders, jobs, hands, names, frozenset(cells), before)

    def planned(self, of: Situation, now_ms: int, enough: Callable[[], bool] = never) -> DispatchPlanResource:
        """Search, write down, keep; somebody else's newer plan stands instead."""
        problem = Problem(now_ms, of.jobs, of.hands, self.policy, self.travel, _lists(of.before))
        found = search(problem, self.how, enough)
        orders = {stored.order.id: stored for stored in of.orders}
        plan = Written(problem, found, orders, of.names, of.before).document()
        with self.desk.writing() as session:
            if not session.plans.put(plan.number, now_ms, plan.model_dump_json()):
                return _read(session) or plan
            if _lists(plan) != _lists(of.before):
                told = f'{{"number":{plan.number},"at":"{plan.at}"}}'
                session.feed.append(now_ms, [FeedEvent(FEED, of.cells, told)])
        return plan


def _read(session: DeskSession) -> DispatchPlanResource | None:
    document = session.plans.newest()
    return None if document is None else DispatchPlanResource.model_validate_json(document)


def _lists(plan: DispatchPlanResource | None) -> Mapping[str, tuple[str, ...]]:
    if plan is None:
        return {}
    return {one.crew_id: tuple(visit.order_id for visit in one.visits) for one in plan.crews}


def _area(crew: Crew, cells: Mapping[str, GridCell]) -> str:
    """The kind of area of the crew's first cell."""
    return next((cells[cell].area.value for cell in crew.grid_ids if cell in cells), "")
