"""Loops over tens of millions of absences, compiled: sorting by who was out, joining, counting events.

Times are epoch milliseconds. Kernels compile at the first call and are cached.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@nb.njit(cache=True)
def by_who_and_start(who: Int32, started_ms: Int64, count: int) -> Int64:
    """Rows by who was out, each one's by their start.

    A counting sort over the ``count`` people, then insertion among the few rows of each.
    """
    begin = np.zeros(count + 1, np.int64)
    for one in who:
        begin[one + 1] += 1
    for one in range(count):
        begin[one + 1] += begin[one]
    fill = begin[:-1].copy()
    order = np.empty(len(who), np.int64)
    for row in range(len(who)):
        one = who[row]
        at = fill[one]
        fill[one] += 1
        while at > begin[one] and started_ms[order[at - 1]] > started_ms[row]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = row
    return order


@nb.njit(cache=True)
def joined(who: Int32, started_ms: Int64, ended_ms: Int64, order: Int64) -> tuple[Int64, Int64]:
    """Stretches of one customer that overlap or touch as one: the row each begins with, and its end."""
    first = np.empty(len(order), np.int64)
    end_ms = np.empty(len(order), np.int64)
    count = 0
    for row in order:
        last = count - 1
        if count and who[first[last]] == who[row] and started_ms[row] <= end_ms[last]:
            end_ms[last] = max(end_ms[last], ended_ms[row])
        else:
            first[count] = row
            end_ms[count] = ended_ms[row]
            count += 1
    return first[:count].copy(), end_ms[:count].copy()


@nb.njit(cache=True)
def momentary_events(who: Int32, started_ms: Int64, ended_ms: Int64, limit_ms: int, count: int) -> Int32:
    """Per person the momentary events: rows within ``limit_ms`` of the one before are one event with it, and
    none where a sustained interruption is among them. Rows are sorted by person and start.
    """
    events = np.zeros(count, np.int32)
    before, last_ms, sustained = -1, 0, False
    for row in range(len(who)):
        one = who[row]
        long = ended_ms[row] - started_ms[row] > limit_ms
        if one != before or started_ms[row] - last_ms > limit_ms:
            if not long:
                events[one] += 1
            sustained = long
        elif long and not sustained:
            events[one] -= 1
            sustained = True
        before, last_ms = one, ended_ms[row]
    return events
