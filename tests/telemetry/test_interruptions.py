"""REL-01, REL-07: the ledger counts an outage once, its steps by their time, nested ones as going on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

import pytest

from geo.network import Network
from telemetry.interruptions import (
    Absence,
    Ledger,
    equivalent_customers,
    ledger_indices,
    ledger_of,
    steps_of_absences,
)
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.reliability import MINUTE_MS, InterruptionCause, year_period
from telemetry.scope import OutageScope, scope_of, tree_of
from tests.telemetry.nights import ALL, FEEDER, T0, Night, under

YEAR = year_period(2025, UTC)
UNTIL_MS = T0 + 600 * MINUTE_MS


def _scope(revision: OutageRevision) -> tuple[Network, OutageScope]:
    return FEEDER, scope_of(FEEDER, tree_of(FEEDER, revision), revision)


def _ledger(*chains: Sequence[OutageRevision]) -> Ledger:
    return ledger_of(chains, _scope, UNTIL_MS)


def _chains(night: Night) -> list[list[OutageRevision]]:
    ids = dict.fromkeys(revision.outage_id for revision in night.revisions)
    return [[r for r in night.revisions if r.outage_id == identifier] for identifier in ids]


FIRST = OutageRevision(
    outage_id="O-1", revision=1, at_ms=T0 + 3_000, network_hash=FEEDER.content_hash, switches=(),
    state=OutageState.CONFIRMED, cause=Cause("LA", "line", ("LA",)), started_at_ms=T0, restored_at_ms=None,
    probability=1.0, cut=("LA",), restored=(), also_out=(), not_out=(), expected=16, low=16, high=16,
    reasons=(),
)  # fmt: skip


def _after(revision: OutageRevision, minutes: int, **changed: object) -> OutageRevision:
    at_ms = T0 + minutes * MINUTE_MS
    return replace(revision, revision=revision.revision + 1, at_ms=at_ms, **changed)  # type: ignore[arg-type]


def _closed(revision: OutageRevision, minutes: int) -> OutageRevision:
    at_ms = T0 + minutes * MINUTE_MS
    return _after(revision, minutes + 1, state=OutageState.RESTORED, restored_at_ms=at_ms, cut=())


def test_customers_are_out_from_the_start_to_the_return() -> None:
    ledger = _ledger([FIRST, _closed(FIRST, 40)])
    assert len(ledger.customers) == 16
    assert {(a.started_ms, a.ended_ms) for a in ledger.customers} == {(T0, T0 + 40 * MINUTE_MS)}
    assert {a.who for a in ledger.transformers} == {"TA1", "TA2"}


def test_a_return_in_steps_is_one_interruption_with_two_durations() -> None:
    step = f"returned_at={T0 + 20 * MINUTE_MS}"
    partly = _after(FIRST, 21, cut=("LA2",), reasons=(step,))
    ledger = _ledger([FIRST, partly, _closed(partly, 60)])
    steps = {(s.duration_ms // MINUTE_MS, s.customers) for s in steps_of_absences(ledger.customers)}
    assert steps == {(20, 8), (60, 8)}
    indices = ledger_indices(ledger, 48, 6, YEAR)
    assert indices["ieee1366"]["saifi"] == pytest.approx(16 / 48)
    assert indices["ieee1366"]["saidi_min"] == pytest.approx((8 * 20 + 8 * 60) / 48)
    assert indices["dlt836_medium_voltage"]["saifi_1"] == pytest.approx(2 / 6)


def test_a_scope_that_was_corrected_interrupted_nobody_else() -> None:
    too_wide = replace(FIRST, cut=("L0",), cause=Cause("L0", "line", ("L0",)))
    corrected = _after(too_wide, 1, cut=("LA",), cause=FIRST.cause)
    assert len(_ledger([too_wide, corrected, _closed(corrected, 40)]).customers) == 16


def test_a_nested_outage_goes_on_where_the_one_around_it_ended() -> None:
    nested = replace(FIRST, outage_id="O-2", at_ms=T0 + 41 * MINUTE_MS, cut=("LLA11",))
    ledger = _ledger([FIRST, _closed(FIRST, 40)], [nested, _closed(nested, 90)])
    durations = sorted((a.ended_ms - a.started_ms) // MINUTE_MS for a in ledger.customers)
    assert durations == [40] * 12 + [90] * 4


@pytest.mark.parametrize("state", [OutageState.RETRACTED, OutageState.MERGED])
def test_what_was_retracted_or_merged_counts_for_nothing(state: OutageState) -> None:
    assert _ledger([FIRST, _after(FIRST, 5, state=state, cut=())]).customers == ()


def test_what_is_open_lasts_until_now_once_it_was_confirmed() -> None:
    assert {a.ended_ms for a in _ledger([FIRST]).customers} == {UNTIL_MS}
    assert _ledger([replace(FIRST, state=OutageState.SUSPECTED)]).customers == ()


def test_planned_work_is_planned() -> None:
    planned = replace(FIRST, reasons=("planned=LA",))
    assert {a.cause for a in _ledger([planned]).customers} == {InterruptionCause.PLANNED}


def test_a_played_night_is_counted_once() -> None:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, ALL[::2], spread_s=0.1)
    night.power_up(600, under("B", "C"), spread_s=0.1)
    night.power_up(1200, under("A"), spread_s=0.1)
    night.play(1300)
    steps = steps_of_absences(ledger_of(_chains(night), _scope, T0 + 1_300_000).customers)
    assert {(s.duration_ms // 1000, s.customers) for s in steps} == {(590, 32), (1190, 16)}


def _absence(who: str, start: float, end: float) -> Absence:
    return Absence(
        who, T0 + round(start * MINUTE_MS), T0 + round(end * MINUTE_MS), InterruptionCause.FAULT, "O-1"
    )


@pytest.mark.parametrize(
    ("stretches", "events"),
    [
        ([(0, 1)], 1),
        ([(0, 1), (3, 4)], 1),
        ([(0, 1), (30, 31)], 2),
        ([(0, 1), (3, 60)], 0),
        ([(0, 60)], 0),
        ([(0, 60), (100, 101)], 1),
    ],
)
def test_momentary_events(stretches: list[tuple[float, float]], events: int) -> None:
    ledger = Ledger(tuple(_absence("C1", *stretch) for stretch in stretches), ())
    assert ledger_indices(ledger, 1, 1, YEAR)["ieee1366"]["maifi_e"] == events


def test_customers_with_more_than_n_interruptions() -> None:
    often = [_absence("C1", 100 * n, 100 * n + 10) for n in range(4)]
    ledger = Ledger((*often, _absence("C2", 0, 10), _absence("C3", 0, 1)), ())
    ieee = ledger_indices(ledger, 10, 1, YEAR)["ieee1366"]
    assert (ieee["cemi_1"], ieee["cemi_3"], ieee["cemi_5"]) == (0.1, 0.1, 0.0)


def test_equivalent_customers_are_distribution_transformers() -> None:
    assert equivalent_customers(FEEDER) == 6
