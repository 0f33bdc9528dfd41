"""GCJ-02 against places whose both coordinates are widely published, and there and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.gcj02 import from_wgs84, to_wgs84

KNOWN = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]


@pytest.mark.parametrize(("wgs", "gcj"), KNOWN)
def test_known_places(wgs: tuple[float, float], gcj: tuple[float, float]) -> None:
    lon, lat = from_wgs84(np.array([wgs[0]]), np.array([wgs[1]]))
    assert (lon[0], lat[0]) == pytest.approx(gcj, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(74, 134), st.floats(18, 53))
def test_there_and_back(lon: float, lat: float) -> None:
    back = to_wgs84(*from_wgs84(np.array([lon]), np.array([lat])))
    assert (back[0][0], back[1][0]) == pytest.approx((lon, lat), abs=1e-8)


def test_outside_china_nothing_is_shifted() -> None:
    lon, lat = from_wgs84(np.array([2.35]), np.array([48.85]))
    assert (lon.tolist(), lat.tolist()) == ([2.35], [48.85])
