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
    belief: Floats, v: int, surv: float, fail: float, bins: int, maximise: bool, out: Floats
) -> None:
    """Z of node v and one state of its terminal, for every state of the parent."""
    last = belief.shape[1] - 1
    if bins == 0:
        out[v, last] = belief[v, last]
        return
    out[v, 0] = belief[v, 0]
    step = surv / bins
    earlier = fail + belief[v, 0]
    for s in range(1, bins):
        out[v, s] = _either(earlier, s * step + belief[v, s], maximise)
        earlier = _either(earlier, s * step + fail + belief[v, s], maximise)
    out[v, last] = _either(earlier, surv + belief[v, last], maximise)


@numba.njit(cache=True)
def _one_bin_message(belief: Floats, v: int, surv: float, fail: float, maximise: bool, out: Floats) -> float:
    """``_message`` for a zone with one onset bin, which is nearly always; P(v fails | parent alive)."""
    last = belief.shape[1] - 1
    out[v, 0] = belief[v, 0]
    dead, living = fail + belief[v, 0], surv + belief[v, last]
    if maximise:
        out[v, last] = max(dead, living)
        return 0.0
    gap = -abs(dead - living)
    less = math.exp(gap) if gap > -40.0 else 0.0
    out[v, last] = max(dead, living) + _log1p(less)
    return (1.0 if dead > living else less) / (1.0 + less)


@numba.njit(cache=True)
def _add_row(target: Floats, p: int, source: Floats, v: int, bins: int) -> None:
    last = target.shape[1] - 1
    for s in range(bins):
        target[p, s] += source[v, s]
    target[p, last] += source[v, last]


@numba.njit(cache=True)
def sweep_up(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, blocked: Floats,
    surv: Floats, fail: Floats, maximise: bool, works: Floats, stuck: Floats,
    up_works: Floats, up_stuck: Floats, q: Floats,
) -> None:  # fmt: skip
    """Messages of the nodes [first, stop), children before parents.

    ``works`` and ``stuck`` (terminal works, is blocked) hold each node's own evidence and grow to A;
    ``up_works`` and ``up_stuck`` receive Z, ``q`` [2, nodes] in zones of one bin P(v fails | parent alive).
    ``blocked[z]`` is the prior P(blocked) of a zone, 0 where it has no terminal; ``inner[z, j]`` the column
    in zone z of column j of the zone around it.
    """
    for v in range(stop - 1, first - 1, -1):
        z, p = zone[v], parent[v]
        count = bins[z]
        latent = blocked[z] > 0.0
        rate = fail[v, max(count, 1) - 1]
        if count == 1:
            q[0, v] = _one_bin_message(works, v, surv[v], rate, maximise, up_works)
            if latent:
                q[1, v] = _one_bin_message(stuck, v, surv[v], rate, maximise, up_stuck)
        else:
            _message(works, v, surv[v], rate, count, maximise, up_works)
            if latent:
                _message(stuck, v, surv[v], rate, count, maximise, up_stuck)
        if p < first:
            continue
        if zone[p] == z:
            _add_row(works, p, up_works, v, count)
            if latent:
                _add_row(stuck, p, up_stuck, v, count)
        else:
            _leave_zone(v, p, z, bins[zone[p]], inner, blocked[z], maximise, works, stuck, up_works, up_stuck)


@numba.njit(cache=True)
def _leave_zone(
    v: int, p: int, z: int, outer_bins: int, inner: Int8, blocked: float, maximise: bool,
    works: Floats, stuck: Floats, up_works: Floats, up_stuck: Floats,
) -> None:  # fmt: skip
    """Sum out the terminal's state at the top of its zone and hand the message on."""
    last = works.shape[1] - 1
    for s in range(outer_bins + 1):
        column = inner[z, s] if s < outer_bins else last
        target = s if s < outer_bins else last
        message = up_works[v, column]
        if blocked > 0.0:
            free = math.log1p(-blocked) + message
            shut = math.log(blocked) + up_stuck[v, column]
            message = _either(free, shut, maximise)
        works[p, target] += message
        stuck[p, target] += message


@numba.njit(cache=True)
def _share(
    belief: Floats, message: Floats, v: int, above: Floats, p: int, surv: float, fail: float, bins: int,
    out: Floats,
) -> float:  # fmt: skip
    """P(S_v = s) from P(S_parent = s) = ``above[p]``, for one state of the terminal; P(topmost cut)."""
    last = belief.shape[1] - 1
    top = 0.0
    living = above[p, last] if above[p, last] > NEGLIGIBLE else 0.0
    if bins == 0:
        out[v, last] = living
        return top
    step = surv / bins
    for s in range(bins):
        moved = above[p, s]
        if s > 0 and moved > NEGLIGIBLE:
            moved *= math.exp(min(0.0, s * step + belief[v, s] - message[v, s]))
        entering = s * step + fail + belief[v, s]
        for later in range(s + 1, bins):
            if above[p, later] > NEGLIGIBLE:
                moved += above[p, later] * math.exp(min(0.0, entering - message[v, later]))
        cut = living * math.exp(min(0.0, entering - message[v, last])) if living > 0.0 else 0.0
        top += cut
        out[v, s] = moved + cut
    out[v, last] = max(0.0, living - top)
    return top


