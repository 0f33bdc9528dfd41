"""Planned work: an element is taken out of service on purpose inside a window, as people told.

What was planned or cancelled last about the same element and window holds, whatever the order of arrival. An
outage whose cause it is and that begins inside the window is planned, and stays so; where it lasts beyond the
end it has overrun. Where the element's customers live on inside the window nothing is told: it starts late.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from telemetry.evidence import Evidence, EvidenceKind
from telemetry.observations import NEVER

EARLY_START_MS: Final = 60_000
"""A loss so long before the window belongs to it: clocks differ."""
MAX_WORDS: Final = 10_000
"""Works remembered; of more, those of which something was told last stay."""


@dataclass(frozen=True, slots=True, order=True)
class PlannedWork:
    """Work on an element inside a window, both ends epoch milliseconds."""

    element: str
    starts_ms: int
    ends_ms: int

    @property
    def name(self) -> str:
        """``ELEMENT@FROM-TO``, as evidence names it."""
        return f"{self.element}@{self.starts_ms}-{self.ends_ms}"

    def now(self, at_ms: int) -> bool:
        """Whether the window holds at that instant."""
        return self.starts_ms <= at_ms < self.ends_ms

    def explains(self, elements: Collection[str], onset_ms: int) -> bool:
        """Whether a loss at one of these elements that began then is this work."""
        return self.element in elements and self.starts_ms - EARLY_START_MS <= onset_ms < self.ends_ms


def work_named(name: str) -> PlannedWork:
    """The way back from ``PlannedWork.name``; raises ValueError for a text that is none."""
    element, _, window = name.rpartition("@")
    starts, _, ends = window.partition("-")
    if not element or not starts.isdigit() or not ends.isdigit():
        raise ValueError(f"expected ELEMENT@FROM-TO, found {name!r}")
    return PlannedWork(element, int(starts), int(ends))


class PlannedWords:
    """The newest instants at which each work was planned and cancelled."""

    def __init__(self, words: Iterable[tuple[str, int, int]] = ()) -> None:
        self._newest = {name: (planned_ms, cancelled_ms) for name, planned_ms, cancelled_ms in words}

    def apply(self, evidence: Evidence) -> tuple[str, ...]:
        """Take one row of a ``PLANNING`` kind in; answers its elements, names that are none passed over."""
        found = []
        for name in evidence.devices:
            try:
                found.append(work_named(name).element)
            except ValueError:
                continue
            planned_ms, cancelled_ms = self._newest.get(name, (NEVER, NEVER))
            if evidence.kind is EvidenceKind.PLANNED_WORK:
                planned_ms = max(planned_ms, evidence.received_ms)
            else:
                cancelled_ms = max(cancelled_ms, evidence.received_ms)
            self._newest[name] = planned_ms, cancelled_ms
        if len(self._newest) > 2 * MAX_WORDS:
            kept = sorted(self._newest, key=lambda each: (max(self._newest[each]), each))[-MAX_WORDS:]
            self._newest = {each: self._newest[each] for each in kept}
        return tuple(found)

    def works(self) -> tuple[PlannedWork, ...]:
        """What is planned, by element and window; a cancellation wins a tie of times."""
        planned = (name for name, (on_ms, off_ms) in self._newest.items() if on_ms > off_ms)
        return tuple(sorted(work_named(name) for name in planned))

    def packed(self) -> bytes:
        """For a snapshot; ``unpacked`` reads it back."""
        return json.dumps([[name, *instants] for name, instants in sorted(self._newest.items())]).encode()

    @staticmethod
    def unpacked(body: bytes) -> "PlannedWords":
        """Raises ValueError for bytes that are none."""
        return PlannedWords((name, on_ms, off_ms) for name, on_ms, off_ms in json.loads(body or b"[]"))
