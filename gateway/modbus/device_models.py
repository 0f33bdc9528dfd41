"""A device model: which quantity lies in which registers, as one TOML file with its source.

``gateway/devices/*.toml`` are shipped, ``devices/*.toml`` of the site come on top (the same name replaces).
Only the four reading functions exist here, so no model can describe a writing one.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import Final, Literal, TypeVar

import msgspec

from gateway.modbus.values import Order, ValueType, value_type
from gateway.site_toml import SiteFileRefused, read_toml
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE

MAX_ENTRIES: Final = 512
MAX_REGISTERS: Final = 125
MAX_BITS: Final = 2000
LAST_ADDRESS: Final = 0xFFFF
MODEL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
RATIOS: Final[Mapping[str, tuple[str, ...]]] = {"": (), "ct": ("ct",), "pt": ("pt",), "ct*pt": ("ct", "pt")}
_FINEST: Final = 12
P = TypeVar("P", bound="Place")
_STATE_KINDS: Final = frozenset(
    {
        EvidenceKind.SWITCH_OPEN,
        EvidenceKind.SWITCH_CLOSED,
        EvidenceKind.FAULT_PASSAGE,
        EvidenceKind.POWER_OFF,
        EvidenceKind.POWER_ON,
    }
)


class Table(StrEnum):
    """The four tables, all of them only read."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def function(self) -> int:
        """Function code: 1 to 4."""
        return {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}[self]

    @property
    def of_bits(self) -> bool:
        return self in {Table.COIL, Table.DISCRETE}


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """Where something lies and how it is written there; what is not said comes from ``[defaults]``."""

    address: int
    table: Table | None = None
    type: str = ""
    order: Order | None = None

    @cached_property
    def value(self) -> ValueType:
        return value_type(self.type)

    @property
    def where(self) -> Table:
        return self.table or Table.HOLDING

    @property
    def how(self) -> Order:
        return self.order or Order.ABCD

    @property
    def end(self) -> int:
        """One beyond its last address."""
        return self.address + (1 if self.where.of_bits else self.value.registers)


