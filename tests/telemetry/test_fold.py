"""The fold is one of a set: any order and repetition give the same observations (invariant 3, fault 15)."""

import random
from dataclasses import fields, replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.fold import Fold, carried_over, pack, unpack
from telemetry.observations import NEVER, Observations
from tests.telemetry.nights import ALL, FEEDER, T0, feeder

DEVICES = (*ALL[:6], "TT-A1", "TT-B2", "SEN-A", "LA", "CB", "CA111", "nobody")
TRIPLES: tuple[Volts, ...] = (
    (230.0, None, None), (230.0, 0.4, 229.0), (112.0, 231.0, 113.0), (None, 228.5, None), (110.0, 0.0, 0.0),
)  # fmt: skip
"""A good reading, lost phases, and what single-phase meters make of their other columns."""
EVIDENCE = st.builds(
    lambda kind, at, delay, device, source: _evidence(kind, at, (device,), delay, source),
    st.sampled_from(list(EvidenceKind)),
    st.integers(-60, 600),
    st.integers(0, 120),
    st.sampled_from(DEVICES),
    st.sampled_from(("TT-A1", "TT-C2", "file")),
)


def _evidence(
    kind: EvidenceKind, at_s: float, devices: tuple[str, ...], delay_s: float = 0, source: str = ""
) -> Evidence:
    volts = (TRIPLES[round(at_s * 7) % len(TRIPLES)],) * len(devices) if kind == "voltage" else ()
    at_ms = T0 + round(at_s * 1000)
    key = f"{kind}|{at_s}|{devices}|{delay_s}|{source}"
    return Evidence(kind, at_ms, at_ms + round(delay_s * 1000), source, devices, key, volts)


def _folded(evidence: list[Evidence]) -> Fold:
    fold = Fold(FEEDER)
    for row in evidence:
        fold.apply(row)
    return fold


def _same(one: Observations, other: Observations) -> bool:
    return all(_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@settings(max_examples=80, deadline=None)
@given(evidence=st.lists(EVIDENCE, max_size=40), seed=st.integers(0, 2**16))
def test_order_and_repetition_change_nothing(evidence: list[Evidence], seed: int) -> None:
    shuffled = evidence + evidence[::2]
    random.Random(seed).shuffle(shuffled)
    assert _same(_folded(evidence).observations, _folded(shuffled).observations)


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (EvidenceKind.POWER_OFF, "meter_off_ms"),
        (EvidenceKind.POWER_ON, "meter_alive_ms"),
        (EvidenceKind.ALIVE, "meter_alive_ms"),
        (EvidenceKind.VOLTAGE, "meter_alive_ms"),
        (EvidenceKind.SILENT, "meter_silent_ms"),
    ],
)
def test_each_kind_lands_in_its_cells(kind: EvidenceKind, cells: str) -> None:
    fold = _folded([_evidence(kind, 5, ("A112", "A114"))])
    instants = getattr(fold.observations, cells)
    told = {ALL[row] for row in np.flatnonzero(instants != NEVER)}
    assert told == {"A112", "A114"}
    assert set(instants[instants != NEVER]) == {T0 + 5000}


def test_a_switch_speaks_through_its_sensor_or_by_its_own_id() -> None:
    fold = _folded([_evidence(EvidenceKind.SWITCH_OPEN, 5, ("SEN-A",)),
                    _evidence(EvidenceKind.FAULT_PASSAGE, 6, ("LB",))])  # fmt: skip
    seen = fold.observations
    assert seen.edge_open_ms[FEEDER.edge_row["SA"]] == T0 + 5000
    assert seen.edge_fault_passage_ms[FEEDER.edge_row["LB"]] == T0 + 6000


def test_a_call_is_about_all_meters_of_the_customer() -> None:
    fold = _folded([_evidence(EvidenceKind.CALL, 5, ("CA111",))])
    assert np.flatnonzero(fold.observations.meter_call_ms != NEVER).tolist() == [FEEDER.meter_row["A111"]]


def test_a_reading_frame_proves_that_its_terminal_lives_and_a_last_gasp_does_not() -> None:
    row = FEEDER.terminal_row["TT-A1"]
    alive = _folded([_evidence(EvidenceKind.ALIVE, 5, ("A111",), source="TT-A1")])
    gasp = _folded([_evidence(EvidenceKind.POWER_OFF, 5, ("A111",), source="TT-A1")])
    assert alive.observations.terminal_alive_ms[row] == T0 + 5000
    assert gasp.observations.terminal_alive_ms[row] == NEVER


@pytest.mark.parametrize(
    ("volts", "cells"), [((0.4, 0.0, None), "meter_off_ms"), ((0.0, 118.0, None), "meter_alive_ms")]
)
def test_zero_volts_on_all_phases_is_off_and_any_living_phase_is_life(volts: Volts, cells: str) -> None:
    row = Evidence(EvidenceKind.VOLTAGE, T0, T0, "", ("A111",), "k", (volts,))
    assert getattr(_folded([row]).observations, cells)[FEEDER.meter_row["A111"]] == T0


