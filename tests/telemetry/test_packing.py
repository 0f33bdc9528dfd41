"""Packing and scaling lose nothing."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from telemetry.decimals import Columns, read_plain
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


CELLS = st.one_of(st.none(), DECIMALS, st.floats(-1e6, 1e6), st.integers(-(10**19), 10**19))
COLUMNS = Columns(
    target=np.array([1, -1, 0], dtype=np.int64),
    decimals=np.array([1, 3], dtype=np.int64),
    low=np.array([-1e9, -1e9]),
    high=np.array([1e9, 1e9]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(["", " ", "\n\t"]))
def test_the_plain_way_says_what_the_general_way_says(rows: list[tuple[object, ...]], blank: str) -> None:
    """Reading digits from the text, and through doubles: the same integers, or the plain way declines."""
    cells = [["null" if cell is None else str(cell) for cell in row] for row in rows]
    text = "[" + ",".join("[" + f"{blank},{blank}".join(row) + f"]{blank}" for row in cells) + "]"
    plain = read_plain(text.encode(), len(rows), COLUMNS)
    values = np.array([[np.nan if cell == "null" else float(cell) for cell in row] for row in cells])
    if plain is None:
        return
    scaled, decimals, rounded = scale_exactly(values[:, [2, 0]], (1, 3))
    assert not rounded
    assert (plain.scaled == scaled).all()
    assert tuple(plain.decimals.tolist()) == decimals
    answered = ~np.isnan(values).all(axis=1)
    assert answered.all() if plain.answered is None else (plain.answered == answered).all()


@pytest.mark.parametrize(
    "text",
    [
        "[[1,2,3]", "[[1,2,3]]]", "[[1,2]]", "[[1,2,3,4]]", "[[1,2,3],[1,2,3]]", "[]", "", "[[01,2,3]]",
        "[[1.,2,3]]", "[[.5,2,3]]", "[[+1,2,3]]", "[[1e2,2,3]]", "[[nul,2,3]]", "[[-,2,3]]", "[[1,2,3,]]",
        "[[1 2,3]]", '[["1",2,3]]', "[[1,2,9999999999]]", "[[1234567890123456,2,3]]", "[[1,2,NaN]]",
        "[[1,2,n",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_general_way(text: str) -> None:
    assert read_plain(text.encode(), 1, COLUMNS) is None
