"""What a poll brought back → values of the catalogue, exact, and whether they can be true. Pure.

Integers and BCD keep every digit through scale and ratio. A float register holds a binary fraction that no
meter measures; it is rounded, half to even, to the decimals of the catalogue, after scale and ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import product
from typing import Final

import msgspec

from gateway.modbus.device_models import RATIOS, DeviceModel, Place, QuantityEntry, ScaledPlace, Table
from gateway.modbus.polling import Block
from gateway.modbus.values import Order, number, raw_integer, text
from telemetry.quantities import CATALOGUE

_EXACT: Final = Context(prec=60)
_LARGEST: Final = Decimal(2**63 - 1)
_ROUND_SCALES: Final = tuple(Decimal(10) ** power for power in (0, -1, -2, -3, 1, 2, 3))
_PHASES: Final = "abc"


@dataclass(frozen=True, slots=True)
class Image:
    """Registers as they came, by request: two bytes each, bits packed from the lowest."""

    blocks: Mapping[Block, bytes]

    def raw(self, entry: Place) -> bytes | None:
        """The registers of an entry (a bit as a register of 0 or 1); None where they were not read."""
        for block, data in self.blocks.items():
            if block.table == entry.where and block.address <= entry.address and entry.end <= block.end:
                at = entry.address - block.address
                if block.table.of_bits:
                    return bytes((0, data[at // 8] >> at % 8 & 1))
                return data[2 * at : 2 * (at + entry.value.registers)]
        return None


@dataclass(frozen=True, slots=True)
class Ratios:
    """Transformer ratios as the connection file gives them; None = ask the device, or 1."""

    ct: Decimal | None = None
    pt: Decimal | None = None


def expected_bytes(block: Block) -> int:
    """Length of the data that answers this request."""
    return (block.count + 7) // 8 if block.table.of_bits else 2 * block.count


def read_values(model: DeviceModel, image: Image, ratios: Ratios) -> dict[str, Decimal]:
    """Value by quantity, in the order of the model; what is missing or was not read is absent."""
    factors = {
        "ct": _ratio(model, image, "ct", ratios.ct),
        "pt": _ratio(model, image, "pt", ratios.pt),
    }
    found: dict[str, Decimal] = {}
    for entry in model.quantity:
        plain = _scaled(entry, image)
        needed = [factors[kind] for kind in RATIOS[entry.ratio]]
        if plain is None:
            continue
        value = plain
        for factor in needed:
            if factor is None:
                break
            value = _EXACT.multiply(value, factor)
        else:
            found[entry.name] = _rounded(value, entry)
    return found


def _ratio(model: DeviceModel, image: Image, kind: str, given: Decimal | None) -> Decimal | None:
    """None where the ratio lies in registers that could not be read: then no value is better than a wrong."""
    place = next((place for name, place in model.ratios.items() if name == kind), None)
    if given is not None or place is None:
        return given if given is not None else Decimal(1)
    found = _scaled(place, image)
    return found if found is not None and found > 0 else None


def _scaled(entry: ScaledPlace, image: Image) -> Decimal | None:
    raw = image.raw(entry)
    if raw is None or raw_integer(raw, entry.value, entry.how) in entry.missing:
        return None
    found = number(raw, entry.value, entry.how)
    if found is None:
        return None
    return _EXACT.add(_EXACT.multiply(found, entry.scale), entry.offset)


def _rounded(value: Decimal, entry: QuantityEntry) -> Decimal:
    if entry.value.kind != "float":
        return value
    finest = Decimal(1).scaleb(-CATALOGUE[entry.name].decimals)
    if value.adjusted() > 18:
        return value
    return value.quantize(finest, ROUND_HALF_EVEN, context=_EXACT)


def scaled_integer(name: str, value: Decimal) -> tuple[int, int, bool]:
    """(scaled, decimals, exact) of a value: the catalogue's decimals or as many more as it needs.

    ``exact`` is False where 64 bits do not hold it and it had to be rounded. Raises OverflowError where they
    do not hold even its whole part.
    """
    exponent = value.normalize(_EXACT).as_tuple().exponent
    needed = max(CATALOGUE[name].decimals, -exponent if isinstance(exponent, int) else 0)
    used = needed
    while used > 0 and abs(value.scaleb(used, _EXACT)) > _LARGEST:
        used -= 1
    whole = value.scaleb(used, _EXACT).to_integral_value(ROUND_HALF_EVEN, _EXACT)
    if abs(whole) > _LARGEST:
        raise OverflowError(name)
    return int(whole), used, used == needed


def states(model: DeviceModel, image: Image) -> dict[str, bool]:
    """Which states hold, by name; what was not read is absent."""
    found: dict[str, bool] = {}
    for entry in model.state:
        raw = image.raw(entry)
        if raw is not None:
            whole = raw_integer(raw, entry.value, entry.how)
            found[entry.name] = whole == entry.equals if entry.equals is not None else bool(whole)
    return found


def infos(model: DeviceModel, image: Image) -> dict[str, str]:
    """What the device says of itself, by name."""
    found: dict[str, str] = {}
    for entry in model.info:
        raw = image.raw(entry)
        if raw is None:
            continue
        if entry.value.kind == "string":
            found[entry.name] = text(raw, entry.how)[:64]
        else:
            plain = number(raw, entry.value, entry.how)
            found[entry.name] = "" if plain is None else f"{plain:f}"[:64]
    return found


def doubts(model: DeviceModel, values: Mapping[str, Decimal]) -> tuple[str, ...]:
    """What cannot be true of these values, in plain words; empty when all is plausible."""
    found = [
        f"{name}: expected {_range_text(model, name)}, found {value:f}"
        for name, value in values.items()
        if not _within(model, name, value)
    ]
    return (*found, *_power_doubts(model, values))


def _within(model: DeviceModel, name: str, value: Decimal) -> bool:
    known = CATALOGUE[name]
    if not Decimal(repr(known.low)) <= value <= Decimal(repr(known.high)):
        return False
    if name not in model.plausible.ranges or value == 0:
        return True
    low, high = model.plausible.ranges[name]
    return low <= value <= high


def _range_text(model: DeviceModel, name: str) -> str:
    known = CATALOGUE[name]
    low, high = model.plausible.ranges.get(name, (known.low, known.high))
    return f"{low} to {high} {known.unit}"


def _power_doubts(model: DeviceModel, values: Mapping[str, Decimal]) -> tuple[str, ...]:
    within = model.plausible.power_within
    names = [f"{kind}_{p}_{unit}" for kind, unit in (("voltage", "v"), ("current", "a")) for p in _PHASES]
    total = values.get("active_power_kw")
    if within is None or total is None or not all(name in values for name in names):
        return ()
    phases = (values[f"voltage_{p}_v"] * abs(values[f"current_{p}_a"]) for p in _PHASES)
    apparent = sum(phases, Decimal(0)) / 1000
    factor = abs(values.get("power_factor", Decimal(1)))
    expected, found = apparent * factor, abs(total)
    slack = max(within * expected, Decimal("0.05"))
    # Without a power factor, P may be anything up to S.
    least = Decimal(0) if "power_factor" not in values else expected - slack
    if least <= found <= expected + slack:
        return ()
    return (f"active_power_kw: U·I·PF of the phases make {expected:.3f} kW, found {found:f}",)


def implausible(model: DeviceModel, image: Image, ct: Decimal | None) -> str:
    """Why these registers cannot be true, and what would make them so; empty where they can.

    Looked at as the meter sees it, so a voltage transformer's ratio does not count.
    """
    ratios = Ratios(ct, Decimal(1))
    found = doubts(model, read_values(model, image, ratios))
    if not found:
        return ""
    hint = advice(model, image, ratios)
    return "; ".join((*found[:5], *((hint,) if hint else ())))


def advice(model: DeviceModel, image: Image, ratios: Ratios) -> str:
    """For implausible values: which other byte order or power of ten would make all of them plausible."""
    kinds = sorted({(entry.value.registers, entry.value.kind == "float") for entry in model.quantity})
    for order in Order:
        for registers, is_float in [*kinds, (0, False)]:
            other = _reordered(model, order, registers, is_float)
            if other is not None and not doubts(other, read_values(other, image, ratios)):
                what = f"{registers * 16}-bit values" if registers else "all values"
                return f"with order {order} for {what} all would be plausible"
    return _scale_advice(model, image, ratios)


def _reordered(model: DeviceModel, order: Order, registers: int, is_float: bool) -> DeviceModel | None:
    """The model with another order for values of that size (0: for all); None where nothing changes."""
    changed = tuple(
        msgspec.structs.replace(entry, order=order)
        if registers in {0, entry.value.registers}
        and (not registers or is_float == (entry.value.kind == "float"))
        else entry
        for entry in model.quantity
    )
    if changed == model.quantity:
        return None
    return msgspec.structs.replace(model, quantity=changed)


def _scale_advice(model: DeviceModel, image: Image, ratios: Ratios) -> str:
    """One power of ten per unit, the nearest to what the file says first."""
    units = sorted(
        {CATALOGUE[entry.name].unit for entry in model.quantity if entry.name in model.plausible.ranges}
    )
    units = [unit for unit in units if unit in {"V", "Hz"}]
    for factors in product(_ROUND_SCALES, repeat=len(units)):
        by_unit = dict(zip(units, factors, strict=True))
        other = msgspec.structs.replace(
            model,
            quantity=tuple(
                msgspec.structs.replace(
                    entry, scale=entry.scale * by_unit.get(CATALOGUE[entry.name].unit, Decimal(1))
                )
                for entry in model.quantity
            ),
        )
        if not doubts(other, read_values(other, image, ratios)):
            told = ", ".join(f"{unit} × {factor:f}" for unit, factor in by_unit.items() if factor != 1)
            return f"with other scales all would be plausible: {told}"
    return ""


def refused_table(table: Table, address: int, count: int, code: int) -> str:
    """How a refused request is named."""
    last = address + count - 1
    place = f"{address}" if count == 1 else f"{address}–{last}"
    return f"{table} {place} refused with exception {code} ({EXCEPTIONS.get(code, 'unknown')})"


EXCEPTIONS: Final = {
    0: "no answer",
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}
CUT: Final = frozenset({1, 2, 3, 4})
"""Exceptions after which a block is asked in parts: something in it does not exist."""
UNANSWERED: Final = frozenset({10, 11})
"""A gateway says that the device did not answer."""
