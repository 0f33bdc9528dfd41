"""The sweeps over sets of dead phases: exact sums and maxima over the compressed tree, O(classes · states).

As ``telemetry.inference_kernels`` with richer states (``telemetry.phase_model``) and without onsets. A class
is a chain of elements with the same meters below it: first its part at medium voltage loses phases, then the
transformer in it (if there is one) turns what is lost, then its part at low voltage loses phases.

``side``: 0 the class lies at medium voltage, 1 at low voltage, 2 it holds the transformer. ``lost_mv`` and
``lost_lv`` [classes, 8] are P(exactly this set is lost in that part). Classes are those of a slice, with
``parent`` counted inside it; what lies above the slice has all its phases.
"""

import math

import numba
import numpy as np

from geo.network import Float64, Int8, Int32

LEAST = 1e-300
NEGLIGIBLE = 1e-18


@numba.njit(cache=True, inline="always")
def _either(a: float, b: float, maximise: bool) -> float:
    if maximise:
        return a if a > b else b
    return a + b


@numba.njit(cache=True)
def _scaled(belief: Float64, v: int, start: int, stop: int, out: Float64) -> float:
    """out = e^(belief − top) of the states [start, stop); the top."""
    top: float = belief[v, start]
    for x in range(start + 1, stop):
        top = max(top, belief[v, x])
    for x in range(start, stop):
        out[x] = math.exp(belief[v, x] - top)
    return top


@numba.njit(cache=True)
def _after_loss(lost: Float64, v: int, ahead: Float64, offset: int, before: int, maximise: bool) -> float:
    """Sum (or maximum) over the sets lost of P(lost) · ahead[before ∪ lost]."""
    total = 0.0
    for dead in range(8):
        total = _either(total, lost[v, dead] * ahead[offset + (before | dead)], maximise)
    return total


@numba.njit(cache=True)
def _through_transformer(
    lost_lv: Float64, v: int, ahead: Float64, delta: float, maximise: bool, out: Float64
) -> None:
    """out[set dead on the primary side] from what lies ahead on the low-voltage side."""
    out[:] = ahead[7]
    out[0] = _after_loss(lost_lv, v, ahead, 0, 0, maximise)
    for phase in range(3):
        winding = delta * _after_loss(lost_lv, v, ahead, 8 * (1 + phase), 0, maximise)
        star = (1.0 - delta) * _after_loss(lost_lv, v, ahead, 8 * (4 + phase), 0, maximise)
        out[1 << phase] = _either(winding, star, maximise)


@numba.njit(cache=True)
def lift(
    parent: Int32, side: Int8, lost_mv: Float64, lost_lv: Float64, delta: float, maximise: bool,
    belief: Float64, up: Float64,
) -> None:  # fmt: skip
    """Messages, children before parents: ``belief`` holds each class's own evidence and grows by theirs."""
    ahead, primary = np.zeros(56), np.zeros(8)
    for v in range(len(parent) - 1, -1, -1):
        width = 8 if side[v] == 0 else 56
        top = _scaled(belief, v, 0, width, ahead)
        out = 56 if side[v] == 1 else 8
        if side[v] == 2:
            _through_transformer(lost_lv, v, ahead, delta, maximise, primary)
        for s in range(out):
            if side[v] == 0:
                value = _after_loss(lost_mv, v, ahead, 0, s, maximise)
            elif side[v] == 1:
                value = _after_loss(lost_lv, v, ahead, s - s % 8, s % 8, maximise)
            else:
                value = _after_loss(lost_mv, v, primary, 0, s, maximise)
            up[v, s] = top + math.log(max(value, LEAST))
        p = parent[v]
        if p >= 0:
            for s in range(out):
                belief[p, s] += up[v, s]


@numba.njit(cache=True)
def lower(
    parent: Int32, side: Int8, lost_mv: Float64, lost_lv: Float64, delta: float,
    belief: Float64, state: Float64, primary: Float64, cut: Float64,
) -> None:  # fmt: skip
    """From the messages: P(state) of each class, of the primary side in it, and of a cut in each part of it.

    ``cut[v, set]`` is P(the set became dead in the class's part at medium voltage), ``cut[v, 8 + set]`` in
    that at low voltage; sets that were dead above already are none.
    """
    ahead, before, turned = np.zeros(56), np.zeros(56), np.zeros(8)
    for v in range(len(parent)):
        p = parent[v]
        before[:] = 0.0
        before[0] = 1.0
        if p >= 0:
            before[:] = state[p]
        if side[v] == 1:
            for offset in range(0, 56, 8):
                if before[offset : offset + 8].max() > NEGLIGIBLE:
                    _scaled(belief, v, offset, offset + 8, ahead)
                    for s in range(8):
                        _move(lost_lv, v, ahead, offset, s, before[offset + s], state, cut, 8)
            continue
        _scaled(belief, v, 0, 8 if side[v] == 0 else 56, ahead)
        if side[v] == 0:
            for s in range(8):
                _move(lost_mv, v, ahead, 0, s, before[s], state, cut, 0)
                primary[v, s] = 0.0
            primary[v, :] = state[v, :8]
            continue
        _through_transformer(lost_lv, v, ahead, delta, False, turned)
        for s in range(8):
            _move(lost_mv, v, turned, 0, s, before[s], primary, cut, 0)
        _enter(lost_lv, v, ahead, delta, primary, state, cut)


