"""Voltages of readings become evidence: one word of all where no phase is missing, else single ones.

``alive`` with one triple says that none of its devices read less, phase by phase; a meter that misses a phase
is told by itself, with what it reads. So a missing phase reaches the detector with the frame that shows it,
and its return with the first good one, while a good frame costs one small row as before.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gateway.frames import Decoded
from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.phase_words import LOW, NORMAL, frame_words
from telemetry.readings import MISSING, ReadingBatch

_PHASES = ("voltage_a_v", "voltage_b_v", "voltage_c_v")
_Columns = tuple[NDArray[np.int64], NDArray[np.float64]]


def voltages_told(decoded: Decoded) -> Decoded:
    """A frame of any door with the voltages of its batches among its evidence."""
    evidence = decoded.evidence
    for batch in decoded.batches:
        evidence = with_voltages(batch, evidence)
    return decoded if evidence is decoded.evidence else replace(decoded, evidence=evidence)


def with_voltages(batch: ReadingBatch, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The evidence of a frame, its ``alive`` divided by what the voltages of the batch say."""
    found = _columns(batch.quantities, batch.decimals)
    if found is None or not batch.meters or any(row.volts for row in evidence):
        return evidence
    words, floor = np.empty(len(batch.meters), np.int8), np.empty(3)
    usual = frame_words(batch.scaled, *found, words, floor)
    told: list[Evidence] = []
    for row in evidence:
        if row.kind is not EvidenceKind.ALIVE or row.at_ms != batch.at_ms:
            told.append(row)
        elif usual and row.devices is batch.meters:
            told.append(
                Evidence(
                    row.kind, row.at_ms, row.received_ms, row.source, row.devices, row.key, (_volts(floor),)
                )
            )
        else:
            told.extend(_divided(row, batch, words, floor, found))
    return tuple(told)


def _divided(
    row: Evidence, batch: ReadingBatch, words: NDArray[np.int8], floor: NDArray[np.float64], found: _Columns
) -> Iterable[Evidence]:
    place = {meter: n for n, meter in enumerate(batch.meters)}
    word = {device: int(words[place[device]]) for device in row.devices if device in place}
    normal = tuple(device for device in row.devices if word.get(device) == NORMAL)
    low = tuple(device for device in row.devices if word.get(device) == LOW)
    rest = tuple(device for device in row.devices if word.get(device) not in {NORMAL, LOW})
    if rest:
        yield replace(row, devices=rest)
    if normal:
        key = f"{row.key}/normal" if rest else row.key
        yield replace(row, devices=normal, key=key, volts=(_volts(floor),))
    if low:
        triples = tuple(_volts(_triple(batch.scaled[place[device]], found)) for device in low)
        key = f"{row.key}/voltage"
        yield replace(row, kind=EvidenceKind.VOLTAGE, devices=low, key=key, volts=triples)


def _triple(values: NDArray[np.int64], found: _Columns) -> NDArray[np.float64]:
    columns, volt = found
    raw = values[np.maximum(columns, 0)]
    read: NDArray[np.float64] = np.where((columns >= 0) & (raw != MISSING), np.round(raw * volt, 3), np.nan)
    return read


def _volts(triple: NDArray[np.float64]) -> Volts:
    a, b, c = (None if value != value else value for value in triple.tolist())  # noqa: PLR0124 (NaN)
    return a, b, c


@lru_cache(maxsize=1024)
def _columns(quantities: tuple[str, ...], decimals: tuple[int, ...]) -> _Columns | None:
    """Where the three voltages stand and what one unit of them is; None where there are none."""
    columns = [quantities.index(name) if name in quantities else -1 for name in _PHASES]
    if max(columns) < 0:
        return None
    volt = [10.0 ** -decimals[column] if column >= 0 else 0.0 for column in columns]
    return np.array(columns, np.int64), np.array(volt)
