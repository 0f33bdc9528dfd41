"""ThingsBoard IoT Gateway's Modbus connector (``modbus.json``): what its ``master`` reads.

Syntax after the connector's documentation (thingsboard.io, iot-gateway, config/modbus). ``byteOrder`` says
how the bytes of a register lie, ``wordOrder`` how the registers of a value do.
"""

import json
import re
from decimal import Decimal
from typing import Any, Final

from gateway.importing.foreign import (
    Foreign,
    ForeignDevice,
    ForeignFileRefused,
    ForeignLine,
    ForeignPoint,
    LineKind,
    decimal_of,
    integer_of,
    tables_of,
    text_of,
)
from gateway.modbus.device_models import Table
from gateway.modbus.values import Order

_TABLES: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_ORDERS: Final = {
    ("BIG", "BIG"): Order.ABCD,
    ("BIG", "LITTLE"): Order.CDAB,
    ("LITTLE", "BIG"): Order.BADC,
    ("LITTLE", "LITTLE"): Order.DCBA,
}
_SIZED: Final = re.compile(r"(16|32|64)(int|uint|float)")
_LETTERS: Final = {"int": "i", "uint": "u", "float": "f"}
_PLAIN: Final = {"int": "i", "integer": "i", "long": "i", "uint": "u", "float": "f", "double": "f"}
_SLAVE: Final = frozenset(
    {"host", "port", "type", "method", "unitId", "deviceName", "timeout", "byteOrder", "wordOrder",
     "pollPeriod", "baudrate", "parity", "stopbits", "bytesize", "timeseries", "attributes",
     "attributeUpdates", "rpc"}
)  # fmt: skip
_POINT: Final = frozenset(
    {"tag", "type", "functionCode", "objectsCount", "registersCount", "registerCount", "address", "divider",
     "multiplier", "bit", "bitTargetType"}
)  # fmt: skip
_WRITES: Final = "a way to write to a device; this gateway only reads"


def read_thingsboard(content: str) -> Foreign:
    """The text of a modbus.json; raises ForeignFileRefused where it has no ``master.slaves``."""
    try:
        whole = json.loads(content, parse_float=Decimal)
    except ValueError as problem:
        raise ForeignFileRefused(f"not JSON: {problem}") from problem
    master = whole.get("master") if isinstance(whole, dict) else None
    if not isinstance(master, dict) or "slaves" not in master:
        raise ForeignFileRefused("master.slaves: expected the devices to read, found none")
    foreign = Foreign()
    foreign.leave_keys("", whole, frozenset({"master"}), "not about reading devices")
    for at, slave in enumerate(tables_of(master["slaves"], "master.slaves")):
        _read_slave(foreign, f"master.slaves[{at}]", slave)
    return foreign


def _read_slave(foreign: Foreign, where: str, slave: dict[str, Any]) -> None:
    foreign.leave_keys(where, slave, _SLAVE, "a setting without equivalent here")
    for kind in ("attributeUpdates", "rpc"):
        for at, entry in enumerate(tables_of(slave.get(kind) or [], f"{where}.{kind}")):
            foreign.leave(f"{where}.{kind}[{at}]", f"{entry.get('tag', '')}: {_WRITES}")
    line = _line(foreign, where, slave)
    if line is None:
        return
    order = _order(slave, where)
    device = ForeignDevice(
        name=text_of(slave.get("deviceName", ""), f"{where}.deviceName") or "device",
        unit=integer_of(slave.get("unitId", 1), f"{where}.unitId", 0, 255),
        line=line,
        every_s=float(decimal_of(slave.get("pollPeriod", 5000), f"{where}.pollPeriod")) / 1000,
    )
    for kind in ("timeseries", "attributes"):
        for at, entry in enumerate(tables_of(slave.get(kind) or [], f"{where}.{kind}")):
            point = _point(foreign, f"{where}.{kind}[{at}]", entry, order)
            if point is not None:
                device.points.append(point)
    foreign.devices.append(device)