@numba.njit(cache=True)
def _one_bin(q: float, state: Floats, v: int, p: int) -> float:
    """``_share`` for a zone with one onset bin, which is nearly always: several times as fast."""
    last = state.shape[1] - 1
    living = state[p, last]
    if living < NEGLIGIBLE:
        state[v, 0] = state[p, 0]
        state[v, last] = 0.0
        return 0.0
    cut: float = living * q
    state[v, 0] = state[p, 0] + cut
    state[v, last] = living - cut
    return cut


@numba.njit(cache=True)
def _enter_zone(
    p_works: Floats, p_stuck: Floats, p: int, bins: int, inner: Int8, z: int, works: Floats, stuck: Floats
) -> None:
    """P(S_parent = s) of a parent in the zone around, in the columns of the zone entered (row 0)."""
    last = works.shape[1] - 1
    works[0, :] = 0.0
    stuck[0, :] = 0.0
    for s in range(bins):
        works[0, inner[z, s]] = p_works[p, s] + p_stuck[p, s]
    works[0, last] = p_works[p, last] + p_stuck[p, last]


@numba.njit(cache=True)
def _split_terminal(
    blocked: float, up_works: Floats, up_stuck: Floats, v: int, works: Floats, stuck: Floats
) -> None:
    """Divide P(S_parent = s) by the posterior of the terminal's state."""
    prior = math.log(blocked) - math.log1p(-blocked)
    for s in range(works.shape[1]):
        if works[0, s] > 0.0:
            odds = prior + up_stuck[v, s] - up_works[v, s]
            stuck[0, s] = works[0, s] / (1.0 + math.exp(min(700.0, -odds)))
            works[0, s] -= stuck[0, s]


@numba.njit(cache=True)
def sweep_down(
    first: int, stop: int, parent: Int32, zone: Int32, bins: Int8, inner: Int8, blocked: Floats,
    surv: Floats, fail: Floats, works: Floats, stuck: Floats, up_works: Floats, up_stuck: Floats,
    q: Floats, above: Floats, above_bins: int, p_works: Floats, p_stuck: Floats, top: Floats,
) -> None:  # fmt: skip
    """Posterior of every node of [first, stop): P(S_v = s, terminal works | blocked) and P(topmost cut).

    ``above`` [1, columns + 1] is P(S = s) of what feeds nodes without a parent in the slice, by
    ``above_bins`` columns.
    """
    width = works.shape[1]
    entering_works, entering_stuck, nothing = np.zeros((1, width)), np.zeros((1, width)), np.zeros((1, width))
    for v in range(first, stop):
        z, p = zone[v], parent[v]
        latent = blocked[z] > 0.0
        rate = fail[v, max(bins[z], 1) - 1]
        if p >= first and zone[p] == z and bins[z] == 1:
            top[v] = _one_bin(q[0, v], p_works, v, p)
            if latent:
                top[v] += _one_bin(q[1, v], p_stuck, v, p)
            continue
        if p >= first and zone[p] == z:
            top[v] = _share(works, up_works, v, p_works, p, surv[v], rate, bins[z], p_works)
            if latent:
                top[v] += _share(stuck, up_stuck, v, p_stuck, p, surv[v], rate, bins[z], p_stuck)
            continue
        if p >= first:
            _enter_zone(p_works, p_stuck, p, bins[zone[p]], inner, z, entering_works, entering_stuck)
        else:
            _enter_zone(above, nothing, 0, above_bins, inner, z, entering_works, entering_stuck)
        if latent:
            _split_terminal(blocked[z], up_works, up_stuck, v, entering_works, entering_stuck)
        top[v] = _share(works, up_works, v, entering_works, 0, surv[v], rate, bins[z], p_works)
        if latent:
            top[v] += _share(stuck, up_stuck, v, entering_stuck, 0, surv[v], rate, bins[z], p_stuck)


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


@numba.njit(cache=True)
def flow_down(parent: Int32, class_of: Int32, survival: Floats, alive: Floats) -> None:
    """P(alive) of places below which nothing speaks: alive above and not failed themselves."""
    for v in range(len(parent)):
        if class_of[v] < 0:
            alive[v] = (alive[parent[v]] if parent[v] >= 0 else 1.0) * math.exp(survival[v])
