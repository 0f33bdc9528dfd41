"""Scopes of many revisions: trees are kept by switch positions, jumpers in the field among them."""

from dataclasses import replace

import numpy as np

from geo.standing import jumper_id
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.scope import scope_of, tree_of
from telemetry.scopes import TREES_KEPT, Scopes
from tests.telemetry.nights import FEEDER

LOST = OutageRevision(
    outage_id="O-1", revision=1, at_ms=0, network_hash=FEEDER.content_hash, switches=(),
    state=OutageState.CONFIRMED, cause=Cause("LC2", "line", ("LC2",)), started_at_ms=0, restored_at_ms=None,
    probability=1.0, cut=("LC2",), restored=(), also_out=(), not_out=(),
    expected=8, low=8, high=8, reasons=(),
)  # fmt: skip
FED_OVER_A_JUMPER = (("SA", False), (jumper_id("PA2", "PC2"), True))


def _customers(revision: OutageRevision) -> set[str]:
    return {FEEDER.customers.ids[row] for row in Scopes(FEEDER).of(revision).customer_rows}


def test_who_is_fed_over_a_jumper_goes_out_with_what_feeds_it() -> None:
    behind = {c for c in FEEDER.customers.ids if c.startswith("CC2")}
    assert _customers(LOST) == behind
    lateral = {c for c in FEEDER.customers.ids if c.startswith("CA")}
    assert _customers(replace(LOST, switches=FED_OVER_A_JUMPER)) == behind | lateral


def test_every_positions_have_their_own_tree_however_many_were_asked_for() -> None:
    scopes = Scopes(FEEDER)
    wanted = [replace(LOST, switches=((f"unknown-{n}", True),)) for n in range(TREES_KEPT + 1)]
    for revision in (*wanted, LOST, replace(LOST, switches=FED_OVER_A_JUMPER), *wanted):
        alone = scope_of(FEEDER, tree_of(FEEDER, revision), revision)
        assert np.array_equal(scopes.of(revision).customer_rows, alone.customer_rows)
