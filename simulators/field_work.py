"""How a crew walks an order of any kind: the way that the kind of work declares, each step with its proofs.

Kinds of work are data of the product; nothing here knows one by name.
"""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from simulators.field import Appointment, Finding, Order, Photo, Picture, Place, Step, StepRule, WorkType
from simulators.forms import SiteSheet, filled
from simulators.instants import iso
from simulators.ports import Camera, FieldDoor

CREW: Final = "crew"
EVERY_OPEN: Final = "*"
CREWS_CAN_PROVE: Final = frozenset({
    "note", "finding", "position", "appointment", "estimate", "unearthed", "supply_returned", "all_clear",
})  # fmt: skip
"""Needs of a step that a crew can meet by itself or by waiting."""
ESTIMATE_MS: Final = 3_600_000
CAUSES: Final = ("equipment", "weather", "tree", "animal", "third_party", "ageing")


def way(kind: WorkType, state: str) -> tuple[StepRule, ...]:
    """The fewest steps of a crew from this state to an end; () where it must leave the order to others.

    So it does with one that waits for somebody: only people know when the wait is over.
    """
    if state in kind.paused_states:
        return ()
    ahead: deque[tuple[str, tuple[StepRule, ...]]] = deque([(state, ())])
    seen = {state}
    while ahead:
        here, taken = ahead.popleft()
        for rule in kind.steps:
            if not _moves_on(kind, rule, here) or rule.target in seen:
                continue
            if rule.target in kind.closed_states:
                return (*taken, rule)
            seen.add(rule.target)
            ahead.append((rule.target, (*taken, rule)))
    return ()


def asides(kind: WorkType, state: str, answered: Mapping[str, Any]) -> tuple[StepRule, ...]:
    """Steps that leave the order in its state and ask what was not answered yet, such as safety."""
    return tuple(
        rule
        for rule in kind.steps
        if not rule.target and not answered.keys() >= set(rule.fields) and _may(kind, rule, state)
    )


def _moves_on(kind: WorkType, rule: StepRule, state: str) -> bool:
    return bool(rule.target) and rule.target not in kind.paused_states and _may(kind, rule, state)


def _may(kind: WorkType, rule: StepRule, state: str) -> bool:
    is_open = state not in kind.closed_states
    legal = state in rule.sources or (EVERY_OPEN in rule.sources and is_open)
    return legal and CREW in rule.roles and CREWS_CAN_PROVE.issuperset(rule.needs)


class Paperwork:
    """Steps of one crew, ready to be sent: forms, proofs, and pictures that are sent before them."""

    def __init__(
        self,
        door: FieldDoor,
        camera: Camera,
        chance: random.Random,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._door, self._camera, self._chance = door, camera, chance
        self._clock, self._new_id = clock, new_id
        self._pictures: dict[str, list[Picture]] = {}
        """Taken for an order's next step, not yet named by one that was answered."""

    def step(self, order: Order, kind: WorkType, rule: StepRule, answers: Mapping[str, Any]) -> Step:
        """The step with all that it asks for; ``answers`` are those given so far. Raises ``FieldProblem``."""
        now_ms = self._clock()
        sheet = SiteSheet(order.element, iso(now_ms)[:10], answers)
        place = None if order.lon is None or order.lat is None else Place(order.lon, order.lat)
        pictures = self._photographed(order, rule.photos, place)
        made = Step(self._new_id(), rule.name, iso(now_ms), order.revision)
        return msgspec.structs.replace(
            made,
            answers=filled(kind, rule, sheet, self._chance) or None,
            photos=tuple(one.photo.id for one in pictures) or None,
            position=place,
            **{
                name: value
                for need, (name, value) in self._proofs(order, now_ms).items()
                if need in rule.needs
            },
        )

    def done(self, order: Order) -> None:
        """Its step was answered: the next one takes pictures of its own."""
        self._pictures.pop(order.id, None)

    def _proofs(self, order: Order, now_ms: int) -> dict[str, tuple[str, Any]]:
        soon = iso(now_ms + ESTIMATE_MS)
        return {
            "note": ("note", f"现场处理：{order.element}"),
            "finding": ("finding", Finding(order.element, self._chance.choice(CAUSES))),
            "appointment": ("appointment", Appointment(iso(now_ms), soon)),
            "estimate": ("estimate_at", soon),
        }

    def _photographed(self, order: Order, count: int, place: Place | None) -> Sequence[Picture]:
        """So many pictures, sent whole; those of an earlier try are not taken again."""
        taken = self._pictures.setdefault(order.id, [])
        while len(taken) < count:
            at = iso(self._clock())
            data = self._camera.take(order.id, order.element, at)
            digest = hashlib.sha256(data).hexdigest()
            taken.append(Picture(Photo(self._new_id(), order.id, len(data), digest, at, place), data))
        for picture in taken:
            self._door.send(picture)
        return taken
