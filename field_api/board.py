"""The board as it hangs on the wall when nothing else works: what is out, who has what to do by when.

Written so that a night can go on with paper alone: contacts masked, due times in local time, and numbers for
what happens from now on, so that paper work finds its way back (``field_api.paper_work``).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from field_api.calendars import ZONE, clock_face, day_stamp
from field_api.company import Company
from field_api.deadlines.clocks import ClockState
from field_api.instants import milliseconds
from field_api.orders.estimates import estimate_ms
from field_api.organisation.cells import Crew
from field_api.people.masking import address_area
from field_api.ports import OutageView, StoredOrder
from field_api.presentation import masked_recipient
from geo.network import Network

MAX_OUTAGES: Final = 500
MAX_ORDERS: Final = 2_000
PAPER_NUMBERS: Final = 20
_SHEET: Final = re.compile(r"P-(?P<at>[0-9]{8}-[0-9]{4})-(?P<count>[0-9]{2})")


@dataclass(frozen=True, slots=True)
class BoardOutage:
    id: str
    since: str
    cause: str
    areas: str
    customers: int
    key: int
    vulnerable: int
    state: str


@dataclass(frozen=True, slots=True)
class BoardDue:
    clock: str
    at: str
    late: bool
    at_risk: bool
    provisional: bool


@dataclass(frozen=True, slots=True)
class BoardOrder:
    number: str
    title: Mapping[str, str]
    state: Mapping[str, str]
    place: str
    outage: str
    customers: int
    urgent: bool
    contact: str
    dues: tuple[BoardDue, ...]
    estimate: str


@dataclass(frozen=True, slots=True)
class BoardCrew:
    name: str
    cells: str
    orders: tuple[BoardOrder, ...]


@dataclass(frozen=True, slots=True)
class Board:
    generated: str
    outages: tuple[BoardOutage, ...]
    crews: tuple[BoardCrew, ...]
    orders: int
    cut: bool
    """Is something missing because there is too much of it?"""
    paper_numbers: tuple[str, ...]


def make_board(
    views: Sequence[OutageView],
    stored: Sequence[StoredOrder],
    crews: Sequence[Crew],
    company: Company,
    network: Network | None,
    now_ms: int,
) -> Board:
    """``views`` and ``stored`` are the open ones; crews without work are listed too."""
    shown = sorted(stored[:MAX_ORDERS], key=lambda one: _soonest(company, one, now_ms))
    work: dict[str, list[BoardOrder]] = {crew.id: [] for crew in crews}
    for one in shown:
        work.setdefault(one.order.crew_id, []).append(_order(one, company, network, now_ms))
    names = {crew.id: (crew.name, ", ".join(crew.grid_ids)) for crew in crews}
    groups = [BoardCrew(*names.get(crew, (crew, "")), tuple(orders)) for crew, orders in work.items()]
    return Board(
        generated=clock_face(now_ms),
        outages=tuple(_outage(view) for view in views[:MAX_OUTAGES]),
        crews=tuple(sorted(groups, key=lambda group: (not group.orders, group.name))),
        orders=len(stored),
        cut=len(stored) > MAX_ORDERS or len(views) > MAX_OUTAGES,
        paper_numbers=paper_numbers(now_ms),
    )


def paper_numbers(now_ms: int) -> tuple[str, ...]:
    """Numbers that no other board gives: ``P-20261122-1605-01`` names the board that it was taken from."""
    minute = clock_face(now_ms)[-5:].replace(":", "")
    series = f"P-{day_stamp(now_ms)}-{minute}"
    return tuple(f"{series}-{count:02d}" for count in range(1, PAPER_NUMBERS + 1))


def sheet_ms(number: str) -> int | None:
    """When the board was printed that a sheet's number was taken from; None: no board gives such a number."""
    told = _SHEET.fullmatch(number)
    if told is None or not 1 <= int(told["count"]) <= PAPER_NUMBERS:
        return None
    try:
        printed = datetime.strptime(told["at"], "%Y%m%d-%H%M").replace(tzinfo=ZONE)
    except ValueError:
        return None
    return milliseconds(printed)


def _soonest(company: Company, one: StoredOrder, now_ms: int) -> tuple[int, str]:
    running = [due.due_ms for due in _running(company, one, now_ms)]
    return min(running, default=one.order.created_ms), one.order.id


def _running(company: Company, one: StoredOrder, now_ms: int) -> list[Any]:
    dues = company.due_times(one.order, one.history, now_ms)
    return [due for due in dues if due.state is not ClockState.MET]


def _order(one: StoredOrder, company: Company, network: Network | None, now_ms: int) -> BoardOrder:
    order, work_type = one.order, company.work_type(one.order.type)
    expected_ms = estimate_ms(one.history)
    dues = tuple(
        BoardDue(
            due.clock, clock_face(due.due_ms), due.state is ClockState.LATE,
            due.state is ClockState.AT_RISK, due.provisional,
        )
        for due in _running(company, one, now_ms)
    )  # fmt: skip
    return BoardOrder(
        number=order.number, title=dict(work_type.titles), place=order.element_name or order.element,
        state=dict(dict(work_type.states).get(one.state, (("zh", one.state), ("en", one.state)))),
        outage=order.outage_id, customers=order.customers, urgent=order.priority != "normal",
        contact=_contact(network, order.customer_id),
        dues=dues, estimate="" if expected_ms is None else clock_face(expected_ms),
    )  # fmt: skip


def _contact(network: Network | None, customer_id: str) -> str:
    """``王* 136****5670 西山村``: enough to find the house with the customer's number, no more."""
    row = None if network is None else network.customer_row.get(customer_id)
    if network is None or row is None:
        return ""
    return f"{masked_recipient(network, customer_id)} {address_area(network.customers.address[row])}".strip()


def _outage(view: OutageView) -> BoardOutage:
    told: dict[str, Any] = json.loads(view.document)
    cause = told["cause"]
    return BoardOutage(
        id=view.outage_id, since=clock_face(view.started_ms), cause=cause["name"] or cause["element"],
        areas="、".join(told["area_names"]), customers=told["customers_out"], key=told["key_customers"],
        vulnerable=told["vulnerable_customers"], state=view.state,
    )  # fmt: skip