class ScaledPlace(Place, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """value = number · scale + offset; a raw integer in ``missing`` means that there is none."""

    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    missing: tuple[int, ...] = ()


class QuantityEntry(ScaledPlace, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One quantity of the catalogue; ``ratio`` says which transformer ratios multiply it."""

    name: str
    ratio: Literal["", "ct", "pt", "ct*pt"] = ""
    note: str = ""


class StateEntry(Place, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A bit, or a register compared with ``equals``, that tells of a switch, a fault or a supply.

    ``on`` and ``off`` are kinds of evidence; an empty one says nothing. ``device`` is whom it tells of:
    ``{id}`` stands for the polled device.
    """

    name: str
    on: str = ""
    off: str = ""
    equals: int | None = None
    device: str = "{id}"


class InfoEntry(Place, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """What a device says of itself: text, or a number."""

    name: Literal["firmware", "foreign_id", "maker", "model"]


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry has that does not say otherwise."""

    table: Table = Table.HOLDING
    type: str = "u16"
    order: Order = Order.ABCD


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that the maker ships the device with, for whoever wires it."""

    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    unit: int = 1


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device bears in one request: largest block, registers in vain to join two, no-go ranges."""

    most_registers: int = MAX_REGISTERS
    most_bits: int = MAX_BITS
    hole: int = 8
    forbidden: tuple[tuple[int, int], ...] = ()
    """First and last address of ranges that no request may touch."""


class Plausible(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a first reading must look like, beyond the catalogue's ranges."""

    ranges: dict[str, tuple[Decimal, Decimal]] = {}
    """Quantity → least and most; a value of exactly 0 passes (a dead phase)."""
    power_within: Decimal | None = None
    """Share by which P may differ from the sum of U·I·PF."""


class DeviceModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One file; read it with ``parse_model``, which fills in defaults and checks it."""

    source: str
    """Where the map comes from: the maker's document, a template, one's own measurement."""
    title: str = ""
    maker: str = ""
    notes: str = ""
    line: Line = Line()
    defaults: Defaults = Defaults()
    reading: Reading = Reading()
    plausible: Plausible = Plausible()
    ratios: dict[Literal["ct", "pt"], ScaledPlace] = {}
    """Registers that hold the transformer ratios; a connection file's own figures win."""
    quantity: tuple[QuantityEntry, ...]
    state: tuple[StateEntry, ...] = ()
    info: tuple[InfoEntry, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Names this content: two files that mean the same have the same digest."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=8).hexdigest()

    @property
    def places(self) -> tuple[Place, ...]:
        """Everything that each poll reads."""
        return (*self.quantity, *self.ratios.values(), *self.state, *self.info)


def parse_model(name: str, content: str) -> DeviceModel:
    """The text of a model file → model; raises SiteFileRefused with field, expectation and finding."""
    if not MODEL_NAME.fullmatch(name):
        raise SiteFileRefused(f"file name: expected letters, digits, '.', '_', '-', found {name!r}")
    model = read_toml(content, DeviceModel)
    if not 1 <= len(model.quantity) + len(model.state) <= MAX_ENTRIES:
        raise SiteFileRefused(f"quantity: expected 1 to {MAX_ENTRIES} entries, found {len(model.quantity)}")
    defaults = model.defaults
    _check_reading(model.reading)
    complete = msgspec.structs.replace(
        model,
        quantity=tuple(_complete(f"quantity[{at}]", e, defaults) for at, e in enumerate(model.quantity)),
        state=tuple(_complete(f"state[{at}]", e, defaults) for at, e in enumerate(model.state)),
        info=tuple(_complete(f"info[{at}]", e, defaults) for at, e in enumerate(model.info)),
        ratios={kind: _complete(f"ratios.{kind}", e, defaults) for kind, e in model.ratios.items()},
    )
    _check_names(complete)
    _check_states(complete)
    return complete


def _complete(field: str, entry: P, defaults: Defaults) -> P:
    """The entry with the file's defaults; raises SiteFileRefused."""
    table = entry.table or defaults.table
    spelled = entry.type or ("bit" if table.of_bits else defaults.type)
    whole = msgspec.structs.replace(entry, table=table, type=spelled, order=entry.order or defaults.order)
    try:
        kind = whole.value
    except ValueError as problem:
        raise SiteFileRefused(f"{field}.type: {problem}") from problem
    if table.of_bits and (kind.kind, kind.bit) != ("bit", 0):
        raise SiteFileRefused(f"{field}.type: expected bit in table {table}, found {spelled!r}")
    if not 0 <= whole.address <= LAST_ADDRESS or whole.end > LAST_ADDRESS + 1:
        raise SiteFileRefused(f"{field}.address: expected 0 to 65535, found {whole.address}")
    if kind.kind == "string" and not isinstance(entry, InfoEntry):
        raise SiteFileRefused(f"{field}.type: a string is possible in [[info]] only")
    if isinstance(whole, ScaledPlace):
        _check_scale(field, whole)
    return whole


def _check_scale(field: str, entry: ScaledPlace) -> None:
    for name, factor in (("scale", entry.scale), ("offset", entry.offset)):
        exponent = factor.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_FINEST or factor.adjusted() > _FINEST:
            raise SiteFileRefused(f"{field}.{name}: expected up to {_FINEST} decimals, found {factor}")
    if entry.scale == 0:
        raise SiteFileRefused(f"{field}.scale: expected other than 0")


def _check_reading(reading: Reading) -> None:
    if not 1 <= reading.most_registers <= MAX_REGISTERS:
        raise SiteFileRefused(f"reading.most_registers: expected 1 to 125, found {reading.most_registers}")
    if not 1 <= reading.most_bits <= MAX_BITS:
        raise SiteFileRefused(f"reading.most_bits: expected 1 to 2000, found {reading.most_bits}")
    if not 0 <= reading.hole <= MAX_REGISTERS:
        raise SiteFileRefused(f"reading.hole: expected 0 to 125, found {reading.hole}")
    for at, (first, last) in enumerate(reading.forbidden):
        if not 0 <= first <= last <= LAST_ADDRESS:
            raise SiteFileRefused(f"reading.forbidden[{at}]: expected [first, last], found [{first}, {last}]")


def _check_names(model: DeviceModel) -> None:
    seen: set[str] = set()
    for at, entry in enumerate(model.quantity):
        if entry.name not in CATALOGUE:
            raise SiteFileRefused(
                f"quantity[{at}].name: expected a quantity of the catalogue "
                f"({', '.join(CATALOGUE)}), found {entry.name!r}"
            )
        if entry.name in seen:
            raise SiteFileRefused(f"quantity[{at}].name: {entry.name} occurs twice")
        seen.add(entry.name)
        _check_allowed(f"quantity[{at}]", entry, model.reading)
    _check_plausible(model.plausible)


def _check_plausible(plausible: Plausible) -> None:
    unknown = sorted(set(plausible.ranges) - set(CATALOGUE))
    if unknown:
        raise SiteFileRefused(f"plausible.ranges: {unknown[0]!r} is not in the catalogue")
    for name, (low, high) in plausible.ranges.items():
        if not (low.is_finite() and high.is_finite() and low <= high):
            raise SiteFileRefused(f"plausible.ranges.{name}: expected [least, most], found [{low}, {high}]")
    within = plausible.power_within
    if within is not None and not (within.is_finite() and within > 0):
        raise SiteFileRefused(f"plausible.power_within: expected a share such as 0.2, found {within}")


def _check_allowed(field: str, entry: Place, reading: Reading) -> None:
    for first, last in reading.forbidden:
        if not entry.where.of_bits and entry.address <= last and first < entry.end:
            raise SiteFileRefused(f"{field}.address: lies in the forbidden range {first} to {last}")


def _check_states(model: DeviceModel) -> None:
    for at, entry in enumerate(model.state):
        for side in (entry.on, entry.off):
            if side and side not in _STATE_KINDS:
                expected = ", ".join(sorted(_STATE_KINDS))
                raise SiteFileRefused(f"state[{at}]: expected one of {expected}, found {side!r}")
        if entry.equals is None and entry.value.kind != "bit":
            raise SiteFileRefused(f"state[{at}].equals: expected with a register that is not a bit")
        _check_allowed(f"state[{at}]", entry, model.reading)
