"""Our own method as a contestant: the posterior of ``telemetry.inference``."""

from dataclasses import replace

import numpy as np

from benchmarks.accuracy.contestants import Answer
from benchmarks.accuracy.signals import Heard
from geo.network import Bool, Float64, Network
from geo.tree import energise
from telemetry.failure_rates import at_usual_rates
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, infer
from telemetry.observations import NEVER, Int64, Observations, nothing_observed

EPOCH_MS = 1_700_000_000_000


class ExactTree:
    """The model that every command and the live detector start from, for all conditions."""

    name = "exact tree"

    def __init__(self, network: Network, model: InferenceModel | None = None) -> None:
        self._nothing = nothing_observed(network)
        self._model = at_usual_rates(network, model or InferenceModel())
        self._grid = InferenceGrid.build(network, energise(network), self._model)

    def answer(self, heard: Heard) -> Answer:
        posterior = self.posterior(heard)
        cuts = posterior.cuts
        return Answer(
            places_out=places_out(posterior),
            customers_out=posterior.meter_out_probability > 0.5,
            elements=posterior.grid.tree.edge[cuts],
            customer_probability=posterior.meter_out_probability,
            element_probability=posterior.class_probability,
        )

    def posterior(self, heard: Heard) -> Posterior:
        until_ms = EPOCH_MS + int(heard.until_s * 1000) if np.isfinite(heard.until_s) else EPOCH_MS
        return infer(self._grid, observed(self._nothing, heard), until_ms, self._model)


def places_out(posterior: Posterior) -> Bool:
    """[meters] below one of the most probable cuts."""
    said = np.zeros(len(posterior.grid.meter_class), dtype=np.bool_)
    for cut in posterior.cuts:
        said[posterior.grid.meters_below(int(cut))] = True
    return said


def observed(nothing: Observations, heard: Heard) -> Observations:
    """What was heard, as the detector keeps it."""
    return replace(
        nothing,
        meter_off_ms=_epoch_ms(heard.meter_off_s),
        meter_alive_ms=_epoch_ms(heard.meter_alive_s),
        terminal_off_ms=_epoch_ms(heard.terminal_off_s),
        terminal_alive_ms=_epoch_ms(heard.terminal_alive_s),
    )


def _epoch_ms(instants_s: Float64) -> Int64:
    known = np.isfinite(instants_s)
    instants: Int64 = np.full(len(instants_s), NEVER, dtype=np.int64)
    instants[known] = EPOCH_MS + (instants_s[known] * 1000).astype(np.int64)
    return instants
