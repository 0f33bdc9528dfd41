"""From the first word of a failure to the year's figures, on real processes: each fact told once.

Every test has elements and customers of its own and finds its things by their ids, so that it does not matter
what else happens in the grid. Repairs are carried through by whoever is quicker: the office on the crew's
behalf, or the simulated crew.
"""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from tests.another_system import Document, Login, await_found, iso, terminal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

TRIPPED, CALLED, TWICE = "T25", "T72", "T99"
NEXT = {"assigned": "accept", "accepted": "arrive", "arrived": "repair", "repaired": "close"}
CAUSE = "雷击"


def test_from_a_trip_to_the_indices(desk: Login) -> None:
    """Trip, outage, order with its clocks, crew, restoration, notices, one interruption in every account."""
    customers = desk.customers_below(TRIPPED)
    before = _trip(desk, TRIPPED)
    outage, order = _found(desk, TRIPPED, before)
    assert {due["clock"] for due in order["due"]} == {"arrival", "restoration"}, "REP-02"
    closed = _carried_through(desk, order["id"], TRIPPED)
    steps = [one["step"] for one in closed["history"] if one["step"] in NEXT.values()]
    assert steps == list(NEXT.values())
    ended = _restored(desk, outage["id"])
    assert ended["started_at"] < ended["restored_at"]
    _told_once(desk, {outage["id"], ended["id"]}, {"outage", "restored"})
    year = datetime.now(UTC).year
    for customer in (customers[0], customers[-1]):
        account = desk.get(f"customers/{customer}/interruptions?year={year}")
        assert [one["outage"] in {outage["id"], ended["id"]} for one in account["rows"]].count(True) == 1
    parts = {one["id"]: one for one in desk.all(f"reliability/transformer?year={year}")}
    assert parts[TRIPPED]["dlt836"]["saifi_1"] > 0, "short ones too"


@pytest.mark.soak
def test_a_call_before_the_meters(desk: Login) -> None:
    """REP-01, REP-02: one person calls, the meters speak later; one repair, its clock began with the call."""
    caller, *_ = desk.customers_below(CALLED)
    ticket = _ticket(desk, caller, iso(datetime.now(UTC) - timedelta(seconds=1)))
    # Advice where the meter happened to be read meanwhile; either way the ticket stays open.
    assert ticket["verdict"] in {"verify", "advice"}
    assert ticket["open"]
    before = _trip(desk, CALLED)
    outage, order = _found(desk, CALLED, before)
    covered = await_found(lambda: _covered(desk, ticket["number"]), "the ticket is covered")
    assert covered["order_id"] == order["id"]
    assert desk.get(f"orders/{order['id']}")["accepted_at"] == ticket["accepted_at"]
    _carried_through(desk, order["id"], CALLED)
    _restored(desk, outage["id"])
    told = await_found(lambda: _settled(desk, ticket["number"]), "the ticket is answered")
    assert told["cause"]
    assert told["arrived_at"]
    looks = desk.all(f"orders?state=all&customer_id={caller}&type=verification")
    assert "assigned" not in {one["state"] for one in looks}, "nobody sets out for what is known"


def test_two_sources_one_order(desk: Login) -> None:
    """Meters, the same frames on a second path, a caller and two tickets tell of one failure."""
    first, second, third, *_ = desk.customers_below(TWICE)
    before = _trip(desk, TWICE)
    device, frame = _last_gasps(desk, [first, second])
    _tell_twice(desk, device, frame)
    outage, order = _found(desk, TWICE, before)
    called = desk.post("calls", {"operation_id": desk.name("call"), "customer_id": third})
    assert called["outage_id"] == outage["id"]
    told = [_ticket(desk, one, iso(datetime.now(UTC))) for one in (first, second)]
    tickets = [await_found(lambda n=one["number"]: _covered(desk, n), "it goes with it") for one in told]  # type: ignore[misc]
    assert {one["order_id"] for one in tickets} == {order["id"]}
    _tell_twice(desk, device, frame)
    closed = _carried_through(desk, order["id"], TWICE)
    noted = [one["note"] for one in closed["history"] if one["step"] == "call_attached"]
    assert sorted(note for note in noted if note.startswith("95598")) == sorted(
        f"95598 {one['number']}" for one in tickets
    )
    ended = _restored(desk, outage["id"])
    assert [one["id"] for one in _since(desk, TWICE, before)] == [ended["id"]]
    _told_once(desk, {outage["id"], ended["id"]}, {"outage", "restored"})


