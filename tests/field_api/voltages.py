"""Voltages of a day and a half on two transformers: who hangs on the same one rises and falls with it."""

import numpy as np
from numpy.typing import NDArray

from telemetry.downsampling import QUARTER_MS
from telemetry.ports import ReadingStore
from telemetry.readings import ReadingBatch

QUARTERS = 150


def store_voltages(readings: ReadingStore, end_ms: int) -> None:
    """M1 follows M3 and phase B of the other transformer, M2 nobody in particular."""
    rng = np.random.default_rng(5)
    east, west = rng.normal(0, 2, QUARTERS), rng.normal(0, 2, QUARTERS)
    second = rng.normal(0, 2, QUARTERS)
    phases = ("voltage_a_v", "voltage_b_v", "voltage_c_v")
    columns = {
        "M1": (west + second,), "M2": (east,), "M3": (west,), "M4": (west + rng.normal(0, 0.1, QUARTERS),),
        "TT1": (east, west + second, rng.normal(0, 2, QUARTERS)),
    }  # fmt: skip
    first_ms = end_ms - end_ms % QUARTER_MS - QUARTERS * QUARTER_MS
    frames = (("TT1", ("M1", "M2"), phases[:1]), ("TT2", ("M3", "M4"), phases[:1]), ("TT1", ("TT1",), phases))
    readings.write(
        [
            ReadingBatch(
                terminal, f"b{number}", seq, first_ms + seq * QUARTER_MS, end_ms, meters, names,
                (1,) * len(names), _tenths([[column[seq] for column in columns[meter]] for meter in meters]),
            )
            for seq in range(QUARTERS)
            for number, (terminal, meters, names) in enumerate(frames)
        ]
    )  # fmt: skip


def _tenths(offsets: list[list[float]]) -> NDArray[np.int64]:
    return np.round((230 + np.array(offsets)) * 10).astype(np.int64)
