"""How probable it is that so many of a crowd are of one kind by chance."""

import math

import numpy as np
from numba import njit

from geo.network import Float64


@njit(cache=True)
def at_least(hits: Float64, trials: Float64, chance: Float64) -> Float64:
    """P(X ≥ hits) of a binomial X, elementwise over arrays of one shape [rows, columns].

    The first term by its logarithm, the others from it: no number here is too large or too small.
    """
    tail = np.ones(hits.shape)
    for i in range(hits.shape[0]):
        for j in range(hits.shape[1]):
            k, n, p = hits[i, j], trials[i, j], chance[i, j]
            if k <= 0.0 or p >= 1.0:
                continue
            if p <= 0.0 or k > n:
                tail[i, j] = 0.0
                continue
            ways = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
            term = math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
            total = term
            while k < n:
                term *= (n - k) / (k + 1.0) * p / (1.0 - p)
                total += term
                k += 1.0
            tail[i, j] = min(total, 1.0)
    return tail
