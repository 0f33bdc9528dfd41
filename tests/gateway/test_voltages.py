"""What voltages of a frame become: one word of all, or a word of each that misses a phase."""

import numpy as np
import pytest

from gateway.voltages import with_voltages
from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.phase_words import LOW, NORMAL, NOTHING, UNREAD, frame_words, lacking
from telemetry.readings import MISSING, ReadingBatch

NAMES = ("active_power_kw", "voltage_a_v", "voltage_b_v", "voltage_c_v")


def _batch(rows: list[tuple[float | None, ...]], names: tuple[str, ...] = NAMES) -> ReadingBatch:
    scaled = [[MISSING if cell is None else round(cell * 10) for cell in row] for row in rows]
    meters = tuple(f"m{n}" for n in range(len(rows)))
    return ReadingBatch(
        "t", "b", 1, 1_000, 2_000, meters, names, (1,) * len(names), np.array(scaled, np.int64)
    )


def _alive(batch: ReadingBatch, devices: tuple[str, ...] | None = None) -> tuple[Evidence, ...]:
    told = batch.meters if devices is None else devices
    return (Evidence(EvidenceKind.ALIVE, 1_000, 2_000, "t", told, "k/alive"),)


def _said(
    batch: ReadingBatch, evidence: tuple[Evidence, ...]
) -> list[tuple[str, tuple[str, ...], tuple[Volts, ...]]]:
    return [(row.kind.value, row.devices, row.volts) for row in with_voltages(batch, evidence)]


def test_a_good_frame_stays_one_row_with_the_least_of_all_voltages() -> None:
    batch = _batch([(1, 228.7, None, None), (1, 231.2, 225.9, 230.0)])
    assert _said(batch, _alive(batch)) == [("alive", ("m0", "m1"), ((228.0, 225.0, 230.0),))]


def test_a_meter_that_misses_a_phase_is_told_by_itself() -> None:
    batch = _batch([(1, 228.7, None, None), (1, 0.4, 225.9, 230.0), (1, 110.1, None, None), (1, 0, 0, 0)])
    told = _said(batch, _alive(batch))
    assert told == [
        ("alive", ("m3",), ()),
        ("alive", ("m0",), ((228.0, None, None),)),
        ("voltage", ("m1", "m2"), ((0.4, 225.9, 230.0), (110.1, None, None))),
    ]
    assert len({row.key for row in with_voltages(batch, _alive(batch))}) == 3


def test_silence_and_frames_without_voltages_stay_as_they_are() -> None:
    batch = _batch([(1.0,), (2.0,)], ("active_power_kw",))
    assert with_voltages(batch, _alive(batch)) == _alive(batch)
    batch = _batch([(None,) * 4, (1, 230, 230, 230)])
    silent = Evidence(EvidenceKind.SILENT, 1_000, 2_000, "t", ("m0",), "k/silent")
    assert with_voltages(batch, (silent,)) == (silent,)
    told = with_voltages(batch, (*_alive(batch, ("m1",)), silent))
    assert [(row.kind, row.volts) for row in told] == [
        (EvidenceKind.ALIVE, ((230.0, 230.0, 230.0),)), (EvidenceKind.SILENT, ()),
    ]  # fmt: skip


def test_said_twice_is_said_once() -> None:
    batch = _batch([(1, 230, 0, 230), (1, 230, 230, 230)])
    once = with_voltages(batch, _alive(batch))
    assert with_voltages(batch, once) == once


@pytest.mark.parametrize("seed", range(5))
def test_gateway_and_fold_judge_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    volts = np.round(rng.choice([0, 57.7, 110, 164.9, 165.1, 198, 230, np.nan], (200, 3)), 1)
    scaled = np.where(np.isnan(volts), MISSING, np.round(np.nan_to_num(volts) * 10)).astype(np.int64)
    words, floor = np.empty(200, np.int8), np.empty(3)
    frame_words(scaled, np.arange(3), np.full(3, 0.1), words, floor)
    low = lacking(volts, np.zeros(200, np.bool_))
    judged = ~np.isin(words, (UNREAD, NOTHING))
    assert ((words == LOW) == low)[judged].all()
    assert (words == NORMAL)[judged & ~low].all()
