"""How often does something fail here? The rates by kind and length, scaled to what a network usually sees.

A utility knows how many faults it has; rates by kind and length say only where they lie. So the rates are
scaled until the whole network, switched normally, expects as many faults in the window as are usual.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from geo.network import Network
from geo.tree import EnergisedTree, energise
from telemetry.inference_grid import log_survivals
from telemetry.inference_model import InferenceModel, Prior

USUAL: Final = 2.0
"""Faults in the window where nobody has told: a night on which anything happens brings one to three."""
METERS_A_FAULT: Final = 200
"""But no more than one fault per so many meters: a few houses do not fail twice in three days."""


def at_usual_rates(network: Network, model: InferenceModel) -> InferenceModel:
    """The model with rates that make ``usual_faults`` on this network.

    Without them (None) at least ``USUAL``: a large network expects more by its kinds and lengths alone.
    """
    expected = expected_faults(network, energise(network), model)
    least = min(USUAL, len(network.meters) / METERS_A_FAULT)
    usual = max(expected, least) if model.usual_faults is None else model.usual_faults
    if expected <= 0 or usual == expected:
        return model
    scale = usual / expected
    priors = {kind: Prior(prior.each * scale, prior.per_km * scale) for kind, prior in model.priors.items()}
    return replace(model, priors=priors, source_prior=model.source_prior * scale)


def expected_faults(network: Network, tree: EnergisedTree, model: InferenceModel) -> float:
    """Expected number of faults in the window that put anybody out."""
    position = tree.position[network.meters.node]
    meters_at = np.bincount(position[position >= 0], minlength=len(tree))
    total = np.concatenate(([0], np.cumsum(meters_at)))
    matters = total[tree.end] > total[:-1]
    return -float(log_survivals(network, tree, model)[matters].sum())
