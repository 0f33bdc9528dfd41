"""What outages that are over teach of the probabilities that were told of them.

Of every outage that is over it is known what it came to: who was out at its widest, or that nobody was. So
each probability that was told while it lasted, of a customer or of the cause, proved true or did not.
Probabilities of one outage stand and fall together: of each one revision is asked, one answer per tenth.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from telemetry.calibration import Calibration, Knots, Said, chained, one_a_band, paired
from telemetry.calibration_fit import GROUPS, fitted
from telemetry.explanation import Explanation
from telemetry.lifecycle import SINGLE_REASON
from telemetry.outage_chains import Chain
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState

ENOUGH_CUSTOMERS: Final = 1_000
ENOUGH_ELEMENTS: Final = 300
"""Fewer answers move no map: the tenths of one hundred answers are off by ten per cent by chance alone."""
CASES_A_KNOT: Final = 50

CustomersOut = Callable[[OutageRevision], frozenset[str]]
"""Who is out by a revision."""
Explained = Callable[[OutageRevision], Explanation | None]


@dataclass(slots=True)
class Told:
    """What was told, and whether it proved so."""

    customers: list[tuple[float, bool]] = field(default_factory=list)
    elements: list[tuple[float, bool]] = field(default_factory=list)
    outages: int = 0

    def moved(self, today: Calibration) -> Calibration:
        """The maps that told these probabilities, put right where there were enough of them."""
        return Calibration(
            _moved(today.customers, self.customers, ENOUGH_CUSTOMERS),
            _moved(today.elements, self.elements, ENOUGH_ELEMENTS),
        )


def told_of(chains: Iterable[Chain], explained: Explained, out: CustomersOut) -> Told:
    """Of all outages that are over; of single meters and phases no element's probability is asked."""
    told = Told()
    for chain in chains:
        held = [revision for revision in chain if revision.state in OPEN_STATES]
        if chain[-1].state in OPEN_STATES or not held:
            continue
        rng = np.random.default_rng(zlib.crc32(chain[-1].outage_id.encode()))
        real = chain[-1].state is OutageState.RESTORED
        widest = max(held, key=lambda revision: revision.expected)
        told.outages += 1
        told.elements += _causes(held, widest if real else None, rng)
        asked = held[int(rng.integers(len(held)))]
        # What proved to be part of another outage says nothing of its customers: they were out.
        if chain[-1].state is not OutageState.MERGED and (explanation := explained(asked)) is not None:
            told.customers += _customers(explanation, out(widest) if real else frozenset(), rng)
    return told


def _causes(
    held: Sequence[OutageRevision], proved: OutageRevision | None, rng: np.random.Generator
) -> list[tuple[float, bool]]:
    whole = [one for one in held if not one.phases and SINGLE_REASON not in one.reasons]
    said = np.array([one.probability for one in whole], dtype=np.float64)
    true = set(proved.cause.equivalent) if proved is not None else set()
    right = np.array([set(one.cause.equivalent) == true for one in whole], dtype=np.bool_)
    return paired(said, right, one_a_band(said, rng))


def _customers(
    explanation: Explanation, truly: frozenset[str], rng: np.random.Generator
) -> list[tuple[float, bool]]:
    said = np.array([one.out for one in explanation.customers], dtype=np.float64)
    right = np.array([one.customer in truly for one in explanation.customers], dtype=np.bool_)
    return paired(said, right, one_a_band(said, rng))


def _moved(today: Knots, said: Said, enough: int) -> Knots:
    if len(said) < enough:
        return today
    return chained(today, fitted(said, min(GROUPS, len(said) // CASES_A_KNOT)))
