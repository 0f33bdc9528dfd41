"""The tail of the binomial distribution against scipy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtrc

from telemetry.coincidence import at_least


@settings(max_examples=100, deadline=None)
@given(trials=st.integers(0, 3000), share=st.floats(0, 1), chance=st.floats(0, 1))
def test_it_is_the_tail_of_the_binomial(trials: int, share: float, chance: float) -> None:
    hits = round(share * trials)
    (found,) = at_least(*(np.array([[value]], np.float64) for value in (hits, trials, chance)))[0]
    exact = 1.0 if hits == 0 else float(bdtrc(hits - 1.0, trials, chance))
    assert found == pytest.approx(exact, rel=1e-6, abs=1e-12)
