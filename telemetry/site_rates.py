"""What a site knows of its devices and of its faults, in counts; enough of them move the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from telemetry.failure_rates import USUAL
from telemetry.inference_model import InferenceModel

ENOUGH: Final = 200
"""Fewer observations do not move the model."""
ENOUGH_DAYS: Final = 30
"""A shorter history does not tell what is usual."""
DAY_S: Final = 86_400
EVERY: Final = "all"


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``of``."""

    hits: int = 0
    of: int = 0

    @property
    def mean(self) -> float:
        return (self.hits + 0.5) / (self.of + 1)

    def plus(self, hits: int, of: int) -> "Rate":
        return Rate(self.hits + hits, self.of + of)


@dataclass(frozen=True, slots=True)
class Faults:
    """How many confirmed outages that nobody planned there were on the whole network in so many days."""

    number: int = 0
    days: float = 0.0

    def usual(self, window_s: float) -> float:
        """Faults in a window; what is usual elsewhere counts as one window more (a gamma prior)."""
        return (self.number + USUAL) / (self.days * DAY_S / window_s + 1)


@dataclass(frozen=True, slots=True)
class Learned:
    miss: Mapping[str, Rate] = field(default_factory=dict)
    """Kind of meter (and ``all``) → last gasps missed of those that were due."""
    miss_by_terminal: Mapping[str, Rate] = field(default_factory=dict)
    false_alarm: Rate = Rate()
    """Of meters and windows of ten minutes."""
    blocked: Rate = Rate()
    """Of areas in outages that should have spoken."""
    blocked_by_terminal: Mapping[str, Rate] = field(default_factory=dict)
    faults: Faults = Faults()

    def moved(self, model: InferenceModel) -> InferenceModel:
        """The model with what was observed often enough."""
        miss = self.miss.get(EVERY, Rate())
        return replace(
            model,
            miss=miss.mean if miss.of >= ENOUGH else model.miss,
            false_alarm=self.false_alarm.mean if self.false_alarm.of >= ENOUGH else model.false_alarm,
            blocked=self.blocked.mean if self.blocked.of >= ENOUGH else model.blocked,
            usual_faults=self.faults.usual(model.window_s)
            if self.faults.days >= ENOUGH_DAYS
            else model.usual_faults,
        )
