"""The sweeps over phases agree with brute force over all sets lost by every class and all windings."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from geo.network import EdgeKind, Float64
from geo.tree import energise
from telemetry.inference import InferenceGrid, InferenceModel, Prior
from telemetry.phase_evidence import Bracket, Words
from telemetry.phase_grid import LOW, MEDIUM, TURNS, PhaseSlice, slice_at
from telemetry.phase_inference import PhasePosterior, sweep_phases
from telemetry.phase_model import LEVELS, SETS, STATES, PhaseModel, losses, rates_of
from tests.telemetry.inference_grids import NOW_MS, random_network

TOLERANCE = 1e-9
LIKELY = InferenceModel(source_prior=0.05, priors={kind: Prior(0.1 + 0.05 * kind) for kind in EdgeKind})
PHASES = PhaseModel(pair=0.4, delta=0.6)
NUMBERS = (0.03, 3e-3, 0.2, 0.01, 1e-4)
MOST = 60_000


@dataclass(frozen=True)
class Case:
    posterior: PhasePosterior
    weight: Float64
    """[hypotheses] probabilities, summing to 1."""
    log_best: Float64
    """As ``weight``, but what a transformer without voltage loses besides costs nothing."""
    state: np.ndarray
    """[hypotheses, classes]"""
    primary: np.ndarray


def nobody() -> Words:
    none = np.empty(0, np.int32)
    return Words(none, none, np.empty((0, 3)), np.empty(0), np.empty(0), np.empty((0, 4)),
                 none.astype(bool), none.astype(bool))  # fmt: skip


def swept(grid: InferenceGrid, area: PhaseSlice, evidence: Float64) -> PhasePosterior:
    when = Bracket(np.array([NOW_MS - 1000]), np.array([NOW_MS]))
    return sweep_phases(grid, area, PHASES, when, nobody(), nobody(), evidence, NUMBERS)


def _step(above: int, side: int, mv: int, lv: int, winding: int) -> tuple[int, int]:
    """(state, dead on the primary side) of a class below one in the state ``above``."""
    if side == MEDIUM:
        return above | mv, above | mv
    if side == LOW:
        return above - above % 8 + (above % 8 | lv), 0
    dead = above | mv
    if dead.bit_count() > 1:
        return 7, dead
    primary = 0 if dead == 0 else {1: 1, 2: 2, 4: 3}[dead] + 3 * winding
    return 8 * primary + lv, dead


def _options(area: PhaseSlice, c: int) -> list[tuple[int, int, int, float]]:
    sets = range(SETS)
    mv = [(s, float(area.lost_mv[c, s])) for s in sets] if area.side[c] != LOW else [(0, 1.0)]
    lv = [(s, float(area.lost_lv[c, s])) for s in sets] if area.side[c] != MEDIUM else [(0, 1.0)]
    windings = [(0, PHASES.delta), (1, 1 - PHASES.delta)] if area.side[c] == TURNS else [(0, 1.0)]
    return [(m, v, w, pm * pv * pw) for (m, pm), (v, pv), (w, pw) in itertools.product(mv, lv, windings)]


def brute(area: PhaseSlice, evidence: Float64) -> tuple[Float64, Float64, np.ndarray, np.ndarray]:
    logs, free, states, primaries = [], [], [], []
    for chosen in itertools.product(*(_options(area, c) for c in range(len(area.parent)))):
        state, primary, log, spared = [0] * len(chosen), [0] * len(chosen), 0.0, 0.0
        for c, (mv, lv, winding, chance) in enumerate(chosen):
            above = state[area.parent[c]] if area.parent[c] >= 0 else 0
            state[c], primary[c] = _step(above, int(area.side[c]), mv, lv, winding)
            log += np.log(chance) + evidence[c, state[c]]
            if area.side[c] == TURNS and primary[c].bit_count() > 1:
                spared += np.log(chance / area.lost_mv[c, mv])
        logs.append(log)
        free.append(log - spared)
        states.append(state)
        primaries.append(primary)
    return np.array(logs), np.array(free), np.array(states), np.array(primaries)


def _case(seed: int) -> Case | None:
    rng = np.random.default_rng(seed)
    network = random_network(
        rng, nodes=int(rng.integers(2, 6)), meters=int(rng.integers(1, 4)), terminals=True
    )
    grid = InferenceGrid.build(network, energise(network), LIKELY)
    area = slice_at(grid, 0, grid.survival, PHASES)
    count = int(np.prod([len(_options(area, c)) for c in range(len(area.parent))]))
    if count > MOST:
        return None
    evidence = rng.normal(0.0, 3.0, (len(area.parent), STATES))
    log_weight, log_best, state, primary = brute(area, evidence)
    weight = np.exp(log_weight - log_weight.max())
    return Case(swept(grid, area, evidence), weight / weight.sum(), log_best, state, primary)


CASES = [case for case in map(_case, range(45)) if case is not None]


def test_enough_of_the_random_trees_hold_transformers() -> None:
    assert len(CASES) >= 25
    assert sum(bool((case.posterior.area.side == TURNS).any()) for case in CASES) >= 12


def test_posterior_of_states_and_cuts_is_exact() -> None:
    for case in CASES:
        found = case.posterior
        for c in range(len(found.area.parent)):
            state = np.bincount(case.state[:, c], weights=case.weight, minlength=STATES)
            assert found.state[c] == pytest.approx(state, abs=TOLERANCE)
            if found.area.side[c] != LOW:
                primary = np.bincount(case.primary[:, c], weights=case.weight, minlength=SETS)
                assert found.primary[c] == pytest.approx(primary, abs=TOLERANCE)
                above = case.state[:, found.area.parent[c]] if found.area.parent[c] >= 0 else 0
                fresh = np.where(case.primary[:, c] != above, case.weight, 0.0)
                cut = np.bincount(case.primary[:, c], weights=fresh, minlength=SETS)
                assert found.cut[c, :SETS] == pytest.approx(cut, abs=TOLERANCE)


def test_the_decoded_states_are_the_most_probable() -> None:
    """The decoded assignment is the maximum over everything but sets lost that change nothing."""
    for case in CASES:
        found = case.posterior
        same = (case.state == found.map_state).all(axis=1)
        medium = found.area.side != LOW
        same &= (case.primary[:, medium] == found.map_primary[medium]).all(axis=1)
        assert case.log_best[same].max() == pytest.approx(case.log_best.max(), rel=1e-9)


def test_sets_lost_by_a_chain_are_those_of_its_elements_together() -> None:
    rng = np.random.default_rng(4)
    whole, single = rng.uniform(0.01, 0.3, 3), rng.uniform(0.01, 0.3, 3)
    each = losses(rates_of(whole, single, PHASES))
    together = np.zeros(SETS)
    for sets in itertools.product(range(SETS), repeat=3):
        together[sets[0] | sets[1] | sets[2]] += np.prod([each[n, lost] for n, lost in enumerate(sets)])
    chain = losses(rates_of(whole.sum(keepdims=True), single.sum(keepdims=True), PHASES))[0]
    assert chain == pytest.approx(together, abs=1e-12)
    assert together.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_transformer_turns_a_lost_phase_as_its_windings_do(lost: int) -> None:
    """Delta: each low-voltage phase has the voltage between two primary ones; star: each has its own."""
    angle = np.exp(-2j * np.pi * np.arange(3) / 3)
    pair = [(0, 1), (1, 2), (2, 0)]
    remaining = [phase for phase in range(3) if phase != lost]
    # The lost corner of the delta floats halfway between the two that are left.
    angle[lost] = angle[remaining].mean()
    delta = [abs(angle[one] - angle[other]) / np.sqrt(3) for one, other in pair]
    assert np.round(delta, 2).tolist() == [[0.5, 1.0, 0.5][(phase - lost) % 3] for phase in range(3)]
    assert [0.5 * level for level in LEVELS[8 * (1 + lost)]] == np.round(delta, 2).tolist()
    star = [0.0 if phase == lost else np.sqrt(3) / 2 for phase in range(3)]
    assert [level == 2 for level in LEVELS[8 * (4 + lost)]] == [value > 0.8 for value in star]


def test_no_evidence_leaves_the_prior() -> None:
    network = random_network(np.random.default_rng(5), nodes=5, meters=3, terminals=True)
    grid = InferenceGrid.build(network, energise(network), InferenceModel())
    area = slice_at(grid, 0, grid.survival, PHASES)
    found = swept(grid, area, np.zeros((len(area.parent), STATES)))
    assert not found.map_state.any()
    part = area.lost_lv if area.side[0] == LOW else area.lost_mv
    assert found.cut[0].reshape(2, SETS).sum(axis=0)[1] >= part[0, 1] - 1e-12
