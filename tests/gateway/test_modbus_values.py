"""Types and orders: every value comes back from its registers, whatever their order."""

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.modbus.values import Order, arranged, number, text, value_type

ORDERS = st.sampled_from(list(Order))


def _laid(data: bytes, order: Order) -> bytes:
    """Big-endian bytes as a device of that order sends them; written by hand, not by the reader's way."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in {Order.CDAB, Order.DCBA}:
        words = words[::-1]
    if order in {Order.BADC, Order.DCBA}:
        words = [bytes((word[1], word[0])) for word in words]
    return b"".join(words)


@pytest.mark.parametrize(
    ("order", "sent"),
    [
        (Order.ABCD, "0a0b0c0d"),
        (Order.CDAB, "0c0d0a0b"),
        (Order.BADC, "0b0a0d0c"),
        (Order.DCBA, "0d0c0b0a"),
    ],
)
def test_the_orders_are_what_they_are_called(order: Order, sent: str) -> None:
    assert arranged(bytes.fromhex(sent), order).hex() == "0a0b0c0d"


@pytest.mark.parametrize(
    ("order", "sent"),
    [
        (Order.ABCD, "0102030405060708"),
        (Order.CDAB, "0708050603040102"),
        (Order.BADC, "0201040306050807"),
        (Order.DCBA, "0807060504030201"),
    ],
)
def test_the_orders_of_64_bits(order: Order, sent: str) -> None:
    assert arranged(bytes.fromhex(sent), order).hex() == "0102030405060708"


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.sampled_from([16, 32, 64]), st.booleans(), st.data())
def test_integers_come_back(order: Order, bits: int, signed: bool, data: st.DataObject) -> None:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    value = data.draw(st.integers(low, high))
    raw = _laid(value.to_bytes(bits // 8, "big", signed=signed), order)
    assert number(raw, value_type(f"{'i' if signed else 'u'}{bits}"), order) == value


@settings(max_examples=60, deadline=None)
@given(ORDERS, st.floats(width=32), st.floats())
def test_floats_are_exactly_their_bits(order: Order, single: float, double: float) -> None:
    for value, layout, spelled in ((single, ">f", "f32"), (double, ">d", "f64")):
        found = number(_laid(struct.pack(layout, value), order), value_type(spelled), order)
        assert found == (Decimal(value) if math.isfinite(value) else None)


@settings(max_examples=40, deadline=None)
@given(ORDERS, st.sampled_from([16, 32, 64]), st.data())
def test_bcd_comes_back(order: Order, bits: int, data: st.DataObject) -> None:
    digits = data.draw(st.text("0123456789", min_size=bits // 4, max_size=bits // 4))
    raw = _laid(bytes.fromhex(digits), order)
    assert number(raw, value_type(f"bcd{bits}"), order) == Decimal(digits)


@pytest.mark.parametrize(
    ("spelled", "raw", "value"),
    [
        ("bcd16", "12a4", None),
        ("sm16", "8005", -5),
        ("sm16", "0005", 5),
        ("sm32", "80000001", -1),
        ("bit 0", "0001", 1),
        ("bit 15", "8000", 1),
        ("bit 14", "8000", 0),
        ("f32", "7fc00000", None),
        ("f32", "ff800000", None),
    ],
)
def test_single_cases(spelled: str, raw: str, value: int | None) -> None:
    assert number(bytes.fromhex(raw), value_type(spelled), Order.ABCD) == value


@pytest.mark.parametrize(
    "spelled", ["u8", "f16", "bit 16", "string 0", "string 65", "", "U16", "sm64", "i 16"]
)
def test_types_that_do_not_exist_are_refused(spelled: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        value_type(spelled)


def test_text_of_registers() -> None:
    assert text(b"SN 4711\0\xff\xff", Order.ABCD) == "SN 4711"
    assert text(b"NS4 17\0" + b"1", Order.BADC) == "SN 4711"
