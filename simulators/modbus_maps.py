"""How five real meters lay out their registers, written by hand from their published maps. Pure.

Nothing here is shared with the gateway's device models: what these meters say is what the models must read.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from simulators.modbus_loads import Moment

Registers = dict[int, list[int]]
"""First address → registers."""
_HOLDING: Final = 3
_INPUT: Final = 4


@dataclass(frozen=True, slots=True)
class MeterMap:
    """``functions`` are the reading functions that the meter answers."""

    functions: frozenset[int]
    registers: Callable[[Moment], Registers]


def _words(fmt: str, value: float) -> list[int]:
    packed = struct.pack(fmt, value if fmt == ">f" else round(value))
    return [int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)]


def _row(first: int, step: int, fmt: str, values: Iterable[float]) -> Registers:
    return {first + step * place: _words(fmt, value) for place, value in enumerate(values)}


def _acrel_adw300(now: Moment) -> Registers:
    powers = [kw * 1000 for kw in (*now.power_kw, now.total_kw)]
    return {
        **_row(20, 1, ">H", [volt * 10 for volt in now.voltage_v]),
        **_row(26, 1, ">H", [ampere * 100 for ampere in now.current_a]),
        **_row(30, 2, ">i", powers),
        **_row(62, 2, ">i", [now.import_kwh * 100, now.export_kwh * 100]),
    }


def _acrel_adl400(now: Moment) -> Registers:
    return {
        **_row(97, 1, ">H", [volt * 10 for volt in now.voltage_v]),
        **_row(100, 1, ">H", [ampere * 100 for ampere in now.current_a]),
        **_row(362, 2, ">i", [now.total_kw * 1000]),
    }


def _acrel_adl400_float(now: Moment) -> Registers:
    return {
        **_row(0x0800, 2, ">f", now.voltage_v),
        **_row(0x080C, 2, ">f", now.current_a),
        **_row(0x0814, 2, ">f", now.power_kw),
        **_row(0x0832, 2, ">f", [now.power_factor, now.frequency_hz]),
        **_row(
            0x0842,
            10,
            ">I",
            [(now.import_kwh + now.export_kwh) * 10, now.import_kwh * 10, now.export_kwh * 10],
        ),
    }


def _chint_dtsu666(now: Moment) -> Registers:
    powers = [kw * 10_000 for kw in (now.total_kw, *now.power_kw)]
    return {
        **_row(0x2006, 2, ">f", [volt * 10 for volt in now.voltage_v]),
        **_row(0x200C, 2, ">f", [ampere * 1000 for ampere in now.current_a]),
        **_row(0x2012, 2, ">f", powers),
        **_row(0x201A, 2, ">f", [now.reactive_kvar * 10_000]),
        **_row(0x202A, 2, ">f", [now.power_factor * 1000]),
        **_row(0x2044, 2, ">f", [now.frequency_hz * 100]),
        **_row(0x401E, 10, ">f", [now.import_kwh, now.export_kwh]),
    }


def _eastron_sdm630(now: Moment) -> Registers:
    return {
        **_row(0x0000, 2, ">f", now.voltage_v),
        **_row(0x0006, 2, ">f", now.current_a),
        **_row(0x000C, 2, ">f", [kw * 1000 for kw in now.power_kw]),
        **_row(0x0034, 2, ">f", [now.total_kw * 1000]),
        **_row(0x0046, 2, ">f", [now.frequency_hz]),
        **_row(0x0048, 2, ">f", [now.import_kwh, now.export_kwh]),
    }


MAPS: Final[Mapping[str, MeterMap]] = {
    "acrel-adw300": MeterMap(frozenset({_HOLDING}), _acrel_adw300),
    "acrel-adl400": MeterMap(frozenset({_HOLDING}), _acrel_adl400),
    "acrel-adl400-float": MeterMap(frozenset({_HOLDING}), _acrel_adl400_float),
    "chint-dtsu666": MeterMap(frozenset({_HOLDING}), _chint_dtsu666),
    "eastron-sdm630": MeterMap(frozenset({_INPUT}), _eastron_sdm630),
}
