"""How probable it is that so many of a crowd are of one kind by chance."""

import math

import numpy as np
from numba import njit

from geo.network import Float64


@njit(cache=True)
def _term(k: float, n: float, p: float) -> float:
    """P(X = k)."""
    ways = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


@njit(cache=True)
def _tail(k: float, n: float, p: float) -> float:
    """P(X ≥ k), summed from k away from the mean: the first term is then the greatest."""
    odds, total = p / (1.0 - p), 0.0
    if k > n * p:
        term = _term(k, n, p)
        while k <= n:
            total += term
            term *= (n - k) / (k + 1.0) * odds
            k += 1.0
        return min(total, 1.0)
    k -= 1.0
    term = _term(k, n, p)
    while k >= 0.0:
        total += term
        term *= k / (n - k + 1.0) / odds
        k -= 1.0
    return max(1.0 - total, 0.0)


@njit(cache=True)
def at_least(hits: Float64, trials: Float64, chance: Float64) -> Float64:
    """P(X ≥ hits) of a binomial X, elementwise over arrays of one shape [rows, columns]."""
    tail = np.ones(hits.shape)
    for i in range(hits.shape[0]):
        for j in range(hits.shape[1]):
            k, n, p = hits[i, j], trials[i, j], chance[i, j]
            if k <= 0.0 or p >= 1.0:
                continue
            tail[i, j] = 0.0 if p <= 0.0 or k > n else _tail(k, n, p)
    return tail
