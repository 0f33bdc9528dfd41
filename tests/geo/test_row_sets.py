"""Sets of rows against numpy's own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.row_sets import among, distinct, joined, without

ROWS = st.lists(st.integers(-1, 30), max_size=25).map(lambda rows: np.array(rows, np.int32))


@settings(max_examples=100, deadline=None)
@given(one=ROWS, other=ROWS)
def test_sets_of_rows_are_those_of_numpy(one: np.ndarray, other: np.ndarray) -> None:
    first, second = distinct(one), distinct(other)
    assert first.tolist() == np.unique(one).tolist()
    assert among(one, second).tolist() == np.isin(one, other).tolist()
    assert without(first, second).tolist() == np.setdiff1d(one, other).tolist()
    assert joined(first, second).tolist() == np.union1d(one, other).tolist()
