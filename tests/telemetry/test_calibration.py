"""What probabilities are worth: found again where it is known, kept in one file, refused by name."""

import tomllib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.calibration import (
    AS_SAID,
    Calibration,
    Knots,
    chained,
    one_a_band,
    parsed,
    shipped,
    worth,
    written,
)
from telemetry.calibration_fit import fitted

TWICE: Knots = ((0.0, 0.0), (0.5, 1.0), (1.0, 1.0))
SQUARE: Knots = tuple((each / 20, round((each / 20) ** 2, 4)) for each in range(21))


def test_a_known_overconfidence_is_found_again() -> None:
    rng = np.random.default_rng(1)
    said = rng.random(40_000)
    found = fitted([(float(p), bool(rng.random() < p * p)) for p in said])
    assert worth(np.array([0.2, 0.5, 0.9]), found) == pytest.approx([0.04, 0.25, 0.81], abs=0.03)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=200))
def test_a_fit_never_orders_answers_anew(said: list[tuple[float, bool]]) -> None:
    knots = fitted(said)
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots))
    assert all(0 <= proved <= 1 for _, proved in knots)
    assert not knots or (knots[0], knots[-1][0]) == ((0.0, 0.0), 1.0)


def test_equal_answers_stay_together() -> None:
    knots = fitted([(0.9999, number % 4 != 0) for number in range(400)] + [(0.2, False)] * 100)
    assert worth(np.array([0.2, 0.9999, 1.0]), knots) == pytest.approx([0.0, 0.75, 0.75])


def test_two_maps_are_one() -> None:
    at = np.linspace(0, 1, 101)
    for first, then in ((TWICE, SQUARE), (SQUARE, TWICE), (SQUARE, ()), ((), SQUARE)):
        assert worth(at, chained(first, then)) == pytest.approx(worth(worth(at, first), then), abs=1e-3)


def test_without_a_map_it_is_as_said() -> None:
    said = np.array([0.1, 0.7])
    assert worth(said, AS_SAID.customers) is said


def test_of_one_night_one_answer_a_tenth() -> None:
    said = np.array([0.001, 0.02, 0.03, 0.55, 1.0, 0.99])
    rows = one_a_band(said, np.random.default_rng(3))
    assert len(rows) == 3
    assert {int(said[row] * 9.99) for row in rows} == {0, 5, 9}
    assert not one_a_band(np.empty(0), np.random.default_rng(3))


def test_what_is_written_is_read() -> None:
    for calibration in (Calibration(TWICE, SQUARE), Calibration((), TWICE), shipped()):
        assert parsed(tomllib.loads(written(calibration, ("why",)))) == calibration


def test_what_ships_calibrates_both() -> None:
    assert len(shipped().customers) > 10
    assert len(shipped().elements) > 10


@pytest.mark.parametrize(
    "wrong", [[[0, 0], [0.5, 0.7], [0.4, 0.8]], [[0, 1.5]], [[0, 0.5], [1, 0.4]], "x", [1, 2, 3]]
)
def test_a_wrong_map_is_refused_by_name(wrong: object) -> None:
    with pytest.raises(ValueError, match="elements: expected"):
        parsed({"customers": [], "elements": wrong})
