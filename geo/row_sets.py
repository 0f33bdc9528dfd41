"""Sets of rows as ascending arrays: sorting beats the hash tables of ``numpy.unique`` many times over."""

import numpy as np

from geo.network import Bool, Int32


def distinct(rows: Int32) -> Int32:
    """Ascending, each once."""
    ordered = np.sort(rows)
    kept = np.ones(len(ordered), np.bool_)
    kept[1:] = ordered[1:] != ordered[:-1]
    return ordered[kept]


def among(rows: Int32, chosen: Int32) -> Bool:
    """Which of the rows are among the ``chosen``, an ascending array."""
    if not len(chosen):
        return np.zeros(len(rows), np.bool_)
    place = np.minimum(np.searchsorted(chosen, rows), len(chosen) - 1)
    found: Bool = chosen[place] == rows
    return found


def without(rows: Int32, left_out: Int32) -> Int32:
    """The ascending ``rows`` less the ascending ``left_out``."""
    return rows[~among(rows, left_out)] if len(left_out) else rows


def joined(one: Int32, other: Int32) -> Int32:
    """Both ascending arrays as one, each row once."""
    return distinct(np.concatenate((one, other))) if len(other) else one