def _line(foreign: Foreign, where: str, slave: dict[str, Any]) -> ForeignLine | None:
    kind, method = slave.get("type", "tcp"), slave.get("method", "socket")
    if kind not in {"tcp", "serial"} or method == "ascii":
        foreign.leave(
            where, f"type {kind!r} with method {method!r} is not spoken here; the device is left out"
        )
        return None
    timeout_s = min(max(float(slave.get("timeout", 1)), 0.1), 30.0)
    if kind == "tcp":
        told: LineKind = "rtu_over_tcp" if method == "rtu" else "tcp"
        host = text_of(slave.get("host", ""), f"{where}.host")
        return ForeignLine(
            told, host, integer_of(slave.get("port", 502), f"{where}.port"), timeout_s=timeout_s
        )
    return ForeignLine(
        "serial",
        path=text_of(slave.get("port", ""), f"{where}.port"),
        baud=integer_of(slave.get("baudrate", 19200), f"{where}.baudrate", 300, 4_000_000),
        parity=text_of(slave.get("parity", "N"), f"{where}.parity"),
        stop_bits=integer_of(slave.get("stopbits", 1), f"{where}.stopbits", 1, 2),
        timeout_s=timeout_s,
    )


def _order(slave: dict[str, Any], where: str) -> Order:
    told = (str(slave.get("byteOrder", "LITTLE")).upper(), str(slave.get("wordOrder", "LITTLE")).upper())
    if told not in _ORDERS:
        raise ForeignFileRefused(f"{where}.byteOrder, wordOrder: expected BIG or LITTLE, found {told}")
    return _ORDERS[told]


def _point(foreign: Foreign, where: str, entry: dict[str, Any], order: Order) -> ForeignPoint | None:
    foreign.leave_keys(where, entry, _POINT, "a setting without equivalent here")
    name = text_of(entry.get("tag", ""), f"{where}.tag")
    function = integer_of(entry.get("functionCode", 3), f"{where}.functionCode", 1, 255)
    if function not in _TABLES:
        foreign.leave(where, f"{name}: function {function} is {_WRITES}")
        return None
    table = _TABLES[function]
    address = entry.get("address")
    if isinstance(address, str) and "-" in address:
        foreign.leave(where, f"{name}: a range of addresses is many values; write one entry each")
        return None
    kind = _type(entry, table)
    if kind is None:
        foreign.leave(where, f"{name}: type {entry.get('type')!r} has no equivalent")
        return None
    return ForeignPoint(
        name,
        where,
        table,
        integer_of(address, f"{where}.address"),
        kind,
        Order.ABCD if table.of_bits else order,
        _scale(foreign, where, entry),
    )


def _type(entry: dict[str, Any], table: Table) -> str | None:
    spelled = str(entry.get("type", "")).lower()
    if table.of_bits:
        return "bit" if spelled in {"bit", "bits"} and entry.get("objectsCount", 1) == 1 else None
    if spelled == "bit":
        return f"bit {entry.get('bit', 0)}"
    sized = _SIZED.fullmatch(spelled)
    if sized is None:
        count = entry.get("objectsCount", entry.get("registersCount", entry.get("registerCount", 1)))
        sized_letter, bits = _PLAIN.get(spelled), {1: 16, 2: 32, 4: 64}.get(count)
    else:
        sized_letter, bits = _LETTERS[sized[2]], int(sized[1])
    if sized_letter is None or bits is None or (sized_letter == "f" and bits == 16):
        return None
    return f"{sized_letter}{bits}"


def _scale(foreign: Foreign, where: str, entry: dict[str, Any]) -> Decimal:
    multiplier = decimal_of(entry.get("multiplier") or 1, f"{where}.multiplier")
    divider = decimal_of(entry.get("divider") or 1, f"{where}.divider")
    if entry.get("divider"):
        # The other gateway divides where both are given.
        multiplier = Decimal(1)
    scale = multiplier / divider
    if scale * divider != multiplier:
        foreign.leave(where, f"divider {divider}: no exact decimal factor; it was rounded")
        scale = round(scale, 12)
    return scale
