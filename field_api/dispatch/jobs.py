"""From open orders to jobs: what is left to do of each, for whom, until when, and how far its crew is.

Only work that somebody travels for is planned: a work type whose steps send a crew on its way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from field_api.company import Company
from field_api.deadlines.clocks import ClockState
from field_api.dispatch.problem import Job, Running
from field_api.instants import MINUTE_MS
from field_api.orders.estimates import appointment_ms, estimate_ms
from field_api.orders.incidents import SUPPLY_RETURNED
from field_api.orders.transfers import TRANSFER, crews_in_turn, objection
from field_api.orders.work import WorkType
from field_api.organisation.cells import CrewState
from field_api.ports import StoredOrder

LEAST_MINUTES: Final = 5.0
"""Whoever is still at it takes so much longer at least."""
SOON_MS: Final = 60 * MINUTE_MS
"""A crew that took a job with an appointment later than this is not on its way there yet."""
_RUNNING_CLOCKS: Final = frozenset({ClockState.RUNNING, ClockState.AT_RISK, ClockState.LATE})


def jobs_of(
    orders: Sequence[StoredOrder], company: Company, crew_ids: Iterable[str], now_ms: int
) -> tuple[Job, ...]:
    """The jobs of these open orders; those that wait for a customer or for proof are nobody's errand."""
    crews = tuple(crew_ids)
    under_way = _under_way(orders, company, now_ms)
    unfinished = _unfinished(orders, company, under_way)
    found = []
    for stored in orders:
        work_type = company.work_type(stored.order.type)
        running = _running(stored, work_type, under_way)
        if running is not None:
            job = _job(stored, company, work_type, running, crews, now_ms)
            found.append(replace(job, after=_before(stored, work_type, unfinished)))
    return tuple(found)


def _unfinished(
    orders: Sequence[StoredOrder], company: Company, under_way: frozenset[str]
) -> Mapping[str, Sequence[StoredOrder]]:
    """By incident the orders with work on site still to do, those that wait for somebody among them."""
    found: dict[str, list[StoredOrder]] = defaultdict(list)
    for stored in orders:
        work_type = company.work_type(stored.order.type)
        paused = stored.state in work_type.paused_states
        if stored.order.incident_id and (paused or _running(stored, work_type, under_way) is not None):
            found[stored.order.incident_id].append(stored)
    return found


def _before(
    stored: StoredOrder, work_type: WorkType, unfinished: Mapping[str, Sequence[StoredOrder]]
) -> tuple[str, ...]:
    """Ids of the incident's orders that must end before this one begins."""
    same = unfinished.get(stored.order.incident_id, ())
    return tuple(one.order.id for one in same if one.order.type in work_type.comes_after)


def doing(stored: StoredOrder, work_type: WorkType) -> str:
    """What the order's steps say that its crew does: ``CrewState``'s values, '' before any of them."""
    steps = (work_type.rule(entry.step) for entry in reversed(stored.history))
    return next((rule.crew for rule in steps if rule is not None and rule.crew), "")


def _is_visit(work_type: WorkType) -> bool:
    return any(rule.crew == CrewState.TRAVELLING for rule in work_type.steps)


def _running(stored: StoredOrder, work_type: WorkType, under_way: frozenset[str]) -> Running | None:
    """None: nothing to plan."""
    if not _is_visit(work_type):
        return None
    does = doing(stored, work_type)
    if does == CrewState.WORKING:
        return Running.ON_SITE
    if does == CrewState.TRAVELLING:
        return Running.UNDER_WAY if stored.order.id in under_way else Running.TAKEN
    opening = work_type.rule(work_type.opening)
    waits = opening is not None and stored.state == opening.target
    return Running.NO if waits else None


def _under_way(orders: Sequence[StoredOrder], company: Company, now_ms: int) -> frozenset[str]:
    """Of each crew that is not on site the order taken last, unless its appointment is later."""
    busy: set[str] = set()
    newest: dict[str, tuple[int, str]] = {}
    for stored in orders:
        does = doing(stored, company.work_type(stored.order.type))
        crew = stored.order.crew_id
        if does == CrewState.WORKING:
            busy.add(crew)
        window = appointment_ms(stored.history)
        later = window is not None and window[0] > now_ms + SOON_MS
        if does == CrewState.TRAVELLING and not later:
            newest[crew] = max(newest.get(crew, (0, "")), (stored.history[-1].at_ms, stored.order.id))
    return frozenset(order for crew, (_, order) in newest.items() if crew not in busy)


def _job(
    stored: StoredOrder, company: Company, work_type: WorkType, running: Running, crews: Sequence[str],
    now_ms: int,
) -> Job:  # fmt: skip
    order = stored.order
    begin_ms, finish_ms = _due(stored, company, work_type, now_ms)
    window = appointment_ms(stored.history)
    over = window is None or window[1] <= now_ms
    return Job(
        id=order.id, lon=order.lon, lat=order.lat, cell=order.grid_id, area=order.area,
        minutes=_minutes_left(stored, work_type, running, now_ms), crew=order.crew_id,
        customers_out=_customers_out(stored, work_type), priority=order.priority, skills=work_type.skills,
        window_ms=None if running in {Running.ON_SITE, Running.UNDER_WAY} or over else window,
        due_begin_ms=begin_ms, due_finish_ms=finish_ms, running=running, barred=_barred(stored, crews),
        estimate_ms=estimate_ms(stored.history),
    )  # fmt: skip


def _customers_out(stored: StoredOrder, work_type: WorkType) -> int:
    """Who waits for this job to have supply again."""
    returned = any(entry.step == SUPPLY_RETURNED for entry in stored.history)
    return stored.order.customers if work_type.incident_job and stored.order.outage_id and not returned else 0


def _minutes_left(stored: StoredOrder, work_type: WorkType, running: Running, now_ms: int) -> float:
    if running is not Running.ON_SITE:
        return float(work_type.duration_minutes)
    promised_ms = estimate_ms(stored.history)
    if promised_ms is not None:
        return max(LEAST_MINUTES, (promised_ms - now_ms) / MINUTE_MS)
    arrivals = [entry.at_ms for entry in stored.history if _sets(work_type, entry.step, CrewState.WORKING)]
    return max(LEAST_MINUTES, work_type.duration_minutes - (now_ms - arrivals[-1]) / MINUTE_MS)


def _sets(work_type: WorkType, step: str, state: CrewState) -> bool:
    rule = work_type.rule(step)
    return rule is not None and rule.crew == state


def _due(
    stored: StoredOrder, company: Company, work_type: WorkType, now_ms: int
) -> tuple[int | None, int | None]:
    """When the work must have begun and be done: the first of the clocks that still run."""
    stops = {clock.name: clock.stops for clock in work_type.clocks}
    begin: list[int] = []
    finish: list[int] = []
    for due in company.due_times(stored.order, stored.history, now_ms):
        if due.state in _RUNNING_CLOCKS:
            of_arrival = _sets(work_type, stops[due.clock], CrewState.WORKING)
            (begin if of_arrival else finish).append(due.due_ms)
    return min(begin, default=None), min(finish, default=None)


def _barred(stored: StoredOrder, crews: Sequence[str]) -> frozenset[str]:
    """Crews that had it before, and all others once it has wandered enough (REP-03)."""
    if not any(entry.step == TRANSFER for entry in stored.history):
        return frozenset()
    had = crews_in_turn(stored.first_crew, stored.history)
    return frozenset(crew for crew in crews if crew != stored.order.crew_id and objection(had, crew))
