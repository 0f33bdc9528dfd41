"""Indices of a year of 10 million customers: joining absences, both standards, CEMI and MAIFI_E, by parts.

The rival is the same question asked of pandas (group by customer, join what touches, count); the floor is one
stable sort of as many numbers.
"""

import resource
import time
from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.record import record
from telemetry.absences import Absences, single_customer_indices
from telemetry.reliability import (
    HOUR_MS,
    IEEE_MOMENTARY_MS,
    Int32,
    Int64,
    Totals,
    dlt836,
    ieee1366,
    year_period,
)

SEED: Final = 20260101
YEAR: Final = year_period(2026, UTC)
SIZES: Final = (1_000_000, 10_000_000)
PER_CUSTOMER: Final = 1.5
LINES, TRANSFORMERS = 4_000, 100_000
Columns = tuple[Int32, Int64, Int64]
Answer = TypeVar("Answer")


def run() -> None:
    rows = [row for customers in SIZES for row in _measured(customers)]
    notes = [
        "1.5 absences a customer; outages of 9 customers in the median with a long tail; a tenth are nested.",
        "The pandas answer is compared with ours: equal SAIFI and SAIDI.",
        f"Peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB.",
    ]
    record(
        "reliability_scale", "Reliability indices of a year", {"Seconds": rows}, notes, ("numpy", "pandas")
    )


def _measured(customers: int) -> list[dict[str, str | int | float | None]]:
    who, started, ended = _drawn(customers, np.random.default_rng(SEED))
    none = np.zeros(len(who), np.int32)
    small = Absences.of(who[:10], started[:10], ended[:10], none[:10].astype(np.int8), none[:10], customers)
    single_customer_indices(small, np.zeros(customers, np.int32), np.ones(1), YEAR)  # compiled before
    floor_s, _ = _timed(lambda: np.argsort(started, kind="stable"))
    join_s, absences = _timed(lambda: Absences.of(who, started, ended, none.astype(np.int8), none, customers))
    found = [("floor: one stable sort of the starts", floor_s), ("join what touches", join_s)]
    for name, parts in (
        ("company", 1),
        (f"{LINES:,} lines", LINES),
        (f"{TRANSFORMERS:,} areas", TRANSFORMERS),
    ):
        seconds, table = _timed(partial(_indices, absences, customers, parts))
        found.append((f"both standards, CEMI, MAIFI_E by {name}", seconds))
        if parts == 1:
            ours = table
    rival_s, theirs = _timed(lambda: _by_pandas(who, started, ended, customers))
    found.append(("pandas, SAIFI and SAIDI of the company only", rival_s))
    assert np.allclose([ours["saifi"][0], ours["saidi_min"][0]], theirs)
    return [
        {"customers": customers, "absences": len(who), "step": step, "s": s, "of the floor": s / floor_s}
        for step, s in found
    ]


def _timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _indices(absences: Absences, customers: int, parts: int) -> dict[str, NDArray[np.float64]]:
    label = (np.arange(customers, dtype=np.int64) * parts // customers).astype(np.int32)
    served = np.bincount(label, minlength=parts).astype(np.float64)
    totals = Totals.of(absences.episodes(label), served, YEAR)
    single = single_customer_indices(absences, label, served, YEAR)
    return ieee1366(totals) | dlt836(totals) | single


def _drawn(customers: int, rng: np.random.Generator) -> Columns:
    """Neighbouring customers out together; every tenth outage is followed by a nested one that touches it."""
    sizes = np.maximum(1, rng.lognormal(2.2, 2.2, customers // 20)).astype(np.int64)
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), int(PER_CUSTOMER * customers))]
    first = rng.integers(0, customers, len(sizes))
    begin = rng.integers(YEAR.start_ms, YEAR.end_ms, len(sizes))
    lasts = rng.lognormal(np.log(169 * 60_000), 1.2, len(sizes)).astype(np.int64)
    nested = np.flatnonzero(rng.random(len(sizes) - 1) < 0.1) + 1
    first[nested], begin[nested] = first[nested - 1], begin[nested - 1] + lasts[nested - 1]
    outage = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(outage)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    who = ((first[outage] + within) % customers).astype(np.int32)
    return who, begin[outage], begin[outage] + lasts[outage]


def _by_pandas(who: Int32, started: Int64, ended: Int64, customers: int) -> tuple[float, float]:
    frame = pd.DataFrame({"who": who, "started": started, "ended": ended}).sort_values(["who", "started"])
    reach = frame.groupby("who")["ended"].cummax().groupby(frame["who"]).shift()
    stretch = (~(frame["started"] <= reach)).cumsum()
    whole = frame.groupby(stretch).agg(started=("started", "min"), ended=("ended", "max"))
    long = whole[whole["ended"] - whole["started"] > IEEE_MOMENTARY_MS]
    inside = long["ended"].clip(upper=YEAR.end_ms) - long["started"].clip(lower=YEAR.start_ms)
    begun = (long["started"] >= YEAR.start_ms) & (long["started"] < YEAR.end_ms)
    return begun.sum() / customers, inside.clip(lower=0).sum() / HOUR_MS * 60 / customers
