"""What is published is what is measured: the same evidence, the same probabilities, by the same model.

A night of the yardstick is told to the live detector, message by message. What it publishes, explains and
counts must be what the yardstick judges.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.accuracy.conditions import FIELD_TERMINALS, PLAIN, Condition
from benchmarks.accuracy.exact import EPOCH_MS, ExactTree
from benchmarks.accuracy.grids import Grid, load
from benchmarks.accuracy.nights import Place, draw_night
from benchmarks.accuracy.signals import NEVER_S, Heard
from geo.network import Float64
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.explanation import explain
from telemetry.inference_model import InferenceModel

TOWN = Grid("simbench", "1-MV-semiurb--0-sw", stars=True)
NIGHTS = ((PLAIN, 60.0), (FIELD_TERMINALS, 15.0))


@pytest.fixture(scope="module")
def town() -> Place:
    return Place(str(TOWN), load(TOWN))


@pytest.mark.parametrize(("condition", "at_s"), NIGHTS, ids=lambda value: getattr(value, "name", ""))
def test_what_is_published_is_what_is_measured(town: Place, condition: Condition, at_s: float) -> None:
    night = next(n for n in (draw_night(town, condition, 5, k) for k in range(50)) if _large(n.below))
    heard = night.signals.heard(at_s)
    judged = ExactTree(town.network).posterior(heard)
    now_ms = EPOCH_MS + int(at_s * 1000)

    detector = Detector(town.network, DetectorRules(InferenceModel()))
    detector.observe(_told(town, heard), now_ms)
    published = {revision.cause.element: revision for revision in detector.evaluate(now_ms, force=True)}

    edges, tree = town.network.edges.ids, judged.grid.tree
    causes = dict(zip((edges[tree.edge[cut]] for cut in judged.cuts), judged.class_probability, strict=True))
    common = set(published) & set(causes)
    assert common, "an outage was told"
    meter = town.network.meter_row
    for element in common:
        revision = published[element]
        assert revision.probability == pytest.approx(causes[element], abs=1e-4)
        view = detector.view(revision.outage_id)
        assert view is not None
        rows = [meter[each] for each in view.scene.network.meters.ids]
        live = view.posterior.meter_out_probability
        assert live == pytest.approx(judged.meter_out_probability[rows], abs=1e-9)
        told = {each.customer: each.out for each in explain(view.scene, view.posterior, revision).customers}
        owner = town.network.meters.customer
        judged_of = dict(
            zip((town.network.customers.ids[row] for row in owner), judged.meter_out_probability, strict=True)
        )
        assert told == pytest.approx({who: judged_of[who] for who in told}, abs=1e-4)


def _large(below: tuple[np.ndarray[tuple[int], np.dtype[np.int32]], ...]) -> bool:
    return any(len(meters) > 30 for meters in below)


def _told(town: Place, heard: Heard) -> Iterator[Evidence]:
    meters, terminals = town.network.meters.ids, town.network.terminals.ids
    yield from _said(EvidenceKind.ALIVE, meters, heard.meter_alive_s)
    yield from _said(EvidenceKind.POWER_OFF, meters, heard.meter_off_s)
    yield from _said(EvidenceKind.POWER_OFF, terminals, heard.terminal_off_s)


def _said(kind: EvidenceKind, devices: tuple[str, ...], at_s: Float64) -> Iterator[Evidence]:
    for row in np.flatnonzero(at_s != NEVER_S).tolist():
        at_ms = EPOCH_MS + int(at_s[row] * 1000)
        yield Evidence(kind, at_ms, at_ms, "", (devices[row],), f"{kind}/{devices[row]}")
