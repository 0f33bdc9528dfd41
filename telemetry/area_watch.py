"""When to look at one source's area again: at once after trouble, each second for a while, then seldom."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np

from geo.network import Int32
from telemetry.sight import Sight

INTEREST_MS: Final = 180_000
"""How long after evidence of trouble the posterior is looked at each second."""
PACE_MS: Final = 1_000
AWAKE_MS: Final = 30_000
"""How long after any evidence an open outage is looked at each second: till what returns has settled."""
ASLEEP_MS: Final = 30_000
"""Between two looks at an open outage after that."""
BURST_MS: Final = 200
"""Least time between two evaluations while evidence pours in."""


class Urgency(IntEnum):
    """Which looks come first while evidence pours in."""

    FIRST_WORDS = 0
    """Trouble where nothing was looked at yet."""
    MORE_WORDS = 1
    CALM = 2
    """No new word of trouble: time alone may change the answer."""


@dataclass(slots=True)
class AreaWatch:
    """One area in which something happened."""

    dirty: bool = True
    heard_ms: int = 0
    interest_until_ms: int = 0
    evaluated_ms: int = 0
    sight: Sight | None = None
    """The last look."""
    unsure: Int32 = field(default_factory=lambda: np.empty(0, np.int32))
    """Meters (rows of the whole network) whose last gasp no outage explained at the last look."""

    @property
    def urgency(self) -> Urgency:
        if not self.dirty:
            return Urgency.CALM
        return Urgency.FIRST_WORDS if self.sight is None else Urgency.MORE_WORDS

    def hear(self, now_ms: int, trouble: bool) -> None:
        """Evidence came."""
        self.heard_ms = now_ms
        if trouble:
            self.dirty = True
            self.interest_until_ms = now_ms + INTEREST_MS

    def due(self, now_ms: int, open_here: bool) -> bool:
        """Whether to look now; ``open_here``: an outage is open."""
        waited_ms = now_ms - self.evaluated_ms
        if self.dirty:
            return waited_ms >= BURST_MS
        if now_ms < self.interest_until_ms:
            return waited_ms >= PACE_MS
        pace_ms = PACE_MS if now_ms - self.heard_ms < AWAKE_MS else ASLEEP_MS
        return open_here and waited_ms >= pace_ms

    def idle(self, now_ms: int, open_here: bool) -> bool:
        """Whether what was built for the area may go until something happens there."""
        return not (self.dirty or open_here or now_ms < self.interest_until_ms)
