"""The sweeps agree with brute force over all failures, onsets and ways in which an area is heard."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from geo.network import Bool, EdgeKind, Float64
from geo.tree import energise
from telemetry.calibration import AS_SAID
from telemetry.hearing import WAYS
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, Prior, infer
from telemetry.observations import Int64, Observations, nothing_observed
from tests.telemetry.inference_grids import NOW_MS, random_network

TOLERANCE = 1e-9
LIKELY = InferenceModel(
    calibration=AS_SAID,
    blocked=0.2,
    onsets=2,
    source_prior=0.05,
    priors={kind: Prior(0.1 + 0.05 * kind) for kind in EdgeKind},
)
"""Priors large enough that every hypothesis matters."""


@dataclass(frozen=True)
class Enumeration:
    """All hypotheses, one per row."""

    log_weight: Float64
    onset: Float64
    """[hypotheses, classes] instant since which each class is dead, inf for alive."""
    way: Int64
    """[hypotheses, zones] how each zone is heard."""


def _instants(posterior: Posterior, element_class: int) -> Float64:
    zone = posterior.grid.zone[element_class]
    return posterior.onsets.at_ms[zone, : posterior.onsets.bins[zone]].astype(np.float64)


def _failures(posterior: Posterior) -> tuple[Float64, Float64]:
    """[combinations, classes] failing instants of the classes and log-probability of each combination."""
    options, chances = [], []
    for element_class in range(len(posterior.grid.parent)):
        instants = _instants(posterior, element_class)
        survival, count = posterior.chances.class_survival[element_class], len(instants)
        options.append([*instants, np.inf])
        until = np.exp(survival * np.arange(count + 1) / max(count, 1))
        chances.append([*(until[:-1] - until[1:]), until[-1] if count else 1.0])
    with np.errstate(divide="ignore"):
        logs = [np.log(chance) for chance in chances]
    return np.array(list(itertools.product(*options))), np.array(
        [sum(parts) for parts in itertools.product(*logs)]
    )


def enumerate_all(posterior: Posterior) -> Enumeration:
    grid = posterior.grid
    failing, prior = _failures(posterior)
    onset = failing.copy()
    for element_class, parent in enumerate(grid.parent):
        if parent >= 0:
            onset[:, element_class] = np.minimum(onset[:, element_class], onset[:, parent])
    choices = [np.flatnonzero(chances > 0) for chances in posterior.chances.ways.T]
    weights, blocks = [], []
    for pattern in itertools.product(*choices):
        way = np.array(pattern, dtype=np.int64)
        constant = np.log(posterior.chances.ways[way, np.arange(len(way))]).sum()
        weights.append(prior + constant + _log_likelihood(posterior, onset, way))
        blocks.append(np.tile(way, (len(onset), 1)))
    return Enumeration(np.concatenate(weights), np.tile(onset, (len(blocks), 1)), np.concatenate(blocks))


def _log_likelihood(posterior: Posterior, onset: Float64, way: Int64) -> Float64:
    grid, total = posterior.grid, np.zeros(len(onset))
    for element_class, zone in enumerate(grid.zone):
        table = posterior.evidence[way[zone], element_class]
        total += table[-1]
        for column, instant in enumerate(_instants(posterior, element_class)):
            total += np.where(onset[:, element_class] == instant, table[column] - table[-1], 0.0)
    return total


def _observed(rng: np.random.Generator, seen: Observations, meters: int, terminals: int) -> None:
    """Scatter evidence of every kind over the last ten minutes in three bursts."""
    bursts = NOW_MS - np.array([540_000, 300_000, 20_000])

    def instants(rows: int) -> tuple[Int64, Int64]:
        chosen = np.flatnonzero(rng.random(rows) < 0.4)
        return chosen, (rng.choice(bursts, size=len(chosen)) + rng.integers(0, 15_000, size=len(chosen)))

    for column in (seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms):
        chosen, at_ms = instants(meters)
        column[chosen] = at_ms
    for column in (seen.terminal_off_ms, seen.terminal_alive_ms, seen.terminal_silent_ms):
        chosen, at_ms = instants(terminals)
        column[chosen] = at_ms
    seen.meter_can_gasp[:] = rng.random(meters) < 0.8


def _case(seed: int) -> Posterior:
    rng = np.random.default_rng(seed)
    network = random_network(
        rng, nodes=int(rng.integers(2, 7)), meters=int(rng.integers(1, 9)), terminals=True
    )
    seen = nothing_observed(network)
    _observed(rng, seen, len(network.meters), len(network.terminals))
    edges = len(network.edges)
    seen.edge_planned[:] = rng.random(edges) < 0.1
    seen.edge_open_ms[rng.random(edges) < 0.1] = NOW_MS - 300_000
    seen.edge_fault_passage_ms[rng.random(edges) < 0.1] = NOW_MS - 290_000
    model = replace(LIKELY, onsets=int(rng.integers(1, 3)))
    return infer(InferenceGrid.build(network, energise(network), model), seen, NOW_MS, model)


@pytest.mark.parametrize("block", range(10))
def test_posteriors_evidence_and_best_set_agree_with_brute_force(block: int) -> None:
    several = 0
    for seed in range(40 * block, 40 * block + 40):
        posterior = _case(seed)
        if len(posterior.grid.parent) > 6:
            continue
        everything = enumerate_all(posterior)
        several += posterior.onsets.columns > 1
        _check_sums(posterior, everything)
        _check_best(posterior, everything)
    assert several > 10


def _check_sums(posterior: Posterior, everything: Enumeration) -> None:
    peak = everything.log_weight.max()
    weight = np.exp(everything.log_weight - peak)
    assert posterior.log_evidence == pytest.approx(peak + np.log(weight.sum()), abs=TOLERANCE)
    weight /= weight.sum()
    grid = posterior.grid
    for element_class, parent in enumerate(grid.parent):
        onset, way = everything.onset[:, element_class], everything.way[:, grid.zone[element_class]]
        fed = everything.onset[:, parent] == np.inf if parent >= 0 else np.ones(len(onset), dtype=np.bool_)
        assert posterior.class_cut[element_class] == pytest.approx(
            weight[fed & (onset < np.inf)].sum(), abs=TOLERANCE
        )
        for each in range(WAYS):
            mine = posterior.state[each, element_class]
            for column, instant in enumerate([*_instants(posterior, element_class), np.inf]):
                place = column if instant < np.inf else -1
                chosen = (onset == instant) & (way == each)
                assert mine[place] == pytest.approx(weight[chosen].sum(), abs=TOLERANCE)


def _check_best(posterior: Posterior, everything: Enumeration) -> None:
    """The decoded states are a hypothesis (failures behind a dead place summed) of the greatest weight.

    Where zones lie one inside the other, the inner one's ways are summed within the outer one's likeliest.
    """
    keys = np.column_stack((everything.onset, everything.way))
    _, index, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    weight = np.bincount(inverse.ravel(), weights=np.exp(everything.log_weight - everything.log_weight.max()))
    decoded = np.array(
        [
            [*_instants(posterior, c), np.inf][min(int(state), len(_instants(posterior, c)))]
            for c, state in enumerate(posterior.map_state)
        ]
    )
    same = (everything.onset[index] == decoded).all(axis=1)
    assert weight[same].max() == pytest.approx(weight.max(), rel=1e-9)


def _chain_case(seed: int) -> Posterior:
    rng = np.random.default_rng(seed)
    network = random_network(rng, nodes=6, meters=int(rng.integers(1, 4)), terminals=False)
    seen = nothing_observed(network)
    seen.meter_off_ms[rng.random(len(network.meters)) < 0.6] = NOW_MS - 30_000
    model = replace(LIKELY, onsets=1, mapping_error=0.0)
    return infer(InferenceGrid.build(network, energise(network), model), seen, NOW_MS, model)


def test_single_elements_of_a_class_share_its_probability_exactly() -> None:
    for seed in range(100):
        posterior = _chain_case(seed)
        if posterior.onsets.bins.min() == 0:
            continue
        dead, cut = _brute_positions(posterior)
        assert posterior.dead_probability == pytest.approx(dead, abs=TOLERANCE)
        inside = posterior.grid.class_of >= 0
        assert posterior.cut_probability[inside] == pytest.approx(cut[inside], abs=TOLERANCE)


def _brute_positions(posterior: Posterior) -> tuple[Float64, Float64]:
    """P(dead) and P(topmost cut) of every position, by enumeration of all single elements."""
    grid, tree = posterior.grid, posterior.grid.tree
    failing = np.array(list(itertools.product([False, True], repeat=len(tree))))
    fail = -np.expm1(posterior.chances.survival)
    log_weight = np.where(failing, np.log(fail), np.log1p(-fail)).sum(axis=1)
    dead = failing.copy()
    for position, parent in enumerate(tree.parent):
        if parent >= 0:
            dead[:, position] |= dead[:, parent]
    for zone, ways in enumerate(posterior.chances.ways.T):
        classes = np.flatnonzero(grid.zone == zone)
        log_weight += _zone_log_likelihood(posterior, classes, dead, ways)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    parent_dead = np.where(tree.parent >= 0, dead[:, tree.parent], False)
    return weight @ dead, weight @ (failing & ~parent_dead)


def _zone_log_likelihood(posterior: Posterior, classes: Int64, dead: Bool, ways: Float64) -> Float64:
    bottom = [int(posterior.grid.members(int(c))[-1]) for c in classes]
    found = [
        np.log(ways[way]) + np.where(dead[:, bottom], evidence[classes, 0], evidence[classes, -1]).sum(axis=1)
        for way, evidence in enumerate(posterior.evidence)
        if ways[way] > 0
    ]
    anyhow: Float64 = np.logaddexp.reduce(found)
    return anyhow
