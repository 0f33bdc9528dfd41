"""The sweeps of the outage inference over the compressed tree: exact sums and maxima, O(nodes · onsets).

Every node v has a state S_v = the onset bin since which it is dead, or alive. An element fails in bin
T_v (or not at all) with constant hazard over the bins of its zone, and S_v = min(S_parent, T_v). With
A_v(s) = evidence of v given "dead since s" plus the messages of its children, the message to the parent is

    Z_v(s') = log( Σ_{t < s'} P(T_v = t) e^{A_v(t)} + P(T_v ≥ s') e^{A_v(s')} )

which for one bin is the recursion of the topmost cut. Every quantity exists twice inside a transformer area:
its terminal works, or it is blocked; both are summed out where the area's top hands on its message.

Arrays have one column per onset bin of the zone (unused ones are ignored) and the last one for "alive".
``surv`` is log P(the node's elements do not fail), ``fail[v, k − 1]`` is log P(they fail in a given one of k
bins, not having failed before).
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from geo.network import Int8, Int32

Floats = NDArray[np.float64]

NO_FAILURE = -1e300
"""Log-probability of the impossible; finite, so that sums stay numbers."""


@numba.njit(cache=True, inline="always")
def log_add(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    high, low = (a, b) if a > b else (b, a)
    gap = low - high
    return high if gap < -40.0 else high + math.log1p(math.exp(gap))


@numba.njit(cache=True)
def _sum_message(belief: Floats, surv: float, fail: float, bins: int, out: Floats) -> None:
    """Z of one node and one state of its terminal, for every state of the parent."""
    last = len(belief) - 1
    out[last] = belief[last]
    if bins == 0:
        return
    out[0] = belief[0]
    step = surv / bins
    earlier = fail + belief[0]
    for s in range(1, bins):
        out[s] = log_add(earlier, s * step + belief[s])
        earlier = log_add(earlier, s * step + fail + belief[s])
    out[last] = log_add(earlier, surv + belief[last])


@numba.njit(cache=True)
def _max_message(belief: Floats, surv: float, fail: float, bins: int, out: Floats) -> None:
    last = len(belief) - 1
    out[last] = belief[last]
    if bins == 0:
        return
    out[0] = belief[0]
    step = surv / bins
    earlier = fail + belief[0]
    for s in range(1, bins):
        out[s] = max(earlier, s * step + belief[s])
        earlier = max(earlier, s * step + fail + belief[s])
    out[last] = max(earlier, surv + belief[last])


@numba.njit(cache=True)
def sweep_up(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, blocked: Floats,
    surv: Floats, fail: Floats, maximise: bool, works: Floats, stuck: Floats,
    up_works: Floats, up_stuck: Floats,
) -> None:  # fmt: skip
    """Messages of the nodes [first, stop), children before parents.

    ``works`` and ``stuck`` (terminal works, is blocked) hold each node's own evidence and grow to A;
    ``up_works`` and ``up_stuck`` receive Z. ``blocked[z]`` is the prior P(blocked) of a zone, 0 where it has
    no terminal; ``inner[z, j]`` the column in zone z of column j of the zone around it.
    """
    last = works.shape[1] - 1
    for v in range(stop - 1, first - 1, -1):
        z = zone[v]
        count = bins[z]
        latent = blocked[z] > 0.0
        rate = fail[v, max(count, 1) - 1]
        if maximise:
            _max_message(works[v], surv[v], rate, count, up_works[v])
        else:
            _sum_message(works[v], surv[v], rate, count, up_works[v])
        if latent:
            if maximise:
                _max_message(stuck[v], surv[v], rate, count, up_stuck[v])
            else:
                _sum_message(stuck[v], surv[v], rate, count, up_stuck[v])
        p = parent[v]
        if p < first:
            continue
        outer = zone[p]
        if outer == z:
            for s in range(count):
                works[p, s] += up_works[v, s]
                stuck[p, s] += up_stuck[v, s]
            works[p, last] += up_works[v, last]
            stuck[p, last] += up_stuck[v, last]
            continue
        for s in range(bins[outer] + 1):
            column = inner[z, s] if s < bins[outer] else last
            target = s if s < bins[outer] else last
            message = up_works[v, column]
            if latent:
                free = math.log1p(-blocked[z]) + message
                shut = math.log(blocked[z]) + up_stuck[v, column]
                message = max(free, shut) if maximise else log_add(free, shut)
            works[p, target] += message
            stuck[p, target] += message


@numba.njit(cache=True)
def _share(
    belief: Floats, message: Floats, above: Floats, surv: float, fail: float, bins: int, out: Floats
) -> float:
    """P(S_v = s) from P(S_parent = s) for one state of the terminal; returns P(v is a topmost cut)."""
    last = len(belief) - 1
    top = 0.0
    if bins == 0:
        out[last] = above[last]
        return top
    step = surv / bins
    for s in range(bins):
        moved = 0.0
        if above[s] > 0.0:
            moved = above[s] * math.exp(min(0.0, s * step + belief[s] - message[s]))
        entering = s * step + fail + belief[s]
        for later in range(s + 1, bins):
            if above[later] > 0.0:
                moved += above[later] * math.exp(min(0.0, entering - message[later]))
        cut = above[last] * math.exp(min(0.0, entering - message[last]))
        top += cut
        out[s] = moved + cut
    out[last] = above[last] * math.exp(min(0.0, surv + belief[last] - message[last]))
    return top


@numba.njit(cache=True)
def _enter_zone(around: Floats, bins: int, inner: Int8, works: Floats, stuck: Floats) -> None:
    """P(S_parent = s) of a parent in the zone around, in the columns of the zone entered."""
    last = len(works) - 1
    works[:] = 0.0
    stuck[:] = 0.0
    for s in range(bins):
        works[inner[s]] = around[s]
    works[last] = around[last]


@numba.njit(cache=True)
def _split_terminal(blocked: float, up_works: Floats, up_stuck: Floats, works: Floats, stuck: Floats) -> None:
    """Divide P(S_parent = s) by the posterior of the terminal's state."""
    prior = math.log(blocked) - math.log1p(-blocked)
    for s in range(len(works)):
        if works[s] > 0.0:
            odds = prior + up_stuck[s] - up_works[s]
            stuck[s] = works[s] / (1.0 + math.exp(min(700.0, -odds)))
            works[s] -= stuck[s]