def _last_gasps(desk: Login, customers: list[str]) -> tuple[str, Document]:
    """The terminal of these customers' meters and what another maker's gateway makes of their last words."""
    meters = [desk.get(f"meters/M{customer.removeprefix('C')}") for customer in customers]
    assert [one["customer_id"] for one in meters] == customers
    at_ms = round(time.time() * 1000)
    events = [{"at": at_ms, "device": one["id"], "kind": "power_off"} for one in meters]
    return meters[0]["terminal_id"], {"v": 1, "boot": f"second-path-{at_ms}", "seq": 1, "events": events}


def _tell_twice(desk: Login, device: str, frame: Document) -> None:
    with terminal(desk.product, device) as tell:
        for _ in range(2):
            tell("events", frame)


def _trip(desk: Login, element: str) -> set[str]:
    """Let it fail; ids of outages that it explained before."""
    before = {one["id"] for one in desk.outages_at(element)}
    desk.post("demo/faults", {"element": element})
    return before


def _since(desk: Login, element: str, before: set[str]) -> list[Document]:
    return [one for one in desk.outages_at(element) if one["id"] not in before]


def _found(desk: Login, element: str, before: set[str]) -> tuple[Document, Document]:
    """The outage that the element explains now and its one repair order, by the crew of its cell."""
    outage = await_found(lambda: _since(desk, element, before), f"an outage explained by {element}")[0]
    order = await_found(lambda: desk.repair_of(outage["id"]), "its repair order")
    assert order["grid_id"] in desk.crew(order["crew_id"])["grid_ids"]
    return outage, order


def _carried_through(desk: Login, order_id: str, element: str) -> Document:
    """The order, closed; a refusal means that somebody was quicker, or that meters still read dead.

    Supply returns only once a cause is told: a simulated crew that finds all alive would close without one.
    """

    def stepped() -> Document | None:
        order: Document = desk.get(f"orders/{order_id}")
        if order["state"] == "closed":
            return order
        step = NEXT[order["state"]]
        finding = {"finding": {"element": element, "cause": CAUSE}} if step == "repair" else {}
        told = desk.step(order, step, **finding)
        if step == "repair" and told.status == HTTPStatus.OK:
            desk.ask("DELETE", f"demo/faults/{element}")
        return None

    return await_found(stepped, f"order {order_id} is closed")


def _restored(desk: Login, outage_id: str) -> Document:
    """The outage, over; or the one that it was found to be a part of."""

    def over() -> Document | None:
        outage: Document = desk.get(f"outages/{outage_id}")
        while outage["state"] == "merged":
            outage = desk.get(f"outages/{outage['merged_into']}")
        return outage if outage["state"] == "restored" else None

    return await_found(over, "positive evidence from every branch")


def _told_once(desk: Login, outages: set[str], kinds: set[str]) -> None:
    """People were told of these kinds of change; nobody twice of one."""

    def notices() -> list[Document] | None:
        told = desk.notices_of(outages)
        return told if kinds <= {one["kind"] for one in told} else None

    told = await_found(notices, f"notices of {kinds}")
    often = Counter((one["recipient"], one["kind"], one["channel"], one["text"]) for one in told)
    assert [key for key, times in often.items() if times > 1] == []


def _ticket(desk: Login, customer: str, accepted: str) -> Document:
    sent = {"number": f"J-{time.time_ns()}", "accepted_at": accepted, "customer": customer, "text": "没电了"}
    taken: Document = desk.post("tickets", {"tickets": [sent]})["items"][0]["ticket"]
    again = desk.post("tickets", {"tickets": [sent]})["items"][0]
    assert (again["outcome"], again["ticket"]["number"]) == ("known", taken["number"])
    return taken


def _covered(desk: Login, number: str) -> Document | None:
    """The ticket once it goes with an outage's order."""
    ticket: Document = desk.get(f"tickets/{number}")
    return ticket if ticket["verdict"] == "covered" and ticket["order_id"] else None


def _settled(desk: Login, number: str) -> Document | None:
    ticket: Document = desk.get(f"tickets/{number}")
    return ticket if not ticket["open"] and ticket["restored_at"] else None
