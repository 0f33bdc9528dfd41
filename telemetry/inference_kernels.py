"""The sweeps of the outage inference over the compressed tree: exact sums and maxima, O(nodes · onsets).

Every node v has a state S_v = the onset bin since which it is dead, or alive. An element fails in bin
T_v (or not at all) with constant hazard over the bins of its zone, and S_v = min(S_parent, T_v). With
A_v(s) = evidence of v given "dead since s" plus the messages of its children, the message to the parent is

    Z_v(s') = log( Σ_{t < s'} P(T_v = t) e^{A_v(t)} + P(T_v ≥ s') e^{A_v(s')} )

which for one bin is the recursion of the topmost cut. Every quantity exists three times inside a transformer
area, for the ways in which it may be heard (well, faintly, not at all: ``telemetry.hearing``); they are
summed out where the area's top hands on its message.

Arrays have one row per way, one column per onset bin of the zone (unused ones are ignored) and the last one
for "alive". ``ways[k, z]`` is the prior of a way; one without any is passed over, the first always has some.
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
SMALL = 1e-3
"""Below this the sixth term of the series of log(1 + x) is less than 2e-19."""
NEGLIGIBLE = 1e-18
"""Probability below which a state is not followed further down; tiny numbers are slow, and tell nobody."""


@numba.njit(cache=True, inline="always")
def log_add(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    high, low = (a, b) if a > b else (b, a)
    gap = low - high
    return high if gap < -40.0 else high + _log1p(math.exp(gap))


@numba.njit(cache=True, inline="always")
def _log1p(x: float) -> float:
    """log(1 + x) for 0 ≤ x ≤ 1; most are so small that a few terms are exact to the last bit."""
    if x > SMALL:
        return math.log1p(x)
    return x * (1.0 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x / 5))))


@numba.njit(cache=True, inline="always")
def _either(a: float, b: float, maximise: bool) -> float:
    return max(a, b) if maximise else log_add(a, b)


@numba.njit(cache=True)
def _message(
    belief: Floats, k: int, v: int, surv: float, fail: float, bins: int, maximise: bool, out: Floats
) -> None:
    """Z of node v, heard in way k, for every state of the parent."""
    last = belief.shape[2] - 1
    if bins == 0:
        out[k, v, last] = belief[k, v, last]
        return
    out[k, v, 0] = belief[k, v, 0]
    step = surv / bins
    earlier = fail + belief[k, v, 0]
    for s in range(1, bins):
        out[k, v, s] = _either(earlier, s * step + belief[k, v, s], maximise)
        earlier = _either(earlier, s * step + fail + belief[k, v, s], maximise)
    out[k, v, last] = _either(earlier, surv + belief[k, v, last], maximise)


@numba.njit(cache=True)
def _one_bin_message(
    belief: Floats, k: int, v: int, surv: float, fail: float, maximise: bool, out: Floats
) -> float:
    """``_message`` for a zone with one onset bin, which is nearly always; P(v fails | parent alive)."""
    last = belief.shape[2] - 1
    out[k, v, 0] = belief[k, v, 0]
    dead, living = fail + belief[k, v, 0], surv + belief[k, v, last]
    if maximise:
        out[k, v, last] = max(dead, living)
        return 0.0
    gap = -abs(dead - living)
    less = math.exp(gap) if gap > -40.0 else 0.0
    out[k, v, last] = max(dead, living) + _log1p(less)
    return (1.0 if dead > living else less) / (1.0 + less)


@numba.njit(cache=True)
def sweep_up(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, ways: Floats,
    surv: Floats, fail: Floats, maximise: bool, belief: Floats, up: Floats, q: Floats,
) -> None:  # fmt: skip
    """Messages of the nodes [first, stop), children before parents.

    ``belief`` [ways, nodes, S] holds each node's own evidence and grows to A; ``up`` receives Z, ``q``
    [ways, nodes] in zones of one bin P(v fails | parent alive). ``inner[z, j]`` is the column in zone z of
    column j of the zone around it.
    """
    last = belief.shape[2] - 1
    for v in range(stop - 1, first - 1, -1):
        z, p = zone[v], parent[v]
        count = bins[z]
        rate = fail[v, max(count, 1) - 1]
        inside = p >= first and zone[p] == z
        for k in range(len(ways)):
            if ways[k, z] <= 0.0:
                continue
            if count == 1:
                q[k, v] = _one_bin_message(belief, k, v, surv[v], rate, maximise, up)
            else:
                _message(belief, k, v, surv[v], rate, count, maximise, up)
            if inside:
                for s in range(count):
                    belief[k, p, s] += up[k, v, s]
                belief[k, p, last] += up[k, v, last]
        if p >= first and not inside:
            _leave_zone(v, p, z, bins[zone[p]], inner, ways, belief, up)


@numba.njit(cache=True)
def _leave_zone(
    v: int, p: int, z: int, outer_bins: int, inner: Int8, ways: Floats, belief: Floats, up: Floats
) -> None:
    """Sum out how the zone is heard at its top and hand the message on.

    Also in a maximising sweep: the likeliest failures are sought, not those of the likeliest communication,
    which would be "everything failed, and nothing is heard of it" where each area may be late.
    """
    last = belief.shape[2] - 1
    for s in range(outer_bins + 1):
        column = inner[z, s] if s < outer_bins else last
        target = s if s < outer_bins else last
        message = heard_anyhow(ways, z, up, v, column)
        for k in range(len(ways)):
            belief[k, p, target] += message


@numba.njit(cache=True)
def heard_anyhow(ways: Floats, z: int, up: Floats, v: int, column: int) -> float:
    """Z of the top of a zone over all ways in which it may be heard."""
    if ways[0, z] >= 1.0:
        only: float = up[0, v, column]
        return only
    message: float = math.log(ways[0, z]) + up[0, v, column]
    for k in range(1, len(ways)):
        if ways[k, z] > 0.0:
            message = log_add(message, math.log(ways[k, z]) + up[k, v, column])
    return message


@numba.njit(cache=True)
def _share(
    belief: Floats, message: Floats, k: int, v: int, above: Floats, p: int, surv: float, fail: float,
    bins: int, out: Floats,
) -> float:  # fmt: skip
    """P(S_v = s) from P(S_parent = s) = ``above[k, p]``, heard in way k; P(topmost cut)."""
    last = belief.shape[2] - 1
    top = 0.0
    living = above[k, p, last] if above[k, p, last] > NEGLIGIBLE else 0.0
    if bins == 0:
        out[k, v, last] = living
        return top
    step = surv / bins
    for s in range(bins):
        moved = above[k, p, s]
        if s > 0 and moved > NEGLIGIBLE:
            moved *= math.exp(min(0.0, s * step + belief[k, v, s] - message[k, v, s]))
        entering = s * step + fail + belief[k, v, s]
        for later in range(s + 1, bins):
            if above[k, p, later] > NEGLIGIBLE:
                moved += above[k, p, later] * math.exp(min(0.0, entering - message[k, v, later]))
        cut = living * math.exp(min(0.0, entering - message[k, v, last])) if living > 0.0 else 0.0
        top += cut
        out[k, v, s] = moved + cut
    out[k, v, last] = max(0.0, living - top)
    return top


@numba.njit(cache=True)
def _one_bin(q: float, state: Floats, k: int, v: int, p: int) -> float:
    """``_share`` for a zone with one onset bin, which is nearly always: several times as fast."""
    last = state.shape[2] - 1
    living = state[k, p, last]
    if living < NEGLIGIBLE:
        state[k, v, 0] = state[k, p, 0]
        state[k, v, last] = 0.0
        return 0.0
    cut: float = living * q
    state[k, v, 0] = state[k, p, 0] + cut
    state[k, v, last] = living - cut
    return cut


@numba.njit(cache=True)
def _enter_zone(
    state: Floats, p: int, bins: int, inner: Int8, z: int, ways: Floats, up: Floats, v: int, entering: Floats
) -> None:
    """P(S_parent = s, way) of a parent in the zone around, in the columns and ways of the zone entered."""
    last = state.shape[2] - 1
    entering[:] = 0.0
    for s in range(bins + 1):
        column, source = (inner[z, s], s) if s < bins else (last, last)
        for k in range(len(state)):
            entering[0, 0, column] += state[k, p, source]
    if ways[0, z] >= 1.0:
        return
    for s in range(last + 1):
        if entering[0, 0, s] > 0.0:
            whole, total = entering[0, 0, s], heard_anyhow(ways, z, up, v, s)
            entering[0, 0, s] = 0.0
            for k in range(len(ways)):
                if ways[k, z] > 0.0:
                    share = math.exp(min(0.0, math.log(ways[k, z]) + up[k, v, s] - total))
                    entering[k, 0, s] = whole * share


@numba.njit(cache=True)
def sweep_down(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, ways: Floats,
    surv: Floats, fail: Floats, belief: Floats, up: Floats, q: Floats, above: Floats, above_bins: int,
    state: Floats, top: Floats,
) -> None:  # fmt: skip
    """Posterior of every node of [first, stop): P(S_v = s, how it is heard) and P(topmost cut).

    ``above`` [1, 1, columns + 1] is P(S = s) of what feeds nodes without a parent in the slice, by
    ``above_bins`` columns.
    """
    entering = np.zeros((len(ways), 1, belief.shape[2]))
    for v in range(first, stop):
        z, p = zone[v], parent[v]
        rate = fail[v, max(bins[z], 1) - 1]
        inside = p >= first and zone[p] == z
        if p >= first and not inside:
            _enter_zone(state, p, bins[zone[p]], inner, z, ways, up, v, entering)
        elif not inside:
            _enter_zone(above, 0, above_bins, inner, z, ways, up, v, entering)
        top[v] = 0.0
        for k in range(len(ways)):
            if ways[k, z] <= 0.0:
                continue
            if inside and bins[z] == 1:
                top[v] += _one_bin(q[k, v], state, k, v, p)
            elif inside:
                top[v] += _share(belief, up, k, v, state, p, surv[v], rate, bins[z], state)
            else:
                top[v] += _share(belief, up, k, v, entering, 0, surv[v], rate, bins[z], state)


@numba.njit(cache=True)
def _best_state(belief: Floats, k: int, v: int, surv: float, fail: float, bins: int, above: int) -> int:
    """The state on which the maximum of the message to a parent in state ``above`` stands."""
    last: int = belief.shape[2] - 1
    if bins == 0:
        return last
    step = surv / bins
    limit = bins if above == last else above
    state: int = above
    best = limit * step + belief[k, v, above]
    for s in range(limit):
        value = s * step + fail + belief[k, v, s]
        if value > best:
            best, state = value, s
    return state


@numba.njit(cache=True)
def decode(
    parent: Int32, zone: Int32, bins: Int8, inner: Int8, ways: Floats, surv: Floats, fail: Floats,
    belief: Floats, up: Floats, state: Int8, way: Int8,
) -> None:  # fmt: skip
    """The most probable states (column of S_v, how its zone is heard) after a maximising sweep."""
    last = belief.shape[2] - 1
    for v in range(len(parent)):
        z = zone[v]
        p = parent[v]
        above = last
        if p >= 0:
            above = state[p]
            if zone[p] != z and above != last:
                above = inner[z, above]
        if p >= 0 and zone[p] == z:
            way[v] = way[p]
        else:
            best = math.log(ways[0, z]) + up[0, v, above]
            for k in range(1, len(ways)):
                if ways[k, z] > 0.0 and math.log(ways[k, z]) + up[k, v, above] > best:
                    best, way[v] = math.log(ways[k, z]) + up[k, v, above], k
        rate = fail[v, max(bins[z], 1) - 1]
        state[v] = _best_state(belief, way[v], v, surv[v], rate, bins[z], above)


@numba.njit(cache=True)
def flow_down(parent: Int32, class_of: Int32, survival: Floats, alive: Floats) -> None:
    """P(alive) of places below which nothing speaks: alive above and not failed themselves."""
    for v in range(len(parent)):
        if class_of[v] < 0:
            alive[v] = (alive[parent[v]] if parent[v] >= 0 else 1.0) * math.exp(survival[v])
