"""What fault watching asks of its surroundings: readings as they come, and a book of what stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from telemetry.fault_watch import Alarm, Key
from telemetry.faults import Track
from telemetry.readings import ReadingBatch
from telemetry.voltage_quality import Counted


class ReadingFeed(Protocol):
    """Batches in an order that later ones are appended to."""

    def after(self, position: int, limit: int = 500) -> list[tuple[int, ReadingBatch]]:
        """(position, batch) with position > the given one, in order; at most about ``limit``."""

    def newest(self) -> int:
        """Where the feed ends now: the position to begin with."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one round of watching found, kept all or none."""

    alarms: Mapping[Key, Alarm]
    """Everything that stands."""
    tracks: Mapping[Key, Track]
    cleared_ms: Mapping[Key, int]
    """When what no longer stands ended, where that was told."""
    voltage: Mapping[tuple[str, str], Counted] = field(default_factory=dict)
    """(transformer, day) → values counted in this round."""
    positions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedAlarm:
    id: int
    alarm: Alarm
    cleared_ms: int | None
    """None: it stands."""


class AlarmBook(Protocol):
    """Alarms that stand and stood. One process keeps it, all may read."""

    def keep(self, watched: Watched, now_ms: int) -> None:
        """Note what is new, what changed and what ended; ``now_ms`` dates ends that nobody told."""

    def resume(self) -> tuple[dict[Key, Track], dict[str, int]]:
        """Tracks and positions as last kept."""

    def listed(
        self, *, standing: bool, before_id: int | None = None, limit: int = 100, explained: bool = True
    ) -> Sequence[LoggedAlarm]:
        """Newest first; ``standing`` only or all, ``explained``: those with a cause of their own too."""

    def pass_rates(self, first_day: str, last_day: str) -> Mapping[str, Counted]:
        """Values counted by transformer over these days, both included."""

    def forget_before(self, cleared_ms: int) -> int:
        """Let go of alarms that ended before; how many."""