@numba.njit(cache=True)
def sweep_down(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, blocked: Floats,
    surv: Floats, fail: Floats, works: Floats, stuck: Floats, up_works: Floats, up_stuck: Floats,
    above_first: Floats, bins_first: int, p_works: Floats, p_stuck: Floats, top: Floats,
) -> None:  # fmt: skip
    """Posterior of every node of [first, stop): P(S_v = s, terminal works | blocked) and P(topmost cut).

    ``above_first`` is P(S = s) of what feeds nodes without a parent in the slice, by ``bins_first`` columns.
    """
    width = works.shape[1]
    above_works, above_stuck = np.zeros(width), np.zeros(width)
    for v in range(first, stop):
        z, p = zone[v], parent[v]
        latent = blocked[z] > 0.0
        if p >= first and zone[p] == z:
            above_works[:] = p_works[p]
            above_stuck[:] = p_stuck[p]
        else:
            if p >= first:
                _enter_zone(p_works[p] + p_stuck[p], bins[zone[p]], inner[z], above_works, above_stuck)
            else:
                _enter_zone(above_first, bins_first, inner[z], above_works, above_stuck)
            if latent:
                _split_terminal(blocked[z], up_works[v], up_stuck[v], above_works, above_stuck)
        rate = fail[v, max(bins[z], 1) - 1]
        top[v] = _share(works[v], up_works[v], above_works, surv[v], rate, bins[z], p_works[v])
        if latent:
            top[v] += _share(stuck[v], up_stuck[v], above_stuck, surv[v], rate, bins[z], p_stuck[v])


@numba.njit(cache=True)
def _best_state(belief: Floats, surv: float, fail: float, bins: int, above: int) -> int:
    """The state on which the maximum of the message to a parent in state ``above`` stands."""
    last = len(belief) - 1
    if bins == 0:
        return last
    step = surv / bins
    limit = bins if above == last else above
    best, state = limit * step + belief[above], above
    for s in range(limit):
        value = s * step + fail + belief[s]
        if value > best:
            best, state = value, s
    return state


@numba.njit(cache=True)
def decode(
    parent: Int32, zone: Int32, bins: Int8, inner: Int8, blocked: Floats, surv: Floats, fail: Floats,
    works: Floats, stuck: Floats, up_works: Floats, up_stuck: Floats, state: Int8, shut: Int8,
) -> None:  # fmt: skip
    """The most probable states (column of S_v, terminal blocked) from the messages of a maximising sweep."""
    last = works.shape[1] - 1
    for v in range(len(parent)):
        z = zone[v]
        p = parent[v]
        above = last
        if p >= 0:
            above = state[p]
            if zone[p] != z and above != last:
                above = inner[z, above]
        if p >= 0 and zone[p] == z:
            shut[v] = shut[p]
        elif blocked[z] > 0.0:
            free = math.log1p(-blocked[z]) + up_works[v, above]
            shut[v] = math.log(blocked[z]) + up_stuck[v, above] > free
        rate = fail[v, max(bins[z], 1) - 1]
        if shut[v]:
            state[v] = _best_state(stuck[v], surv[v], rate, bins[z], above)
        else:
            state[v] = _best_state(works[v], surv[v], rate, bins[z], above)
