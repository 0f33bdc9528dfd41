"""A crew's day: take an order, drive there, find what failed, mend it, report, wait for the lights, close.

A repair touches the simulated grid; every other kind of work is walked as its declaration says, with its
form filled in and its pictures taken (``simulators.field_work``). The routine is a generator of waits in
seconds. It asks for the order's state anew before every stage, so a crew goes on after a restart of the
product, or of the simulator, where the order stands.
"""

import math
import random
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final

from simulators.field import Finding, Order, Outdated, Position, Refused, Step, StepRule, WorkType
from simulators.field_work import CAUSES, Paperwork, asides, way
from simulators.instants import iso
from simulators.ports import Camera, FieldDoor, Repairs

POLL_S: Final = 2.0
"""Between two looks at the list of orders; not shortened: it loads the product, not the crew."""
SET_OFF_S: Final = 60.0
"""Until an order is accepted."""
DRIVE_KMH: Final = 30.0
LOOK_S: Final = 120.0
"""At one place of the patrol."""
MEND_S: Final = 600.0
POSITION_S: Final = 1.0
"""Between two positions while driving."""
LONGEST_DRIVE_S: Final = 1_800.0
CLOSE_AGAIN_S: Final = (3.0, 30.0)
"""Between two tries to close while meters still read dead: meters report in real time."""
PATROLS_AFTER: Final = 4
"""Refused tries to close before the crew goes and looks once more."""
REACHES: Final = (0, 3, 10, 40)
"""Edges around the reported element that a patrol walks, one after the other."""
LONG_REACHES: Final = (100, 400)
"""And once more, when meters are dead in spite of the repair."""
MAX_EQUIVALENTS: Final = 20
URGENCY: Final = {"key": 0, "vulnerable": 1}
NOTHING_FOUND: Final = "nothing_found"
REPAIR: Final = "repair"
BEGUN: Final = {"repaired": 0, "arrived": 1, "accepted": 2, "assigned": 3}
"""States that a repair is taken up in, the furthest first."""
ARRIVE: Final = "arrive"
"""The step before which the crew drives."""
NO_KINDS: Final[Mapping[str, WorkType]] = {}
LOOK_UP_S: Final = 5.0
"""Between two looks for a repair while doing something else; not shortened."""
MOST_WORK_S: Final = 600.0
"""On site, however long the kind of work usually takes."""
OVER: Final = frozenset({"restored", "retracted", "merged"})
EARTH_M: Final = 6_371_000.0
METRES_PER_DEGREE: Final = EARTH_M * math.pi / 180

Spot = tuple[float, float]


def chosen(orders: Sequence[Order], crew: str, kinds: Mapping[str, WorkType] = NO_KINDS) -> Order | None:
    """What the crew does next: repairs, then what it has begun, then what matters most, the oldest first.

    ``kinds`` are those besides repairs that it can walk; what it has no way through is for people.
    """

    def can_be_done(order: Order) -> bool:
        if order.type == REPAIR:
            return order.state in BEGUN
        return order.type in kinds and bool(way(kinds[order.type], order.state))

    def rank(order: Order) -> tuple[bool, int, int, str]:
        begun = BEGUN.get(order.state, BEGUN["arrived"])
        return order.type != REPAIR, begun, URGENCY.get(order.priority, 2), order.created_at

    return min((one for one in orders if one.crew_id == crew and can_be_done(one)), key=rank, default=None)


def drive(start: Spot, end: Spot, speed: float) -> Iterator[tuple[float, Spot]]:
    """Waits and the place after each, in a straight line; ends at ``end``. Places are (lon, lat)."""
    east = (end[0] - start[0]) * math.cos(math.radians((start[1] + end[1]) / 2))
    metres = math.hypot(east, end[1] - start[1]) * METRES_PER_DEGREE
    seconds = min(metres / (DRIVE_KMH / 3.6), LONGEST_DRIVE_S) / speed
    count = max(1, math.ceil(seconds / POSITION_S))
    for number in range(1, count + 1):
        share = number / count
        place = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
        yield seconds / count, place if number < count else end


