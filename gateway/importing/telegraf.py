"""Telegraf's ``inputs.modbus``: register, request and metric style.

Syntax after the plugin's documentation (docs.influxdata.com, telegraf v1, input-plugins/modbus).
"""

import re
import tomllib
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from gateway.importing.foreign import (
    ORDERS,
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

_TYPES: Final = {
    "INT16": "i16", "UINT16": "u16", "INT32": "i32", "UINT32": "u32", "INT64": "i64", "UINT64": "u64",
    "FLOAT32-IEEE": "f32", "FLOAT64-IEEE": "f64", "FLOAT32": "f32", "FLOAT64": "f64",
}  # fmt: skip
_FIXED: Final = {("FIXED", 1): "i16", ("FIXED", 2): "i32", ("FIXED", 4): "i64",
                 ("UFIXED", 1): "u16", ("UFIXED", 2): "u32", ("UFIXED", 4): "u64",
                 ("FLOAT32", 1): "u16", ("FLOAT32", 2): "u32", ("FLOAT32", 4): "u64"}  # fmt: skip
"""Register style: FLOAT32 is an old name of UFIXED there."""
_REGISTER_STYLE: Final = {
    "discrete_inputs": Table.DISCRETE,
    "coils": Table.COIL,
    "holding_registers": Table.HOLDING,
    "input_registers": Table.INPUT,
}
_KNOWN: Final = frozenset(
    {"name", "slave_id", "timeout", "controller", "baud_rate", "data_bits", "parity", "stop_bits",
     "transmission_mode", "configuration_type", "interval", "request", "metric", *_REGISTER_STYLE}
)  # fmt: skip
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_INTERVAL: Final = "10s"


def read_telegraf(content: str) -> Foreign:
    """The text of a telegraf.conf; raises ForeignFileRefused where it has no Modbus input at all."""
    try:
        whole = tomllib.loads(content, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise ForeignFileRefused(f"not TOML: {problem}") from problem
    foreign = Foreign()
    inputs = whole.get("inputs", {})
    plugins = tables_of(inputs.get("modbus", []) if isinstance(inputs, dict) else [], "inputs.modbus")
    if not plugins:
        raise ForeignFileRefused("inputs.modbus: expected at least one [[inputs.modbus]], found none")
    for section, tables in whole.items():
        if section not in {"inputs", "agent"}:
            foreign.leave(section, "not about reading Modbus")
        elif section == "inputs":
            for name in set(tables) - {"modbus"}:
                foreign.leave(f"inputs.{name}", "another input than Modbus")
    agent = whole.get("agent", {})
    every = agent.get("interval", _DEFAULT_INTERVAL) if isinstance(agent, dict) else _DEFAULT_INTERVAL
    for at, plugin in enumerate(plugins):
        _read_plugin(foreign, f"inputs.modbus[{at}]", plugin, every)
    return foreign


def _read_plugin(foreign: Foreign, where: str, plugin: dict[str, object], every: object) -> None:
    line = _line(foreign, where, plugin)
    if line is None:
        return
    foreign.leave_keys(where, plugin, _KNOWN, "a setting without equivalent here")
    name = text_of(plugin.get("name", "modbus"), f"{where}.name")
    every_s = _seconds(plugin.get("interval", every), f"{where}.interval")
    devices: dict[int, ForeignDevice] = {}

    def device(unit: object, place: str) -> ForeignDevice:
        number = integer_of(unit, place, 0, 255)
        return devices.setdefault(number, ForeignDevice(name, number, line, every_s))

    for kind, table in _REGISTER_STYLE.items():
        for at, entry in enumerate(tables_of(plugin.get(kind, []), f"{where}.{kind}")):
            place = f"{where}.{kind}[{at}]"
            point = _register_point(foreign, place, entry, table)
            if point is not None:
                device(plugin.get("slave_id", 1), f"{where}.slave_id").points.append(point)
    for style in ("request", "metric"):
        for at, request in enumerate(tables_of(plugin.get(style, []), f"{where}.{style}")):
            place = f"{where}.{style}[{at}]"
            found = device(request.get("slave_id", 1), f"{place}.slave_id")
            found.points += _request_points(foreign, place, request)
    if len(devices) > 1:
        for number, one in devices.items():
            one.name = f"{name}-{number}"
    foreign.devices += devices.values()


def _line(foreign: Foreign, where: str, plugin: dict[str, object]) -> ForeignLine | None:
    controller = text_of(plugin.get("controller", ""), f"{where}.controller")
    mode = text_of(plugin.get("transmission_mode", ""), f"{where}.transmission_mode")
    if mode.upper().startswith("ASCII"):
        foreign.leave(where, "Modbus ASCII is not spoken here; the whole input is left out")
        return None
    timeout_s = _seconds(plugin.get("timeout", "1s"), f"{where}.timeout")
    parts = urlsplit(controller)
    if parts.scheme == "tcp" and parts.hostname:
        kind: LineKind = "rtu_over_tcp" if mode == "RTUoverTCP" else "tcp"
        return ForeignLine(kind, parts.hostname, parts.port or 502, timeout_s=timeout_s)
    path = parts.path if parts.scheme == "file" else controller
    if not path:
        raise ForeignFileRefused(f"{where}.controller: expected tcp://host:port or file:///dev/…")
    return ForeignLine(
        "serial",
        path=path,
        baud=integer_of(plugin.get("baud_rate", 9600), f"{where}.baud_rate", 300, 4_000_000),
        parity=text_of(plugin.get("parity", "N"), f"{where}.parity"),
        stop_bits=integer_of(plugin.get("stop_bits", 1), f"{where}.stop_bits", 1, 2),
        timeout_s=timeout_s,
    )


def _register_point(
    foreign: Foreign, where: str, entry: dict[str, object], table: Table
) -> ForeignPoint | None:
    name = text_of(entry.get("name", ""), f"{where}.name")
    given = entry.get("address", [])
    addresses = [integer_of(one, f"{where}.address") for one in given] if isinstance(given, list) else []
    if not addresses or addresses != list(range(addresses[0], addresses[0] + len(addresses))):
        raise ForeignFileRefused(f"{where}.address: expected consecutive addresses, found {given!r}")
    if table.of_bits:
        return ForeignPoint(name, where, table, addresses[0], "bit")
    spelled = text_of(entry.get("data_type", ""), f"{where}.data_type").upper()
    kind = _FIXED.get((spelled, len(addresses))) or _TYPES.get(spelled)
    return _point(foreign, where, entry, table, name, addresses[0], kind, spelled, entry.get("byte_order"))


def _request_points(foreign: Foreign, where: str, request: dict[str, object]) -> list[ForeignPoint]:
    foreign.leave_keys(
        where,
        request,
        frozenset({"slave_id", "byte_order", "register", "fields", "optimization"}),
        "tags and measurements are not kept: the device's id and the quantity name a value here",
    )
    found = []
    for at, entry in enumerate(tables_of(request.get("fields", []), f"{where}.fields")):
        place = f"{where}.fields[{at}]"
        if entry.get("omit"):
            continue
        register = text_of(entry.get("register", request.get("register", "holding")), f"{place}.register")
        try:
            table = Table(register)
        except ValueError:
            raise ForeignFileRefused(
                f"{place}.register: expected a register type, found {register!r}"
            ) from None
        name = text_of(entry.get("name", ""), f"{place}.name")
        address = integer_of(entry.get("address"), f"{place}.address")
        spelled = text_of(entry.get("type", ""), f"{place}.type").upper()
        kind = "bit" if table.of_bits else _field_type(spelled, entry, place)
        point = _point(foreign, place, entry, table, name, address, kind, spelled, request.get("byte_order"))
        if point is not None:
            found.append(point)
    return found


def _field_type(spelled: str, entry: dict[str, object], where: str) -> str | None:
    if spelled == "BIT":
        return f"bit {integer_of(entry.get('bit', 0), f'{where}.bit', 0, 15)}"
    return _TYPES.get(spelled)


def _point(
    foreign: Foreign,
    where: str,
    entry: dict[str, object],
    table: Table,
    name: str,
    address: int,
    kind: str | None,
    spelled: str,
    order: object,
) -> ForeignPoint | None:
    for key in ("measurement", "output"):
        if key in entry:
            foreign.leave(f"{where}.{key}", "measurements and output types are not kept")
    if kind is None:
        foreign.leave(where, f"{name}: type {spelled} has no equivalent")
        return None
    told = text_of(order or "ABCD", f"{where}.byte_order")
    if told not in ORDERS:
        raise ForeignFileRefused(f"{where}.byte_order: expected one of {', '.join(ORDERS)}, found {told!r}")
    scale = decimal_of(entry.get("scale", 1), f"{where}.scale") or Decimal(1)
    chosen = Order.ABCD if table.of_bits else ORDERS[told]
    return ForeignPoint(name, where, table, address, kind, chosen, scale)


def _seconds(told: object, where: str) -> float:
    if isinstance(told, int | Decimal):
        return float(told)
    parts = _DURATION.findall(str(told))
    if not parts or "".join(number + unit for number, unit in parts) != told:
        raise ForeignFileRefused(f'{where}: expected a duration such as "10s", found {told!r}')
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
