"""What probabilities have proved to be worth: of "this customer is out", and of "this element failed".

The posterior is exact for its model, and no model is the world. Of many answers as confident as this one, so
many came true: that share, made monotone (isotonic regression) and linear between a few knots, is what people
are told. The maps that ship are fitted by ``python -m benchmarks.fit_calibration`` on nights of other seeds
than any result is measured on; a site with enough confirmed outages fits its own (``gridcrew outage learn``).

What the system *does* is decided on the posterior as it is (P(place dead) opens and retracts), so that a new
fit changes what is said of an outage, never which outages there are.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from geo.network import Bool, Float64

Knots = tuple[tuple[float, float], ...]
"""(said, came true), both ascending; empty: as said."""
Said = Sequence[tuple[float, bool]]
"""Probabilities that were said, and whether it was so."""

BANDS: Final = 10
LEAST_SAID: Final = 0.01
"""Below this nothing is in question: nearly all customers are, on any night, and all of them rightly."""
DIGITS: Final = 6
_FILE: Final = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The two maps."""

    customers: Knots = ()
    """Of P(a customer is out)."""
    elements: Knots = ()
    """Of P(a topmost cut lies among elements that put the same customers out)."""


AS_SAID: Final = Calibration()


@cache
def shipped() -> Calibration:
    """That of ``calibration.toml`` beside this module."""
    return parsed(tomllib.loads(_FILE.read_text(encoding="utf-8")))


def worth(said: Float64, knots: Knots) -> Float64:
    """What so confident answers have proved to be worth, between the knots."""
    if not knots:
        return said
    both = np.array(knots)
    proved: Float64 = np.interp(said, both[:, 0], both[:, 1])
    return proved


def chained(first: Knots, then: Knots) -> Knots:
    """One map for both, the first applied first: what was said was said through a map already."""
    if not first or not then:
        return first or then
    at = np.unique(
        np.round([said for said, _ in first] + [_said_for(first, proved) for proved, _ in then], DIGITS)
    )
    values = np.round(worth(worth(at, first), then), DIGITS)
    return tuple((float(said), float(proved)) for said, proved in zip(at, values, strict=True))


def _said_for(knots: Knots, proved: float) -> float:
    """The least that is said where so much proves true."""
    both = np.array(knots)
    rising = np.concatenate(([True], np.diff(both[:, 1]) > 0))
    return float(np.interp(proved, both[rising, 1], both[rising, 0]))


def one_a_band(said: Float64, rng: np.random.Generator) -> list[int]:
    """Rows of one answer in question per tenth: those of one night stand and fall together."""
    band = np.minimum((said * BANDS).astype(np.int64), BANDS - 1)
    band[said < LEAST_SAID] = -1
    inside = (np.flatnonzero(band == number) for number in range(BANDS))
    return [int(rng.choice(rows)) for rows in inside if len(rows)]


def paired(said: Float64, truth: Bool, rows: Iterable[int]) -> list[tuple[float, bool]]:
    """What was said of these rows, and whether it was so."""
    return [(float(said[row]), bool(truth[row])) for row in rows]


def parsed(document: Mapping[str, object]) -> Calibration:
    """From a TOML document. Raises ValueError naming the map that is wrong."""
    return Calibration(*(_knots(name, document.get(name, [])) for name in ("customers", "elements")))


def _knots(name: str, found: object) -> Knots:
    try:
        both = np.array(found, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        both = np.full((1, 2), np.nan)
    rising = np.all(np.diff(both[:, 0]) > 0) and np.all(np.diff(both[:, 1]) >= 0)
    if not rising or not np.all((both >= 0) & (both <= 1)):
        raise ValueError(f"{name}: expected [[said, came true], …], both from 0 to 1 and ascending")
    return tuple((float(said), float(proved)) for said, proved in both)


def written(calibration: Calibration, remarks: Sequence[str]) -> str:
    """The TOML document."""
    lines = [*(f"# {remark}" for remark in remarks), "# each knot: said, came true"]
    for name, knots in (("customers", calibration.customers), ("elements", calibration.elements)):
        rows = (f"    [{said:.{DIGITS}f}, {proved:.{DIGITS}f}]," for said, proved in knots)
        lines += [f"{name} = [", *rows, "]"] if knots else [f"{name} = []"]
    return "\n".join(lines) + "\n"
