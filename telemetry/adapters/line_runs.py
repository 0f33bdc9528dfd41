"""Batches of the same meters side by side, so that in a post each meter's points follow one another.

For every field of every point InfluxDB looks its series up; of a meter's points that stand in one post it
does so once. That spares it a third to a half of its processor time for a backlog
(``benchmarks/results/influx_posts``). What is written of one meter and instant keeps its order, so that a
restatement still replaces what it restates.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from telemetry.readings import MISSING, ReadingBatch

MAX_RUN_LINES: Final = 5_000

Columns = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(slots=True)
class Run:
    """Batches of one terminal with the same meters and quantities, in the order of their writing."""

    batches: list[ReadingBatch] = field(default_factory=list)
    explicit: list[bool] = field(default_factory=list)
    """Of each batch: give the quality of good values too, so that it replaces what stood there."""

    def add(self, batch: ReadingBatch, explicit: bool) -> None:
        """Append one."""
        self.batches.append(batch)
        self.explicit.append(explicit)

    def takes(self, batch: ReadingBatch) -> bool:
        """One more of these does not make it too long."""
        return (len(self.batches) + 1) * len(batch.meters) <= MAX_RUN_LINES

    def author(self, place: int) -> tuple[ReadingBatch, str]:
        """The batch and the meter of the line at that place; meters without any value have no line."""
        has_line = np.stack([(batch.scaled != MISSING).any(axis=1) for batch in self.batches], axis=1)
        meter, number = divmod(int(np.flatnonzero(has_line)[place]), len(self.batches))
        return self.batches[number], self.batches[number].meters[meter]


def side_by_side(batches: Iterable[tuple[ReadingBatch, bool]]) -> list[Run]:
    """Batches, each with its ``explicit``, as runs to be written in this order."""
    runs: list[Run] = []
    open_runs: dict[Columns, int] = {}
    last_of_instant: dict[tuple[str, int], int] = {}
    for batch, explicit in batches:
        columns, instant = (batch.terminal, batch.meters, batch.quantities), (batch.terminal, batch.at_ms)
        place = open_runs.get(columns, -1)
        # What a later run says of this instant may be what this batch restates: it must stay before it.
        if place < last_of_instant.get(instant, 0) or not runs[place].takes(batch):
            place = open_runs[columns] = len(runs)
            runs.append(Run())
        runs[place].add(batch, explicit)
        last_of_instant[instant] = place
    return runs
