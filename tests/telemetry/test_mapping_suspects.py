"""Records that outages contradict, and voltages that tell where a meter hangs (INT-05)."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from telemetry.mapping_suspects import suspects, wrong_areas
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.readings import Quality, Reading
from telemetry.scope import OutageScope, scope_of, tree_of
from telemetry.voltage_matching import better_place, fits, sampled
from tests.telemetry.nights import FEEDER


def _outage(name: str, cut: str, also_out: Sequence[str] = (), not_out: Sequence[str] = ()) -> OutageRevision:
    return OutageRevision(
        outage_id=name, revision=1, at_ms=0, network_hash=FEEDER.content_hash, switches=(),
        state=OutageState.CONFIRMED, cause=Cause(cut, "line", (cut,)), started_at_ms=0, restored_at_ms=None,
        probability=1.0, cut=(cut,), restored=(), also_out=tuple(also_out), not_out=tuple(not_out),
        expected=8, low=8, high=8, reasons=(),
    )  # fmt: skip


def _scope(revision: OutageRevision) -> OutageScope:
    return scope_of(FEEDER, tree_of(FEEDER, revision), revision)


def test_two_outages_narrow_down_where_a_customer_hangs() -> None:
    """C111 is recorded at TC1, was out with all of A, out with A2 alone, and lived while C1 was dead."""
    nights = [
        _outage("O-1", "LA", also_out=["CC111"]),
        _outage("O-2", "TA2", also_out=["CC111"]),
        _outage("O-3", "TC1", not_out=["CC111"]),
    ]
    (one,) = suspects(FEEDER, nights, _scope)
    assert (one.customer, one.transformer, one.sure) == ("CC111", "TC1", True)
    assert [(place.transformer, place.outages) for place in one.candidates] == [("TA2", 2), ("TA1", 1)]
    assert one.contradicted == ("O-1", "O-2", "O-3")
    assert wrong_areas([one]) == (("TC1", 1),)


def test_a_record_that_was_corrected_is_contradicted_no_more() -> None:
    """Both were out, and lived, just as the record of today would have it."""
    assert suspects(FEEDER, [_outage("O-1", "TC1", also_out=["CC111"])], _scope) == ()
    assert suspects(FEEDER, [_outage("O-2", "TA2", not_out=["CC111"])], _scope) == ()


def test_what_was_dead_while_they_lived_is_no_place_for_them() -> None:
    nights = [_outage("O-1", "LA", also_out=["CC111"]), _outage("O-2", "TA2", not_out=["CC111"])]
    (one,) = suspects(FEEDER, nights, _scope)
    assert [place.transformer for place in one.candidates] == ["TA1"]


def test_an_outage_below_a_transformer_speaks_of_its_area() -> None:
    (one,) = suspects(FEEDER, [_outage("O-1", "LLB11", also_out=["CC111"])], _scope)
    assert [place.transformer for place in one.candidates] == ["TB1"]
    assert not one.sure


def test_outages_that_fit_the_records_raise_nothing() -> None:
    assert suspects(FEEDER, [_outage("O-1", "LA")], _scope) == ()


DAYS = 3
TIMES = DAYS * 96


def _area(seed: int, meters: int = 5) -> NDArray[np.float64]:
    """Voltages of one busbar with each meter's own drop and noise."""
    rng = np.random.default_rng(seed)
    bus = 225 + np.cumsum(rng.normal(0, 0.4, TIMES))
    return bus - rng.uniform(0, 6, (meters, 1)) + rng.normal(0, 0.3, (meters, TIMES))


@pytest.mark.parametrize("seed", range(5))
def test_a_meter_follows_the_voltage_of_its_own_transformer(seed: int) -> None:
    home, other = _area(seed), _area(seed + 100)
    found = fits(home[0], {"T1": other, "T2": home[1:]})
    assert [fit.place for fit in found] == ["T2", "T1"]
    best = better_place("T1", found)
    assert best is not None
    assert best.place == "T2"
    assert better_place("T2", found) is None


def test_too_few_readings_say_nothing() -> None:
    home = _area(1)
    own = home[0].copy()
    own[90:] = np.nan
    assert fits(own, {"T1": home[1:]}) == ()
    assert better_place("T1", ()) is None


def test_gaps_are_left_out() -> None:
    home = _area(2)
    home[:, ::7] = np.nan
    (fit,) = fits(home[0], {"T1": home[1:]})
    assert fit.correlation > 0.5
    assert fit.times < TIMES


def test_readings_are_laid_on_quarters_without_the_doubtful() -> None:
    def reading(quarter: int, volts: str, doubt: Quality = Quality.GOOD) -> Reading:
        doubts = {"voltage_a_v": doubt} if doubt else {}
        return Reading("M", "T", quarter * 900_000 + 5, 0, {"voltage_a_v": Decimal(volts)}, doubts)

    rows = [reading(0, "220.1"), reading(2, "221"), reading(3, "500", Quality.OUT_OF_RANGE), reading(9, "1")]
    row = sampled(rows, "voltage_a_v", 0, 4)
    assert row[[0, 2]].tolist() == [220.1, 221.0]
    assert np.isnan(row[[1, 3]]).all()
