"""Waits that are not the company's: in them an order's clocks stand still, and each is somebody's.

Which states are waits, and whose, is said by the work type (``paused_states``); the step that begins one may
name another in its details. Clocks in minutes and hours stand still to the millisecond. Of clocks in days a
wait takes the days that begin in it, so none within one day; waits that touch count as one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from field_api.deadlines.step_times import StepTime
from field_api.orders.work import HistoryEntry, WorkType


@dataclass(frozen=True, slots=True)
class Pause:
    from_ms: int
    to_ms: int | None
    """None: it goes on."""
    attribution: str
    """Whose wait it is: ``customer``, ``government``, ``company``, …"""
    reason: str

    def until(self, now_ms: int) -> int:
        """Its end, or now while it goes on."""
        return now_ms if self.to_ms is None else self.to_ms


def pauses_of(
    work_type: WorkType, history: Sequence[HistoryEntry], times: Sequence[StepTime]
) -> tuple[Pause, ...]:
    """The waits of an order in order of time; ``times`` belong to ``history`` one by one."""
    found: list[Pause] = []
    state: str | None = None
    begun: tuple[int, HistoryEntry] | None = None
    for entry, time in zip(history, times, strict=True):
        before, state = state, _after(work_type, state, entry.step)
        if state == before:
            continue
        if begun is not None and before is not None:
            found.append(_pause(work_type, before, begun, time.at_ms))
        begun = (time.at_ms, entry) if state in work_type.paused_states else None
    if begun is not None and state is not None:
        found.append(_pause(work_type, state, begun, None))
    return tuple(found)


def _after(work_type: WorkType, state: str | None, step: str) -> str | None:
    # Whether the step was legal is asked when it is taken; a due time must not fail on what was let in.
    rule = work_type.rule(step)
    return rule.target or state if rule else state


def _pause(work_type: WorkType, state: str, begun: tuple[int, HistoryEntry], to_ms: int | None) -> Pause:
    from_ms, entry = begun
    attribution = str(entry.details.get("attribution") or work_type.paused_states[state])
    return Pause(from_ms, to_ms, attribution, entry.note)


def attributed_ms(pauses: Iterable[Pause], from_ms: int, to_ms: int) -> Mapping[str, int]:
    """Milliseconds of waiting between two instants, by whose wait it was."""
    total: Counter[str] = Counter()
    for pause in pauses:
        total[pause.attribution] += max(0, min(pause.until(to_ms), to_ms) - max(pause.from_ms, from_ms))
    return {who: ms for who, ms in sorted(total.items()) if ms}
