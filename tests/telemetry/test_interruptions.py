"""REL-01, REL-07: the ledger counts an outage once, its steps by their time, nested ones as going on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import Network
from telemetry.absences import Absences, account, single_customer_indices
from telemetry.interruptions import Ledger, ledger_of
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.reliability import CAUSE_NUMBER, MINUTE_MS, InterruptionCause, year_period
from telemetry.reliability_parts import Division, distribution_transformers, parts_of, report
from telemetry.scope import OutageScope, scope_of, tree_of
from tests.telemetry.nights import ALL, FEEDER, T0, Night, under

YEAR = year_period(2025, UTC)
UNTIL_MS = T0 + 600 * MINUTE_MS


def _scope(revision: OutageRevision) -> tuple[Network, OutageScope]:
    return FEEDER, scope_of(FEEDER, tree_of(FEEDER, revision), revision)


def _ledger(*chains: Sequence[OutageRevision]) -> Ledger:
    return ledger_of(FEEDER, chains, _scope, UNTIL_MS)


def _minutes(absences: Absences) -> list[int]:
    return sorted(((absences.ended_ms - absences.started_ms) // MINUTE_MS).tolist())


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
    assert set(ledger.customers.started_ms.tolist()) == {T0}
    assert _minutes(ledger.customers) == [40] * 16
    assert {ledger.edge_ids[who] for who in ledger.transformers.who} == {"TA1", "TA2"}


def test_a_return_in_steps_is_one_interruption_with_two_durations() -> None:
    step = f"returned_at={T0 + 20 * MINUTE_MS}"
    partly = _after(FIRST, 21, cut=("LA2",), reasons=(step,))
    ledger = _ledger([FIRST, partly, _closed(partly, 60)])
    assert _minutes(ledger.customers) == [20] * 8 + [60] * 8
    company = report(ledger, parts_of(FEEDER, Division.COMPANY, ledger), YEAR)
    assert company.ieee1366["saifi"][0] == pytest.approx(16 / 48)
    assert company.ieee1366["saidi_min"][0] == pytest.approx((8 * 20 + 8 * 60) / 48)
    assert company.dlt836_medium_voltage["saifi_1"][0] == pytest.approx(2 / 6)


def test_a_scope_that_was_corrected_interrupted_nobody_else() -> None:
    too_wide = replace(FIRST, cut=("L0",), cause=Cause("L0", "line", ("L0",)))
    corrected = _after(too_wide, 1, cut=("LA",), cause=FIRST.cause)
    assert len(_ledger([too_wide, corrected, _closed(corrected, 40)]).customers) == 16


def test_a_nested_outage_goes_on_where_the_one_around_it_ended() -> None:
    nested = replace(FIRST, outage_id="O-2", at_ms=T0 + 41 * MINUTE_MS, cut=("LLA11",))
    ledger = _ledger([FIRST, _closed(FIRST, 40)], [nested, _closed(nested, 90)])
    assert _minutes(ledger.customers) == [40] * 12 + [90] * 4


@pytest.mark.parametrize("state", [OutageState.RETRACTED, OutageState.MERGED])
def test_what_was_retracted_or_merged_counts_for_nothing(state: OutageState) -> None:
    assert _ledger([FIRST, _after(FIRST, 5, state=state, cut=())]).customers.who.size == 0


def test_what_is_open_lasts_until_now_once_it_was_confirmed() -> None:
    assert set(_ledger([FIRST]).customers.ended_ms.tolist()) == {UNTIL_MS}
    assert len(_ledger([replace(FIRST, state=OutageState.SUSPECTED)]).customers) == 0


def test_planned_work_is_planned() -> None:
    planned = replace(FIRST, reasons=("planned=LA",))
    causes = set(_ledger([planned]).customers.cause.tolist())
    assert causes == {CAUSE_NUMBER[InterruptionCause.PLANNED]}


def test_a_played_night_is_counted_once() -> None:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, ALL[::2], spread_s=0.1)
    night.power_up(600, under("B", "C"), spread_s=0.1)
    night.power_up(1200, under("A"), spread_s=0.1)
    night.play(1300)
    out = ledger_of(FEEDER, _chains(night), _scope, T0 + 1_300_000).customers
    seconds = sorted(((out.ended_ms - out.started_ms) // 1000).tolist())
    assert seconds == [590] * 32 + [1190] * 16


def _absences(*rows: tuple[int, float, float]) -> Absences:
    who, start, end = np.array(rows, np.float64).reshape(-1, 3).T
    started_ms, ended_ms = ((T0 + minutes * MINUTE_MS).astype(np.int64) for minutes in (start, end))
    none = np.zeros(len(who), np.int32)
    return Absences.of(who.astype(np.int32), started_ms, ended_ms, none.astype(np.int8), none, 10)


def _single(absences: Absences, served: float) -> dict[str, float]:
    table = single_customer_indices(absences, np.zeros(10, np.int32), np.array([served]), YEAR)
    return {name: float(values[0]) for name, values in table.items()}


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
    absences = _absences(*((0, start, end) for start, end in stretches))
    assert _single(absences, 1)["maifi_e"] == events


def test_customers_with_more_than_n_interruptions() -> None:
    often = [(0, 100.0 * n, 100.0 * n + 10) for n in range(4)]
    indices = _single(_absences(*often, (1, 0, 10), (2, 0, 1)), 10)
    assert (indices["cemi_1"], indices["cemi_3"], indices["cemi_5"]) == (0.1, 0.1, 0.0)


ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300), st.integers(0, 60)), max_size=40)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_joined_absences_cover_the_same_minutes_and_never_touch(rows: list[tuple[int, int, int]]) -> None:
    absences = _absences(*((who, start, start + length) for who, start, length in rows))
    for who in range(10):
        own = absences.of_one(who)
        minutes = {m for one, start, length in rows if one == who for m in range(start, start + length)}
        assert ((own.ended_ms - own.started_ms) // MINUTE_MS).sum() == len(minutes)
        assert (own.started_ms[1:] > own.ended_ms[:-1]).all()


def test_a_customers_account() -> None:
    """REL-08: how often, how long, why."""
    told = account(_absences((3, 0, 30), (3, 100, 160)).of_one(3), YEAR)
    assert (told.interruptions, told.hours) == (2, 1.5)
    assert told.by_cause == {"fault": (2, 1.5)}


def test_each_line_transformer_and_cell_by_itself() -> None:
    ledger = _ledger([FIRST, _closed(FIRST, 40)])
    for division, out in ((Division.TRANSFORMER, {"TA1", "TA2"}), (Division.LINE, None)):
        parts = parts_of(FEEDER, division, ledger)
        table = report(ledger, parts, YEAR).ieee1366
        hit = {parts.ids[n] for n in np.flatnonzero(np.nan_to_num(table["saifi"]) > 0)}
        assert out is None or hit == out
        assert np.nansum(table["customers_interrupted"]) == 16
        assert parts.customers.sum() == 48


def test_a_customer_of_a_former_network_keeps_a_number_of_their_own() -> None:
    gone = replace(FEEDER, customers=replace(FEEDER.customers, ids=tuple(
        identifier if row else "GONE" for row, identifier in enumerate(FEEDER.customers.ids)
    )), content_hash="0" * 16)  # fmt: skip
    everyone = replace(FIRST, cut=("L0",), network_hash=gone.content_hash)
    ledger = ledger_of(FEEDER, [[everyone]], lambda r: (gone, scope_of(gone, tree_of(gone, r), r)), UNTIL_MS)
    assert {ledger.customer_ids[who] for who in ledger.customers.who} >= {"GONE"}
    parts = parts_of(FEEDER, Division.COMPANY, ledger)
    assert report(ledger, parts, YEAR).ieee1366["customers_interrupted"].tolist() == [47, 1]


def test_medium_voltage_counts_distribution_transformers() -> None:
    assert distribution_transformers(FEEDER).sum() == 6
