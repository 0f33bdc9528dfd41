"""Crews through real HTTP: from assignment to closing, through refusals, lost answers and restarts."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.adapters import crew_threads
from simulators.adapters.crew_threads import CrewRoom
from simulators.crews import DRIVE_KMH, LONGEST_DRIVE_S, MAX_EQUIVALENTS, REACHES, chosen, drive, patrol
from simulators.field import Order, StepRule, WorkType
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from tests.ports import free_port
from tests.simulators.desk_server import Desk, serving
from tests.simulators.networks import village

FAST = 5_000.0


def _grid() -> PracticeGrid:
    return PracticeGrid(village(), synthetic_profiles(), Chances(wrong_meters=0), 1_795_300_000_000)


def _desk(grid: PracticeGrid) -> Desk:
    return Desk(lights_on=lambda: grid.state().meters_out == 0)


@contextmanager
def on_duty(port: int, grid: PracticeGrid, most: int = 5) -> Iterator[None]:
    stop = threading.Event()
    room = CrewRoom(lambda: f"http://127.0.0.1:{port}/", grid, most, FAST, 1)
    thread = threading.Thread(target=room.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that load the product are in real time: shorten them here."""
    monkeypatch.setattr("simulators.crews.POLL_S", 0.02)
    monkeypatch.setattr("simulators.crews.CLOSE_AGAIN_S", (0.02, 0.05))
    monkeypatch.setattr(crew_threads, "RETRY_S", (0.02, 0.1))
    monkeypatch.setattr(crew_threads, "REFUSED_S", 0.02)


def _until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _closed(desk: Desk, order: str = "R1") -> bool:
    return bool(desk.orders[order]["state"] == "closed")


def test_a_crew_accepts_travels_mends_reports_and_closes() -> None:
    grid = _grid()
    desk = _desk(grid)
    grid.trip("T1", 1)
    desk.assign("R1", "T1")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk) and desk.positions[-1]["state"] == "free")
    assert [step["step"] for step in desk.steps] == ["accept", "arrive", "repair", "close"]
    assert desk.steps[2]["finding"]["element"] == "T1"
    assert desk.steps[2]["finding"]["cause"] != "nothing_found"
    assert (desk.positions[-1]["lon"], desk.positions[-1]["lat"]) == (113.21, 23.105)
    assert desk.positions[0]["state"] == "travelling"
    assert all(step["at"].endswith("Z") for step in desk.steps)


def test_the_wrong_element_is_no_obstacle() -> None:
    """The order names what the evidence cannot tell from the truth: the crew patrols."""
    grid = _grid()
    desk = _desk(grid)
    desk.equivalent = ("T2", "L2.0")
    grid.trip("L2.2", 1)
    desk.assign("R1", "T2")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))
    assert desk.steps[2]["finding"]["element"] == "L2.2"


def test_nothing_to_mend_is_reported_as_such() -> None:
    grid = _grid()
    desk = _desk(grid)
    desk.assign("R1", "T2")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))
    assert desk.steps[2]["finding"] == {"element": "T2", "cause": "nothing_found"}


def test_it_waits_and_looks_again_while_meters_are_dead() -> None:
    """A second failure beyond the first patrol: closing is refused until that is mended too."""
    grid = _grid()
    desk = _desk(grid)
    grid.trip("T0", 1)
    grid.trip("L3.2", 1)
    desk.assign("R1", "T0")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))
    assert grid.state().meters_out == 0


def test_an_answer_that_is_lost_leads_to_one_step() -> None:
    """Fault 28: the same operation is sent again word for word."""
    grid = _grid()
    desk = _desk(grid)
    grid.trip("T1", 1)
    lose = itertools.cycle([0, None])
    desk.trouble = lambda _method, path: next(lose) if path.endswith("/steps") else None
    desk.assign("R1", "T1")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))
    assert [step["step"] for step in desk.steps] == ["accept", "arrive", "repair", "close"]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_trouble_passes(status: int) -> None:
    grid = _grid()
    desk = _desk(grid)
    grid.trip("T1", 1)
    often = itertools.count()
    desk.trouble = lambda _method, path: (
        status if not path.endswith("/tokens") and next(often) % 3 == 0 else None
    )
    desk.assign("R1", "T1")
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))


