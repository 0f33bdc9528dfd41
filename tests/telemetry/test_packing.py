"""Packing and scaling lose nothing."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from telemetry.packing import DamagedBlock, pack, unpack, unpack_meter
from telemetry.readings import MISSING
from telemetry.scaling import scale_exactly

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
ANY = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-300, 300),
    st.sampled_from([MISSING, MISSING + 1, 2**63 - 1, 0, 254, 255, 256, 65_535]),
)


@settings(max_examples=200, deadline=None)
@given(arrays.arrays(np.int64, SHAPES, elements=ANY))
def test_what_was_packed_is_unpacked(scaled: NDArray[np.int64]) -> None:
    block = pack(scaled)
    assert (unpack(block) == scaled).all()
    for meter in range(scaled.shape[0]):
        assert (unpack_meter(block, meter) == scaled[meter]).all()


def test_a_frame_of_steady_meters_is_small() -> None:
    """200 meters with 8 fields: far below the 64 bytes a reading of plain 64-bit integers."""
    random = np.random.default_rng(3)
    columns = [random.integers(2290, 2340, 200) for _ in range(3)] + [
        random.integers(0, 9999, 200) for _ in range(5)
    ]
    assert len(pack(np.stack(columns, axis=1).astype(np.int64))) < 200 * 16


@given(st.binary(max_size=40))
def test_foreign_bytes_are_named_as_damage(block: bytes) -> None:
    with pytest.raises(DamagedBlock):
        unpack(block)


DECIMALS = st.builds(
    lambda whole, places: Decimal(whole).scaleb(-places), st.integers(-(10**14), 10**14), st.integers(0, 9)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(DECIMALS, st.none()), min_size=1, max_size=8), st.integers(0, 4))
def test_decimals_survive_the_way_through_json_numbers(values: list[Decimal | None], least: int) -> None:
    """Up to 15 digits: the scaled integers are exactly the decimals that the device wrote."""
    doubles = np.array([[np.nan if value is None else float(value)] for value in values])
    scaled, (used,), rounded = scale_exactly(doubles, (least,))
    assert used >= least
    if not rounded:
        back = [None if s == MISSING else Decimal(s).scaleb(-used) for s in scaled[:, 0].tolist()]
        assert back == values
    else:
        largest = max(abs(value) for value in values if value is not None)
        assert largest.scaleb(used + 1) > 2**63 - 1, "rounded no more than 64 bits force"


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e12, 1e12))
def test_any_single_double_is_kept_as_its_shortest_text(value: float) -> None:
    scaled, (used,), rounded = scale_exactly(np.array([[value]]), (1,))
    exact = Decimal(repr(value))
    kept = Decimal(int(scaled[0, 0])).scaleb(-used)
    assert kept == exact if not rounded else abs(kept - exact) <= Decimal(1).scaleb(-used)


def test_a_column_that_needs_more_than_64_bits_is_rounded_and_named() -> None:
    scaled, used, rounded = scale_exactly(np.array([[230.1, 1.5], [0.30000000000000004, 2.5]]), (1, 1))
    assert rounded == (0,)
    assert used == (16, 1)
    assert scaled[0, 0] == 2_301_000_000_000_000_000
    assert scaled[1, 0] == 3_000_000_000_000_000
