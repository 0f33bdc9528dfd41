"""From rows of an interruption list, stepwise restorations with them, to episodes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from telemetry.reliability import CAUSE_NUMBER, Episodes, InterruptionCause


@dataclass(frozen=True, slots=True)
class Interruption:
    """One row of an interruption list: ``customers`` were out from ``started_ms`` to ``restored_ms``.

    Rows with the same ``interruption_id`` are steps of one interruption: groups with their own return, or
    consecutive stretches with the number still out. An empty id stands alone.
    """

    started_ms: int
    restored_ms: int | None
    """None: still open."""
    customers: int
    cause: InterruptionCause
    interruption_id: str = ""


def episodes_of(interruptions: Iterable[Interruption], until_ms: int) -> Episodes:
    """Disjoint groups of customers of every interruption; open ones last until ``until_ms``."""
    together: defaultdict[str, list[Interruption]] = defaultdict(list)
    steps: list[tuple[int, int, int, int]] = []
    for row in interruptions:
        if row.interruption_id:
            together[row.interruption_id].append(row)
        else:
            steps.append((row.started_ms, _end_ms(row, until_ms), row.customers, CAUSE_NUMBER[row.cause]))
    for rows in together.values():
        steps.extend(_steps(rows, until_ms))
    started, ended, customers, cause = np.array(steps, np.int64).reshape(-1, 4).T
    return Episodes(started, ended, customers, cause.astype(np.int8), np.zeros(len(steps), np.int32))


def _steps(rows: Sequence[Interruption], until_ms: int) -> Iterable[tuple[int, int, int, int]]:
    """(started, ended, customers, cause). First out, first back: whoever lost supply earliest is taken to be
    among the next restored.
    """
    cause = CAUSE_NUMBER[rows[0].cause]
    changes = [(row.started_ms, row.customers) for row in rows]
    changes += [(_end_ms(row, until_ms), -row.customers) for row in rows]
    waiting: list[tuple[int, int]] = []
    for instant, group in groupby(sorted(changes), key=lambda change: change[0]):
        change = sum(customers for _, customers in group)
        if change > 0:
            waiting.append((instant, change))
        while change < 0:
            started_ms, out = waiting.pop(0)
            back = min(out, -change)
            yield started_ms, instant, back, cause
            change += back
            if out > back:
                waiting.insert(0, (started_ms, out - back))


def _end_ms(row: Interruption, until_ms: int) -> int:
    return max(until_ms if row.restored_ms is None else row.restored_ms, row.started_ms)