def test_a_crew_logs_in_again_and_goes_on_after_a_restart_of_the_product() -> None:
    grid = _grid()
    desk, port = _desk(grid), free_port()
    with on_duty(port, grid):
        time.sleep(0.1)
        with serving(desk, port):
            _until(lambda: desk.logins == 1)
        desk.valid.clear()
        grid.trip("T1", 1)
        desk.assign("R1", "T1")
        time.sleep(0.1)
        with serving(desk, port):
            _until(lambda: _closed(desk))
    assert desk.logins == 2


def test_somebody_else_steps_the_order_in_between() -> None:
    grid = _grid()
    desk = _desk(grid)
    grid.trip("T1", 1)
    desk.assign("R1", "T1")
    meddled = threading.Event()

    def meddle(method: str, path: str) -> None:
        if method == "PUT" and not meddled.is_set():
            meddled.set()
            desk.orders["R1"] |= {"revision": 7}

    desk.trouble = meddle
    with serving(desk) as port, on_duty(port, grid):
        _until(lambda: _closed(desk))
    assert desk.steps[-1]["revision"] > 7


def test_as_many_crews_work_as_the_product_knows() -> None:
    grid = _grid()
    desk = _desk(grid)
    desk.crews = ("crew-01", "crew-02", "crew-03")
    for number, element in enumerate(("T0", "T1", "T2"), 1):
        grid.trip(element, 1)
        desk.assign(f"R{number}", element, f"crew-{number:02d}")
    with serving(desk) as port, on_duty(port, grid, most=40):
        _until(lambda: all(_closed(desk, f"R{number}") for number in (1, 2, 3)))
    assert desk.logins == 3


def _order(identifier: str, state: str, **more: object) -> Order:
    fields = {"crew_id": "me", "priority": "normal", "created_at": "2026-11-22T00:00:00Z"} | more
    return Order(
        id=identifier, state=state, revision=1, outage_id="o", element="e", lon=None, lat=None, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def test_begun_work_comes_first_then_key_customers_then_age() -> None:
    late = "2026-11-22T01:00:00Z"
    orders = [
        _order("another's", "arrived", crew_id="you"),
        _order("old", "assigned"),
        _order("key", "assigned", priority="key", created_at=late),
        _order("begun", "accepted", created_at=late),
        _order("over", "closed"),
        _order("survey", "assigned", type="site_survey"),
    ]
    taken = []
    while (order := chosen(orders, "me")) is not None:
        taken.append(order.id)
        orders.remove(order)
    assert taken == ["begun", "key", "old"]


def test_a_repair_comes_before_other_work_that_was_begun() -> None:
    accept = StepRule("accept", ("assigned",), "accepted", ("crew",))
    close = StepRule("close", ("accepted",), "closed", ("crew",))
    kinds = {"visit": WorkType("visit", ("closed",), {}, (accept, close), {})}
    orders = [
        _order("begun visit", "accepted", type="visit"),
        _order("key visit", "assigned", type="visit", priority="key"),
        _order("repair", "assigned"),
        _order("unknown kind", "accepted", type="parade"),
    ]
    taken = []
    while (order := chosen(orders, "me", kinds)) is not None:
        taken.append(order.id)
        orders.remove(order)
    assert taken == ["repair", "begun visit", "key visit"]


places = st.tuples(st.floats(100, 120), st.floats(20, 45))


@given(places, places, st.floats(1, 1000))
@settings(max_examples=60, deadline=None)
def test_a_drive_ends_at_its_goal_in_the_time_it_takes(
    start: tuple[float, float], end: tuple[float, float], speed: float
) -> None:
    legs = list(drive(start, end, speed))
    assert legs[-1][1] == end
    assert sum(wait for wait, _ in legs) <= LONGEST_DRIVE_S / speed + 1e-6
    assert all(wait <= 1.0 for wait, _ in legs)


def test_a_kilometre_takes_two_minutes() -> None:
    north = 1_000 / 111_195
    assert sum(wait for wait, _ in drive((113.0, 23.0), (113.0, 23.0 + north), 1)) == pytest.approx(
        3_600 / DRIVE_KMH, rel=1e-3
    )


def test_a_patrol_goes_from_near_to_far_and_has_an_end() -> None:
    many = [f"e{number}" for number in range(100)]
    walked = list(patrol("e3", many, REACHES))
    assert walked[0] == ("e3", 0)
    assert len(walked) == 1 + MAX_EQUIVALENTS + len(REACHES) - 1
    assert [reach for _, reach in walked] == sorted(reach for _, reach in walked)
    assert len(set(walked)) == len(walked)
