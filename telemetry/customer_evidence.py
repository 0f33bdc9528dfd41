"""What of the evidence is a customer's own: how sure their outage is, and their meters' newest words.

A source has tens of thousands of customers, and is explained while evidence comes: columns, not loops.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from geo.network import Float64, Int32
from telemetry.observations import NEVER
from telemetry.signs import Scene

MAX_CUSTOMERS: Final = 20_000
"""Customers whose own evidence is kept with a revision; of more, the first by row."""
_DECIMALS: Final = 4


class CustomerEvidence(msgspec.Struct, frozen=True):
    """One customer's part of it."""

    customer: str
    place: float
    """P(their place has no supply), by everybody's evidence."""
    out: float
    """P(they are out): place, own evidence and the doubt about the record together."""
    off_ms: int | None
    alive_ms: int | None
    silent_ms: int | None
    call_ms: int | None
    verdict: str
    """``below_cut``, ``also_out`` (recorded elsewhere) or ``not_out`` (recorded below, yet supplied)."""


def evidence_of_customers(
    scene: Scene,
    customers: Int32,
    chances: Callable[[Int32], tuple[Float64, Float64]],
    also_out: Collection[str],
    not_out: Collection[str],
) -> tuple[tuple[CustomerEvidence, ...], int]:
    """Of these rows (ascending, each once), but of none who has no meter; and how many rows are beyond the
    first ``MAX_CUSTOMERS``.

    ``chances`` answers P(place) and P(out) of rows of meters. Of several meters, the greatest of each.
    """
    network, seen, owner = scene.network, scene.seen, scene.network.meters.customer
    chosen = customers[:MAX_CUSTOMERS]
    meters = _meters_of(owner, chosen, len(network.customers))
    told, first = np.unique(owner[meters], return_index=True)
    if not len(told):
        return (), len(customers) - len(chosen)
    sure = [np.round(np.maximum.reduceat(each, first), _DECIMALS).tolist() for each in chances(meters)]
    columns = (seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms)
    newest = [_instants(np.maximum.reduceat(column[meters], first)) for column in columns]
    names = [network.customers.ids[row] for row in told.tolist()]
    also, spared = set(also_out), set(not_out)
    verdicts = ["not_out" if who in spared else "also_out" if who in also else "below_cut" for who in names]
    found = tuple(map(CustomerEvidence, names, *sure, *newest, verdicts))
    return found, len(customers) - len(chosen)


def _meters_of(owner: Int32, customers: Int32, count: int) -> Int32:
    """Rows of the meters of these customers, one customer's together."""
    wanted = np.zeros(count + 1, np.bool_)
    wanted[customers] = True
    meters = np.flatnonzero(wanted[owner])  # nobody's (-1) fall on the last, which is never wanted
    return meters[np.argsort(owner[meters], kind="stable")].astype(np.int32)


def _instants(at_ms: NDArray[np.int64]) -> list[int | None]:
    told: list[int | None] = at_ms.tolist()
    for place in np.flatnonzero(at_ms == NEVER).tolist():
        told[place] = None
    return told