def patrol(element: str, equivalent: Sequence[str], reaches: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Where to look, nearest first: the element, what cannot be told from it, then ever wider around it."""
    others = [other for other in equivalent if other != element]
    yield element, 0
    yield from ((other, 0) for other in others[:MAX_EQUIVALENTS])
    yield from ((element, reach) for reach in reaches if reach > 0)


class Shift:
    """The routine of one crew. ``door`` is logged in as it; ``clock`` tells the wall clock (UTC epoch ms) and
    ``new_id`` makes ULIDs."""

    def __init__(
        self,
        crew: str,
        door: FieldDoor,
        repairs: Repairs,
        speed: float,
        seed: int,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        camera: Camera,
    ) -> None:
        self._crew, self._door, self._repairs, self._speed = crew, door, repairs, speed
        self._clock, self._new_id = clock, new_id
        self._random = random.Random(f"{seed} {crew}")
        self._paperwork = Paperwork(door, camera, self._random, clock, new_id)
        self._place: Spot | None = None
        self._unsure: tuple[str, Step] | None = None
        """A step that was sent without an answer."""
        self._refusals: dict[str, int] = {}
        """Tries to close that were refused, by order."""
        self._kinds: dict[str, WorkType] | None = None
        self._left: dict[str, int] = {}
        """Orders that refused a step: their revisions then. Only a change makes it worth another try."""

    def routine(self) -> Iterator[float]:
        """Waits in seconds, for ever; raises ``FieldProblem``, after which a new routine goes on."""
        if self._unsure is not None:
            self._send(*self._unsure)
        kinds = self._kinds
        if kinds is None:
            kinds = self._kinds = {one.name: one for one in self._door.work_types()}
        while True:
            orders = self._door.orders()
            self._refusals = {order.id: self._refusals.get(order.id, 0) for order in orders}
            open_to_us = [order for order in orders if self._left.get(order.id) != order.revision]
            order = chosen(open_to_us, self._crew, kinds)
            if order is None:
                yield POLL_S
            elif order.type == REPAIR:
                yield from self._advance(order)
            else:
                yield from self._walk(order, kinds[order.type])

    def _walk(self, order: Order, kind: WorkType) -> Iterator[float]:
        """The next step of an order of any other kind."""
        answers = self._door.order(order.id).answers
        rule = next(iter((*asides(kind, order.state, answers), *way(kind, order.state))))
        undisturbed = yield from self._until_called(self._before(order, kind, rule))
        if not undisturbed:
            return
        try:
            self._send_step(order, self._paperwork.step(order, kind, rule, answers))
        except Outdated:
            return
        except Refused:
            self._left[order.id] = order.revision
            raise
        self._paperwork.done(order)

    def _before(self, order: Order, kind: WorkType, rule: StepRule) -> Iterator[float]:
        """The waits before a step: the drive, or the work, in pieces."""
        if rule.name == ARRIVE:
            yield from self._travel(order)
            return
        on_site_s = min(60 * kind.duration_minutes, MOST_WORK_S)
        wait_s = self._life(SET_OFF_S if order.state == "assigned" else on_site_s)
        pieces = math.ceil(wait_s / LOOK_UP_S)
        yield from (wait_s / pieces for _ in range(pieces))

    def _until_called(self, waits: Iterator[float]) -> Generator[float, None, bool]:
        """These waits; false as soon as a repair wants the crew, which comes before all other work."""
        passed_s = 0.0
        for wait_s in waits:
            yield wait_s
            passed_s += wait_s
            if passed_s >= LOOK_UP_S:
                passed_s = 0.0
                if chosen(self._door.orders(), self._crew) is not None:
                    return False
        return True

    def _advance(self, order: Order) -> Iterator[float]:
        match order.state:
            case "assigned":
                yield self._life(SET_OFF_S)
                self._step(order, "accept")
            case "accepted":
                yield from self._travel(order)
                self._step(order, "arrive")
            case "arrived":
                mended: list[str] = []
                yield from self._mend(order, REACHES, mended)
                self._step(order, "repair", self._finding(order, mended))
            case _:
                yield from self._close(order)

    def _travel(self, order: Order) -> Iterator[float]:
        if order.lon is None or order.lat is None:
            return
        goal = (order.lon, order.lat)
        for wait_s, place in drive(self._whereabouts(goal), goal, self._speed):
            yield wait_s
            self._place = place
            self._report("travelling")

    def _whereabouts(self, otherwise: Spot) -> Spot:
        if self._place is None:
            mine = next((crew for crew in self._door.crews() if crew.id == self._crew), None)
            known = mine is not None and mine.lon is not None and mine.lat is not None
            self._place = (mine.lon or 0.0, mine.lat or 0.0) if mine and known else otherwise
        return self._place

    def _mend(self, order: Order, reaches: Sequence[int], mended: list[str]) -> Iterator[float]:
        """Look along the patrol until something was mended, or until nothing is out any more."""
        outage = self._door.outage(order.outage_id)
        for near, reach in patrol(order.element, outage.cause.equivalent, reaches):
            yield self._life(LOOK_S)
            if self._repairs.look(near, reach):
                yield self._life(MEND_S)
                mended.extend(self._repairs.mend(near, reach))
                return
            if self._door.outage(order.outage_id).state in OVER:
                return

    def _close(self, order: Order) -> Iterator[float]:
        try:
            self._step(order, "close")
        except Refused:
            refused = self._refusals[order.id] = self._refusals.get(order.id, 0) + 1
            low, high = CLOSE_AGAIN_S
            yield min(low * 1.5 ** (refused - 1), high)
            if refused % PATROLS_AFTER == 0:
                yield from self._mend(order, (*REACHES, *LONG_REACHES), [])
            return
        self._refusals.pop(order.id, None)
        if self._place is not None:
            self._report("free")

    def _finding(self, order: Order, mended: Sequence[str]) -> Finding:
        if not mended:
            return Finding(order.element, NOTHING_FOUND)
        return Finding(mended[0], self._random.choice(CAUSES))

    def _step(self, order: Order, step: str, finding: Finding | None = None) -> None:
        self._send_step(order, Step(self._new_id(), step, self._now(), order.revision, finding=finding))

    def _send_step(self, order: Order, made: Step) -> None:
        self._unsure = (order.id, made)
        self._send(order.id, made)

    def _send(self, order: str, step: Step) -> None:
        try:
            self._door.step(order, step)
        except Refused:
            self._unsure = None
            raise
        self._unsure = None

    def _now(self) -> str:
        return iso(self._clock())

    def _report(self, state: str) -> None:
        if self._place is not None:
            self._door.move(self._crew, Position(*self._place, at=self._now(), state=state))

    def _life(self, seconds: float) -> float:
        """So long in life, a little more or less, at the speed of the simulation."""
        return seconds * self._random.uniform(0.7, 1.3) / self._speed