@numba.njit(cache=True)
def _move(
    lost: Float64, v: int, ahead: Float64, offset: int, s: int, weight: float,
    state: Float64, cut: Float64, part: int,
) -> None:  # fmt: skip
    """Divide P(the set before) = ``weight`` over the sets after."""
    if weight < NEGLIGIBLE:
        return
    total = _after_loss(lost, v, ahead, offset, s, False)
    if total <= 0.0:
        return
    for dead in range(8):
        share = weight * lost[v, dead] * ahead[offset + (s | dead)] / total
        state[v, offset + (s | dead)] += share
        if s | dead != s:
            cut[v, part + (s | dead)] += share


@numba.njit(cache=True)
def _enter(
    lost_lv: Float64, v: int, ahead: Float64, delta: float, primary: Float64, state: Float64, cut: Float64
) -> None:
    """From the primary side of a transformer's class to its low-voltage side."""
    _move(lost_lv, v, ahead, 0, 0, primary[v, 0], state, cut, 8)
    for phase in range(3):
        winding = delta * _after_loss(lost_lv, v, ahead, 8 * (1 + phase), 0, False)
        star = (1.0 - delta) * _after_loss(lost_lv, v, ahead, 8 * (4 + phase), 0, False)
        if winding + star > 0.0:
            share = primary[v, 1 << phase] / (winding + star)
            _move(lost_lv, v, ahead, 8 * (1 + phase), 0, share * winding, state, cut, 8)
            _move(lost_lv, v, ahead, 8 * (4 + phase), 0, share * star, state, cut, 8)
    for dead in (3, 5, 6, 7):
        state[v, 7] += primary[v, dead]


@numba.njit(cache=True)
def _best_after(lost: Float64, v: int, ahead: Float64, offset: int, s: int) -> int:
    best, found = -1.0, s
    for dead in range(8):
        value = lost[v, dead] * ahead[offset + (s | dead)]
        if value > best:
            best, found = value, s | dead
    return found


@numba.njit(cache=True)
def decode(
    parent: Int32, side: Int8, lost_mv: Float64, lost_lv: Float64, delta: float, belief: Float64,
    state: Int8, primary: Int8,
) -> None:  # fmt: skip
    """The most probable states from the messages of a maximising sweep."""
    ahead, turned = np.zeros(56), np.zeros(8)
    for v in range(len(parent)):
        above = state[parent[v]] if parent[v] >= 0 else 0
        if side[v] == 1:
            offset = above - above % 8
            _scaled(belief, v, offset, offset + 8, ahead)
            state[v] = offset + _best_after(lost_lv, v, ahead, offset, above % 8)
            continue
        _scaled(belief, v, 0, 8 if side[v] == 0 else 56, ahead)
        if side[v] == 0:
            state[v] = primary[v] = _best_after(lost_mv, v, ahead, 0, above)
            continue
        _through_transformer(lost_lv, v, ahead, delta, True, turned)
        dead = _best_after(lost_mv, v, turned, 0, above)
        primary[v] = dead
        if dead in (3, 5, 6, 7):
            state[v] = 7
            continue
        offset = 0
        if dead:
            phase = dead // 2  # 1, 2, 4 → 0, 1, 2
            winding = delta * _after_loss(lost_lv, v, ahead, 8 * (1 + phase), 0, True)
            star = (1.0 - delta) * _after_loss(lost_lv, v, ahead, 8 * (4 + phase), 0, True)
            offset = 8 * (1 + phase) if winding >= star else 8 * (4 + phase)
        state[v] = offset + _best_after(lost_lv, v, ahead, offset, 0)


Numbers = tuple[float, float, float, float, float]
"""wrong_place, wrong_reading, stray_voltage, elsewhere, false_life."""


@numba.njit(cache=True, inline="always")
def _bell(x: float, mean: float, spread: float) -> float:
    return math.exp(-0.5 * ((x - mean) / spread) ** 2) / (spread * 2.5066282746310002)


