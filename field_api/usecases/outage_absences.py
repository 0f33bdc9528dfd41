"""One outage, customer by customer: when each lost supply, when it came back, in which steps.

The very ledger of the reliability indices (``telemetry.interruptions``), projected for a single outage, so
that what a dispatcher reads on its page is what is counted later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from field_api.projection import Site
from geo.network import Int32
from telemetry.interruptions import Ledger
from telemetry.outages import OPEN_STATES, OutageRevision

MAX_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Absent:
    """One customer's time without supply in the outage."""

    site: Site
    row: int
    off_ms: int
    on_ms: int | None
    """None: still out."""


@dataclass(frozen=True, slots=True, eq=False)
class OutageAbsences:
    """Columns of the same length: still out first, then the latest return first."""

    site: Site
    customers: Int32
    """Rows of the site's network."""
    off_ms: NDArray[np.int64]
    on_ms: NDArray[np.int64]
    """Where somebody is still out: the instant of the question."""
    out: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def still_out(self) -> int:
        """How many have no supply yet."""
        return int(np.count_nonzero(self.out))

    @staticmethod
    def of(newest: OutageRevision, site: Site, ledger: Ledger, now_ms: int) -> "OutageAbsences":
        """From the ledger of this outage alone, whose numbers begin with the rows of the site's network.

        Customers whom only an earlier version of the network knew are counted in the indices, not shown.
        """
        rows = ledger.customers.where(ledger.customers.who < len(site.network.customers))
        out = np.full(len(rows), newest.state in OPEN_STATES) & (rows.ended_ms >= now_ms)
        order = np.lexsort((rows.who, -rows.ended_ms, ~out))
        return OutageAbsences(
            site, rows.who[order], rows.started_ms[order], rows.ended_ms[order], out[order]
        )  # fmt: skip

    def among(self, cells: frozenset[str]) -> "OutageAbsences":
        """Those who live in one of the grid cells."""
        mine = np.isin(self.customers, self.site.customers_in(self.customers, cells))
        columns = {name: getattr(self, name)[mine] for name in ("customers", "off_ms", "on_ms", "out")}
        return replace(self, **columns)

    def rows(self, part: slice) -> Iterator[Absent]:
        """Some of them, in order."""
        columns = (self.customers[part], self.off_ms[part], self.on_ms[part], self.out[part])
        for row, off_ms, on_ms, out in zip(*(column.tolist() for column in columns), strict=True):
            yield Absent(self.site, row, off_ms, None if out else on_ms)

    def steps(self) -> tuple[tuple[int, int], ...]:
        """Instants at which supply came back, oldest first, with how many it came back to."""
        at_ms, people = np.unique(self.on_ms[~self.out], return_counts=True)
        return tuple(zip(at_ms.tolist(), people.tolist(), strict=True))[-MAX_STEPS:]
