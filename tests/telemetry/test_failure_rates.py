"""Failure rates of a site: as many faults as are usual, shared out by kind and length."""

from dataclasses import replace

import pytest

from geo.network import EdgeKind
from geo.tree import energise
from telemetry.detector import Detector, DetectorRules
from telemetry.failure_rates import METERS_A_FAULT, at_usual_rates, expected_faults
from telemetry.inference_model import InferenceModel
from tests.telemetry.nights import FEEDER

MODEL = InferenceModel()


def _expected(model: InferenceModel) -> float:
    return expected_faults(FEEDER, energise(FEEDER), model)


@pytest.mark.parametrize("usual", [1e-3, 0.5, 3.0])
def test_the_network_expects_what_is_usual(usual: float) -> None:
    scaled = at_usual_rates(FEEDER, replace(MODEL, usual_faults=usual))
    assert _expected(scaled) == pytest.approx(usual)
    before, after = (m.priors[EdgeKind.LINE].per_km / m.priors[EdgeKind.FUSE].each for m in (MODEL, scaled))
    assert after == pytest.approx(before), "where faults lie stays as it is"


def test_a_small_network_is_not_taken_to_fail_every_night() -> None:
    assert _expected(at_usual_rates(FEEDER, MODEL)) == pytest.approx(len(FEEDER.meters) / METERS_A_FAULT)


def test_more_is_expected_where_kinds_and_lengths_say_so() -> None:
    often = replace(MODEL, priors={kind: replace(p, each=0.1) for kind, p in MODEL.priors.items()})
    assert _expected(often) > 3
    assert at_usual_rates(FEEDER, often) is often


def test_a_quiet_site_believes_a_doubtful_sign_less() -> None:
    rates = [
        Detector(FEEDER, DetectorRules(replace(MODEL, usual_faults=usual)))._ground.model
        for usual in (0.01, 1.0)
    ]
    assert rates[0].priors[EdgeKind.FUSE].each == pytest.approx(rates[1].priors[EdgeKind.FUSE].each / 100)