@numba.njit(cache=True)
def density(x: float, level: int, wrong: float, stray: float) -> float:
    """Density of a voltage (per unit of nominal) on a phase of that level.

    A living phase is anywhere between a bad rural feeder's 0.8 and 1.1, also under a star primary that lost
    another phase (0.86): sags are common to a whole area, so nothing is read from them.
    """
    if level == 2:
        likely: float = _bell(x, 0.98, 0.09)
    elif level == 1:
        likely = _bell(x, 0.5, 0.1)
    else:
        likely = (1.0 - stray) * 2.0 * _bell(x, 0.0, 0.05) + (stray / 0.9 if x < 0.9 else 0.0)
    return (1.0 - wrong) * likely + wrong / 1.3


@numba.njit(cache=True)
def _largest(volts: Float64, m: int) -> float:
    """The largest voltage read of a meter, NaN if none was."""
    largest = math.nan
    for phase in range(3):
        if math.isnan(largest) or volts[m, phase] > largest:
            largest = volts[m, phase]
    return largest


@numba.njit(cache=True)
def _by_level(volts: Float64, m: int, dead: float, numbers: Numbers, out: Float64) -> float:
    """out[phase, level]: density of each voltage, out[3, level]: likelihood of all words of a meter with one
    phase; P(its words | dead) : P(they | alive) with the voltages among its words."""
    _, wrong, stray, _, false_life = numbers
    largest = _largest(volts, m)
    read = not math.isnan(largest)
    gone = dead * false_life if read else dead
    for level in range(3):
        for phase in range(3):
            unread = math.isnan(volts[m, phase])
            out[phase, level] = 1.0 if unread else density(volts[m, phase], level, wrong, stray)
        out[3, level] = density(largest, level, wrong, stray) if read else 1.0
    out[3, 0] = gone
    return gone


@numba.njit(cache=True, inline="always")
def _parts(
    by_level: Float64, gone: float, odds: Float64, m: int, state_levels: Int8, x: int, out: Float64
) -> float:
    """out[A, B, C, several]: odds × likelihood of the words in state x if it hangs on that; their sum."""
    a, b, c = state_levels[x, 0], state_levels[x, 1], state_levels[x, 2]
    out[0] = odds[m, 0] * by_level[3, a]
    out[1] = odds[m, 1] * by_level[3, b]
    out[2] = odds[m, 2] * by_level[3, c]
    several: float = gone
    if a + b + c > 0:
        several = by_level[0, a] * by_level[1, b] * by_level[2, c]
    out[3] = odds[m, 3] * several
    total: float = out[0] + out[1] + out[2] + out[3]
    return total


@numba.njit(cache=True)
def weigh(
    place: Int32, side: Int8, volts: Float64, dead: Float64, before: Float64, odds: Float64,
    state_levels: Int8, numbers: Numbers, evidence: Float64,
) -> None:  # fmt: skip
    """Add every meter's log-likelihoods, relative to "all phases live", to its class.

    ``volts`` [meters, 3] per unit, NaN where not read since; ``dead`` P(its words | dead) : P(they | alive);
    ``before`` P(it was read before the loss); ``odds`` [meters, 4] P(it hangs on A, B, C, or on all).
    """
    wrong_place, elsewhere = numbers[0], numbers[3]
    likelihood, parts, by_level = np.zeros(56), np.zeros(4), np.zeros((4, 3))
    for m in range(len(place)):
        if dead[m] == 1.0 and math.isnan(_largest(volts, m)):
            continue  # it says nothing
        gone = _by_level(volts, m, dead[m], numbers, by_level)
        width = 8 if side[place[m]] == 0 else 56
        best = 0.0
        for x in range(width):
            likelihood[x] = _parts(by_level, gone, odds, m, state_levels, x, parts)
            best = max(best, likelihood[x])
        normal = likelihood[0]
        other = wrong_place * ((1.0 - elsewhere) * normal + elsewhere * best)
        base = math.log(max((1.0 - wrong_place) * normal + other, LEAST))
        for x in range(width):
            told = before[m] * normal + (1.0 - before[m]) * likelihood[x]
            evidence[place[m], x] += math.log(max((1.0 - wrong_place) * told + other, LEAST)) - base


@numba.njit(cache=True)
def judge(
    place: Int32, state: Int8, volts: Float64, dead: Float64, odds: Float64, state_levels: Int8,
    numbers: Numbers, out: Float64, partly: Float64,
) -> None:  # fmt: skip
    """By meter, where the state of its class is known: P(it has one phase and lacks it), P(it has three and
    lacks some of them)."""
    parts, by_level = np.zeros(4), np.zeros((4, 3))
    for m in range(len(place)):
        x = state[place[m]]
        gone = _by_level(volts, m, dead[m], numbers, by_level)
        total = max(_parts(by_level, gone, odds, m, state_levels, x, parts), LEAST)
        lacking = 0
        for phase in range(3):
            if state_levels[x, phase] != 2:
                lacking += 1
                out[m] += parts[phase] / total
        if lacking > 0:
            partly[m] = parts[3] / total
