"""modpoll's CSV: lines ``device``, ``poll`` and ``ref``.

Syntax after modpoll's documentation and examples (github.com/gavinying/modpoll, docs/configure.rst):
``device,NAME,UNIT``; ``poll,TABLE,ADDRESS,SIZE,ENDIAN`` with BE_BE, LE_BE, LE_LE, BE_LE (bytes, words);
``ref,NAME,ADDRESS[:BIT],TYPE,RW[,UNIT[,SCALE]]``. Host, port and rate are arguments of that program.
"""

import csv
import re
from decimal import Decimal
from typing import Final

from gateway.importing.foreign import (
    Foreign,
    ForeignDevice,
    ForeignFileRefused,
    ForeignLine,
    ForeignPoint,
    decimal_of,
    integer_of,
)
from gateway.modbus.device_models import Table
from gateway.modbus.values import Order

EVERY_S: Final = 10.0
"""What modpoll does without ``--rate``."""
_TABLES: Final = {
    "coil": Table.COIL,
    "discrete_input": Table.DISCRETE,
    "holding_register": Table.HOLDING,
    "input_register": Table.INPUT,
}
_ORDERS: Final = {
    "BE_BE": Order.ABCD,
    "BE_LE": Order.CDAB,
    "LE_BE": Order.BADC,
    "LE_LE": Order.DCBA,
}
_TYPES: Final = {
    "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32", "int64": "i64", "uint64": "u64",
    "float32": "f32", "float64": "f64",
}  # fmt: skip
_BIT: Final = re.compile(r"(\w+):(\d+)")


def read_modpoll(content: str, line: ForeignLine) -> Foreign:
    """The text of a modpoll CSV; ``line`` is what that program was told beside it."""
    foreign = Foreign()
    table, order = Table.HOLDING, Order.ABCD
    polled = False
    for number, row in enumerate(csv.reader(content.splitlines()), start=1):
        where, cells = f"line {number}", [cell.strip() for cell in row]
        kind = cells[0].lower() if cells else ""
        if not any(cells) or kind.startswith("#"):
            continue
        if "device" in kind:
            foreign.devices.append(_device(cells, where, line))
            polled = False
        elif "poll" in kind and foreign.devices:
            table, order = _poll(cells, where)
            polled = True
        elif "ref" in kind and polled:
            point = _point(foreign, cells, where, table, order)
            if point is not None:
                foreign.devices[-1].points.append(point)
        else:
            foreign.leave(where, f"expected device, then poll, then ref, found {','.join(cells)[:60]!r}")
    if not foreign.devices:
        raise ForeignFileRefused("no line `device,NAME,UNIT`: this is not a modpoll configuration")
    return foreign


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _device(cells: list[str], where: str, line: ForeignLine) -> ForeignDevice:
    return ForeignDevice(
        _cell(cells, 1), integer_of(_cell(cells, 2), f"{where}: unit", 0, 255), line, EVERY_S
    )


def _poll(cells: list[str], where: str) -> tuple[Table, Order]:
    kind, endian = _cell(cells, 1).lower(), _cell(cells, 4).upper()
    if kind not in _TABLES:
        raise ForeignFileRefused(f"{where}: expected one of {', '.join(_TABLES)}, found {kind!r}")
    if endian and endian not in _ORDERS:
        raise ForeignFileRefused(f"{where}: expected one of {', '.join(_ORDERS)}, found {endian!r}")
    return _TABLES[kind], _ORDERS.get(endian, Order.ABCD)


def _point(foreign: Foreign, cells: list[str], where: str, table: Table, order: Order) -> ForeignPoint | None:
    name, address, spelled, access = (_cell(cells, place) for place in (1, 2, 3, 4))
    if "w" in access.lower():
        foreign.leave(where, f"{name}: writing is left out; this gateway only reads")
    if "r" not in access.lower():
        return None
    found = _BIT.fullmatch(address)
    kind = _TYPES.get(spelled.lower())
    if found is not None and spelled.lower() == "bool":
        address, kind = found[1], f"bit {integer_of(found[2], f'{where}: bit', 0, 15)}"
    elif table.of_bits:
        kind = "bit" if spelled.lower() == "bool" else None
    if kind is None:
        foreign.leave(where, f"{name}: type {spelled!r} has no equivalent")
        return None
    scale = decimal_of(_cell(cells, 6) or 1, f"{where}: scale") or Decimal(1)
    return ForeignPoint(
        name,
        where,
        table,
        integer_of(address, f"{where}: address"),
        kind,
        Order.ABCD if table.of_bits else order,
        scale,
        _cell(cells, 5),
    )
