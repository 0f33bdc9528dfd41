"""A set of evidence played through the detector in its canonical order: by device time, then by key.

Order and repetition of the input therefore change nothing. The steps are a second of evidence time, wider
where the span is long, with a few looks into each pause, so that what must be stable for a while gets it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from geo.network import Network
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence
from telemetry.fold import FUTURE_MS, PAST_MS, Known
from telemetry.outages import OutageRevision
from telemetry.planned_work import PlannedWork

STEP_MS: Final = 1_000
MAX_STEPS: Final = 2_000
PAUSE_MS: Final = (4_000, 25_000, 130_000, 200_000)
"""When to look again while nothing arrives."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """The detector at the end, and all that it would have published."""

    detector: Detector
    revisions: tuple[OutageRevision, ...]


def canonical(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Each key once, by (sane device time, key)."""
    once: dict[str, Evidence] = {}
    for row in evidence:
        first = once.get(row.key)
        if first is None or row.received_ms < first.received_ms:
            once[row.key] = row
    return sorted(once.values(), key=lambda row: (_instant_ms(row), row.key))


def _instant_ms(row: Evidence) -> int:
    sane = -PAST_MS <= row.at_ms - row.received_ms <= FUTURE_MS
    return row.at_ms if sane else row.received_ms


def replay(
    network: Network,
    rules: DetectorRules,
    evidence: Iterable[Evidence],
    until_ms: int,
    planned: Sequence[PlannedWork] = (),
    known: Known | None = None,
) -> Replayed:
    """Everything concluded from the evidence with device time ≤ ``until_ms``, as of then."""
    rows = [row for row in canonical(evidence) if _instant_ms(row) <= until_ms]
    detector = Detector(network, rules, known=known, planned=planned)
    revisions: list[OutageRevision] = []
    steps = _steps(rows, until_ms)
    for (now_ms, arrived), (next_ms, _) in zip(steps, [*steps[1:], (until_ms, [])], strict=True):
        detector.observe(arrived, now_ms)
        for look_ms in (now_ms, *looks_between(now_ms, next_ms)):
            revisions.extend(detector.evaluate(look_ms))
    revisions.extend(detector.evaluate(until_ms, force=True))
    return Replayed(detector, tuple(revisions))


def looks_between(now_ms: int, next_ms: int) -> tuple[int, ...]:
    """When to look again between two arrivals."""
    return tuple(now_ms + pause for pause in PAUSE_MS if now_ms + pause < next_ms)


def _steps(rows: Sequence[Evidence], until_ms: int) -> list[tuple[int, list[Evidence]]]:
    """Evidence by the end of its step; nothing is looked at before it happened."""
    if not rows:
        return []
    width = max(STEP_MS, (until_ms - _instant_ms(rows[0])) // MAX_STEPS)
    grouped = groupby(rows, key=lambda row: _instant_ms(row) // width)
    return [(min((number + 1) * width - 1, until_ms), list(group)) for number, group in grouped]
