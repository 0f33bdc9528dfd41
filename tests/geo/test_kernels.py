"""Compiled loops against scipy, which commands that need them only for this would load too slowly."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from geo.kernels import connected_parts, nearest


@settings(max_examples=100, deadline=None)
@given(ends=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_parts_are_those_of_scipy(ends: list[tuple[int, int]]) -> None:
    pairs = np.array(ends, np.int32).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(20, 20))
    found = connected_parts(pairs[:, 0].copy(), pairs[:, 1].copy(), 20)
    assert found.tolist() == connected_components(graph, directed=False)[1].tolist()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**20), count=st.integers(1, 60))
def test_the_nearest_are_those_of_scipy(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).random((count, 2))
    found = nearest(points[:, 0].copy(), points[:, 1].copy(), 8)
    wanted = min(9, count)
    _, rows = KDTree(points).query(points, k=list(range(1, wanted + 1)))
    assert found[:, : wanted - 1].tolist() == np.asarray(rows)[:, 1:].tolist()
    assert (found[:, wanted - 1 :] == -1).all()
