"""A slice re-swept from stored messages has the posterior of a full sweep."""

from dataclasses import replace

import numpy as np
import pytest

from geo.tree import energise
from telemetry.feeder_sweep import FeederSweep
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, infer
from telemetry.inference_kernels import sweep_down, sweep_up
from telemetry.likelihoods import NodeEvidence
from telemetry.observations import nothing_observed
from tests.telemetry.inference_grids import NOW_MS, random_network, two_areas


def _posterior(seed: int) -> Posterior:
    rng = np.random.default_rng(seed)
    network = random_network(rng, nodes=30, meters=40, terminals=True)
    seen = nothing_observed(network)
    chosen = rng.random(40) < 0.3
    seen.meter_off_ms[chosen] = NOW_MS - rng.choice([30_000, 600_000], size=int(chosen.sum()))
    model = InferenceModel()
    return infer(InferenceGrid.build(network, energise(network), model), seen, NOW_MS, model)


def _full(
    posterior: Posterior, evidence: NodeEvidence
) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
    grid, chances = posterior.grid, posterior.chances
    works, stuck = evidence.works.copy(), evidence.stuck.copy()
    up_works, up_stuck = np.zeros_like(works), np.zeros_like(works)
    classes, width = works.shape
    tree = (grid.parent, grid.zone, posterior.onsets.bins, posterior.onsets.inner, chances.blocked)
    failing = (chances.class_survival, chances.fail)
    sweep_up(0, classes, *tree, *failing, False, works, stuck, up_works, up_stuck)
    above, state = np.zeros((1, width)), np.zeros((2, classes, width))
    above[0, -1] = 1.0
    messages = (works, stuck, up_works, up_stuck)
    sweep_down(0, classes, *tree, *failing, *messages, above, 0, state[0], state[1], np.zeros(classes))
    return state


def test_a_refreshed_slice_equals_a_full_sweep() -> None:
    slices = 0
    for seed in range(60):
        posterior = _posterior(seed)
        sweep, rng = FeederSweep(posterior), np.random.default_rng(seed)
        evidence = replace(
            posterior.evidence, works=posterior.evidence.works.copy(), stuck=posterior.evidence.stuck.copy()
        )
        for top in np.flatnonzero(sweep.may_begin):
            below = slice(int(top), int(posterior.grid.end[top]))
            evidence.works[below, :-1] += rng.normal(0, 3, evidence.works[below, :-1].shape)
            refreshed = sweep.refresh(int(top), evidence)
            assert sweep.state[:, refreshed] == pytest.approx(
                _full(posterior, evidence)[:, refreshed], abs=1e-9
            )
            slices += 1
    assert slices > 40


def test_a_slice_inside_a_zone_is_refused() -> None:
    network = two_areas()
    seen, model = nothing_observed(network), InferenceModel()
    posterior = infer(InferenceGrid.build(network, energise(network), model), seen, NOW_MS, model)
    inside = int(np.flatnonzero(posterior.grid.zone_outer[posterior.grid.zone] >= 0)[0])
    with pytest.raises(ValueError, match="inside the zone"):
        FeederSweep(posterior).refresh(inside, posterior.evidence)