@pytest.mark.parametrize("off_by_s", [601, -31 * 86_400, 3 * 86_400])
def test_a_clock_that_cannot_be_right_is_replaced_by_the_receipt(off_by_s: int) -> None:
    fold = _folded([_evidence(EvidenceKind.POWER_OFF, off_by_s, ("A111",), delay_s=-off_by_s)])
    assert fold.observations.meter_off_ms[FEEDER.meter_row["A111"]] == T0
    assert fold.wrong_clocks == 1


def test_a_backlog_of_hours_keeps_its_times() -> None:
    fold = _folded([_evidence(EvidenceKind.POWER_OFF, 0, ("A111",), delay_s=6 * 3600)])
    assert fold.observations.meter_off_ms[FEEDER.meter_row["A111"]] == T0
    assert fold.wrong_clocks == 0


def test_unknown_devices_are_counted_and_named() -> None:
    fold = _folded([_evidence(EvidenceKind.ALIVE, 0, ("nobody", "A111", "ghost"))] * 2)
    assert fold.unknown_count == 4
    assert fold.unknown == {"nobody": 2, "ghost": 2}


def test_the_first_proof_of_life_after_the_last_gasp_is_kept() -> None:
    fold = _folded([_evidence(kind, at, ("A111",)) for kind, at in (
        (EvidenceKind.ALIVE, 0), (EvidenceKind.POWER_OFF, 10), (EvidenceKind.ALIVE, 90),
        (EvidenceKind.POWER_ON, 60), (EvidenceKind.ALIVE, 120))])  # fmt: skip
    assert fold.return_ms[FEEDER.meter_row["A111"]] == T0 + 60_000


def test_a_snapshot_comes_back_whole() -> None:
    fold = _folded(
        [_evidence(EvidenceKind.POWER_OFF, 10, ALL[:9]), _evidence(EvidenceKind.ALIVE, 20, ALL[:4])]
    )
    known = unpack(pack(fold.known))
    assert _same(known.observations, fold.observations)
    assert np.array_equal(known.return_ms, fold.return_ms)


@pytest.mark.parametrize("body", [b"", b"PK\3\4 not a zip", bytes(100)])
def test_a_damaged_snapshot_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        unpack(body)


def test_what_was_known_moves_to_the_rows_of_a_new_network() -> None:
    fold = _folded([_evidence(EvidenceKind.POWER_OFF, 10, ("A111", "B213")),
                    _evidence(EvidenceKind.SWITCH_OPEN, 11, ("SB",))])  # fmt: skip
    new = feeder(skip_meters=3)
    carried = carried_over(fold.known, FEEDER, new).observations
    assert np.flatnonzero(carried.meter_off_ms != NEVER).tolist() == [new.meter_row["B213"]]
    assert carried.edge_open_ms[new.edge_row["SB"]] == T0 + 11_000


@settings(max_examples=80, deadline=None)
@given(evidence=st.lists(EVIDENCE, max_size=40))
def test_a_batch_is_worth_its_rows(evidence: list[Evidence]) -> None:
    at_once = Fold(FEEDER)
    news = at_once.take(evidence)
    # One by one the first life after a loss is known only when the loss came first.
    losses = (EvidenceKind.POWER_OFF, EvidenceKind.VOLTAGE)
    one_by_one = _folded(sorted(evidence, key=lambda row: row.kind not in losses))
    assert _same(at_once.observations, one_by_one.observations)
    assert np.array_equal(at_once.return_ms, one_by_one.return_ms)
    assert np.array_equal(at_once.power_up_ms, one_by_one.power_up_ms)
    told = {FEEDER.meters.ids[row] for row in (*news.loud.meters, *news.calm.meters)}
    assert told <= {*DEVICES}


def test_a_meter_without_capacitor_is_known_by_its_column_and_the_new_version_says_so_anew() -> None:
    told = tuple("0" if n == 3 else "" for n in range(len(ALL)))
    network = replace(FEEDER, meters=replace(FEEDER.meters, extra={"last_gasp": told}))
    fold = Fold(network)
    assert np.flatnonzero(~fold.observations.meter_can_gasp).tolist() == [3]
    assert carried_over(fold.known, network, FEEDER).observations.meter_can_gasp.all()


def test_voltages_keep_the_newest_triple_whatever_the_order() -> None:
    def voltage(at_s: float, volts: Volts) -> Evidence:
        at_ms = T0 + round(at_s * 1000)
        return Evidence(EvidenceKind.VOLTAGE, at_ms, at_ms, "", (ALL[0],), f"v{at_s}{volts}", (volts,))

    rows = [
        voltage(1, (230.0, 230.0, 230.0)), voltage(3, (0.5, 231.0, 229.0)), voltage(2, (230.0, 1.0, 230.0)),
        voltage(3, (0.4, 232.0, 229.0)),
    ]  # fmt: skip
    network = replace(FEEDER, meters=replace(FEEDER.meters, phases=np.full(len(ALL), 7, np.int8)))
    for order in permutations(rows):
        seen = Fold(network)
        for row in (*order, order[0]):
            seen.apply(row)
        assert seen.observations.meter_volts[0].tolist() == pytest.approx([0.4, 231.0, 229.0])
        assert seen.observations.meter_low_ms[0] == T0 + 3000
        assert seen.observations.meter_normal_ms[0] == T0 + 1000
