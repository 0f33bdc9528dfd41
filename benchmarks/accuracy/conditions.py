"""Under which conditions a method is judged: how much is lost, wrong, late or unknown."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

USUAL_INSTANTS_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)


class Delivery(StrEnum):
    """How messages reach the head end."""

    PROMPT = "prompt"
    """At once, after the delay of each last gasp."""
    LATE = "late"
    """Each terminal hands on what it collects after a delay of its own."""
    BATCHES = "batches"
    """One file every quarter of an hour with what came in since; nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Condition:
    name: str
    miss: float
    """Share of last gasps lost."""
    false_alarm: float
    """P(a living meter sends a last gasp between −60 s and 60 s)."""
    mapping: float
    """Share of meters that hang in a near area instead of the recorded one."""
    blocked: float
    """Share of areas from which nothing gets through."""
    terminals: float
    """Share of transformers watched by a terminal that reports its own loss of supply."""
    heartbeat: float
    """Share of living meters heard of within 60 s after the faults (900 s with batches)."""
    correlated: float = 0.0
    """Share of the variance of loss that follows the terrain; the mean loss stays ``miss``."""
    transfers: int = 0
    """Pairs of switches that stand otherwise than recorded: one open closed, one closed open."""
    faults: tuple[int, int] = (1, 3)
    strike_span_s: float = 0.0
    """Faults strike within so many seconds before instant 0."""
    clock_skew_s: float = 0.0
    """Devices stamp what they say themselves, with a clock up to so much fast or slow."""
    delivery: Delivery = Delivery.PROMPT
    late_share: float = 1.0
    """Share of terminals that are late, where they are."""
    late_s: tuple[float, float] = (0.0, 0.0)
    instants_s: tuple[float, ...] = USUAL_INSTANTS_S
    mean_delay_s: float = 15.0
    """Of a last gasp, exponential."""
    terminal_gasp: float = 0.85
    """P(a watching terminal's own last gasp arrives)."""

    judged_s: float = 60.0
    """The instant of the main figures."""
    calibrated: bool = True
    """Whether its probabilities are judged: not where the records' topology is wrong."""


EASY: Final = Condition("easy", 0.2, 1e-4, 0.0, 0.0, 0.0, 0.3)
PLAIN: Final = Condition("plain", 0.4, 1e-3, 0.0, 0.0, 0.0, 0.3)
DEAF: Final = Condition("deaf", 0.6, 1e-3, 0.0, 0.0, 0.0, 0.1)
MAPPED: Final = Condition("mapped", 0.4, 1e-3, 0.03, 0.0, 0.0, 0.3)
FIELD: Final = Condition("field", 0.4, 1e-3, 0.03, 0.10, 0.0, 0.3)
FIELD_TERMINALS: Final = replace(FIELD, name="field + terminals", terminals=0.5)
HARSH: Final = Condition("harsh", 0.6, 3e-3, 0.05, 0.10, 0.0, 0.0)
CORRELATED: Final = replace(FIELD, name="field, loss follows terrain", correlated=0.5)
CORRELATED_LATE: Final = replace(
    CORRELATED,
    name="field, terrain, terminals 20–45 s late",
    delivery=Delivery.LATE,
    late_s=(20.0, 45.0),
    instants_s=(*USUAL_INSTANTS_S, 120.0),
)
SWITCHED: Final = replace(FIELD, name="field, wrong switch states", transfers=2, calibrated=False)
STORM: Final = replace(FIELD, name="field, storm", faults=(20, 30), strike_span_s=120.0)
SKEWED: Final = replace(FIELD, name="field, clocks ±2 min", clock_skew_s=120.0)
LATE: Final = replace(
    FIELD,
    name="field, 30 % of terminals minutes late",
    delivery=Delivery.LATE,
    late_share=0.3,
    late_s=(60.0, 300.0),
    instants_s=(*USUAL_INSTANTS_S, 300.0, 600.0),
)
BATCHES: Final = replace(
    FIELD,
    name="field, 15-minute batches, no ping",
    delivery=Delivery.BATCHES,
    heartbeat=0.9,
    instants_s=(60.0, 300.0, 900.0, 1800.0),
    judged_s=1800.0,
)

TABLE: Final = (EASY, PLAIN, DEAF, MAPPED, FIELD, FIELD_TERMINALS, HARSH)
BEYOND: Final = (CORRELATED, CORRELATED_LATE, SWITCHED, STORM, SKEWED, LATE, BATCHES)
CONDITIONS: Final = TABLE + BEYOND
