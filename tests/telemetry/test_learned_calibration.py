"""Maps learned from outages that are over: what was told too surely is told less surely afterwards."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from telemetry.calibration import AS_SAID, worth
from telemetry.customer_evidence import CustomerEvidence
from telemetry.explanation import Explanation
from telemetry.learned_calibration import ENOUGH_CUSTOMERS, ENOUGH_ELEMENTS, told_of
from telemetry.lifecycle import SINGLE_REASON
from telemetry.outage_chains import Chain
from telemetry.outages import Cause, OutageRevision, OutageState

WHO = tuple(f"C{number}" for number in range(40))
BASE = OutageRevision(
    outage_id="", revision=1, at_ms=1, network_hash="n", switches=(), state=OutageState.SUSPECTED,
    cause=Cause("E", "line", ("E",)), started_at_ms=0, restored_at_ms=None, probability=0.5, cut=("E",),
    restored=(), also_out=(), not_out=(), expected=10.0, low=1, high=40, reasons=(),
)  # fmt: skip


def _chain(number: int, said: float, ended: OutageState, proved: str = "E") -> Chain:
    first = replace(BASE, outage_id=f"O-{number}", probability=said)
    widest = replace(
        first, revision=2, cause=Cause(proved, "line", (proved,)), expected=20.0, probability=0.999
    )
    return first, widest, replace(widest, revision=3, state=ended)


def _explanation(revision: OutageRevision, said: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Explanation:
    customers = tuple(
        CustomerEvidence(who, 0.5, float(p), None, None, None, None, "below_cut")
        for who, p in zip(WHO, said, strict=True)
    )
    return Explanation(
        revision.outage_id, revision.revision, 1, {}, 0.5, 0.5, (), (), 0.0, (), (), (), (), "", customers
    )


def _told(rng: np.random.Generator, outages: int) -> Iterator[tuple[Chain, Explanation, frozenset[str]]]:
    """Customers are out half as often as is said; causes prove right in half of all outages."""
    for number in range(outages):
        chain = _chain(number, 0.85, OutageState.RESTORED, "E" if number % 2 else "F")
        said = rng.random(len(WHO))
        out = frozenset(who for who, p in zip(WHO, said, strict=True) if rng.random() < p / 2)
        yield chain, _explanation(chain[0], said), out


def test_what_was_told_too_surely_is_told_less_surely() -> None:
    drawn = list(_told(np.random.default_rng(5), 320))
    by_outage = {chain[0].outage_id: (explanation, out) for chain, explanation, out in drawn}
    told = told_of(
        [chain for chain, _, _ in drawn],
        lambda revision: by_outage[revision.outage_id][0],
        lambda revision: by_outage[revision.outage_id][1],
    )
    assert told.outages == 320
    assert len(told.customers) > ENOUGH_CUSTOMERS
    moved = told.moved(AS_SAID)
    assert worth(np.array([0.4, 0.8]), moved.customers) == pytest.approx([0.2, 0.4], abs=0.06)
    assert worth(np.array([0.85]), moved.elements) == pytest.approx([0.5], abs=0.08)


def test_a_retracted_outage_was_told_of_nobody_truly() -> None:
    chain = _chain(1, 0.85, OutageState.RETRACTED)
    told = told_of([chain], lambda r: _explanation(r, np.full(len(WHO), 0.9)), lambda _: frozenset(WHO))
    assert told.customers == [(0.9, False)]
    assert {right for _, right in told.elements} == {False}


def test_what_lasts_single_meters_and_merged_ones_are_left_out() -> None:
    lasting, merged = _chain(1, 0.85, OutageState.CONFIRMED), _chain(2, 0.85, OutageState.MERGED)
    single = tuple(replace(r, reasons=(SINGLE_REASON,)) for r in _chain(3, 0.85, OutageState.RESTORED))
    told = told_of([lasting, merged, single], lambda _: None, lambda _: frozenset(WHO))
    assert told.outages == 2
    assert all(not right for _, right in told.elements), "of the merged one"
    assert not told.customers
    assert len(told.elements) < ENOUGH_ELEMENTS
    assert told.moved(AS_SAID) == AS_SAID
