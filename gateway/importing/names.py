"""Foreign names of values → quantities of the catalogue: by what the name says, or by an editable table.

The table is ``import-names.toml``: ``[names]`` maps a foreign name to a quantity, ``""`` to nothing, or to
``{ quantity = "active_power_kw", scale = 0.001 }`` where its unit differs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from gateway.site_toml import SiteFileRefused, read_toml
from telemetry.quantities import CATALOGUE


class NameEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quantity: str
    scale: Decimal = Decimal(1)


class NamesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: dict[str, str | NameEntry] = {}


@dataclass(frozen=True, slots=True)
class Meaning:
    """``quantity`` empty: none. ``assumed``: what nobody said and was taken for granted."""

    quantity: str
    scale: Decimal = Decimal(1)
    assumed: str = ""


_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STEMS: Final[tuple[tuple[set[str], set[str], str, str], ...]] = (
    # (words that must all be there, words that must not, stem, unit of the catalogue)
    ({"frequency"}, set(), "frequency_hz", "Hz"),
    ({"freq"}, set(), "frequency_hz", "Hz"),
    ({"hz"}, set(), "frequency_hz", "Hz"),
    ({"factor"}, set(), "power_factor", ""),
    ({"pf"}, set(), "power_factor", ""),
    ({"temperature"}, set(), "temperature_c", ""),
    ({"neutral"}, {"voltage"}, "neutral_current_a", "A"),
    ({"residual"}, set(), "residual_current_ma", "mA"),
    ({"leakage"}, set(), "residual_current_ma", "mA"),
    ({"reactive"}, {"energy", "kvarh"}, "reactive_power_kvar", "kvar"),
    ({"kvar"}, set(), "reactive_power_kvar", "kvar"),
    ({"energy", "export"}, {"reactive"}, "energy_export_kwh", "kWh"),
    ({"energy", "reverse"}, {"reactive"}, "energy_export_kwh", "kWh"),
    ({"export"}, {"reactive", "power"}, "energy_export_kwh", "kWh"),
    ({"energy"}, {"reactive", "apparent"}, "energy_import_kwh", "kWh"),
    ({"kwh"}, set(), "energy_import_kwh", "kWh"),
    ({"voltage"}, {"line", "ab", "bc", "ca", "thd"}, "voltage_{phase}_v", "V"),
    ({"volts"}, set(), "voltage_{phase}_v", "V"),
    ({"u"}, set(), "voltage_{phase}_v", "V"),
    ({"current"}, {"demand", "thd", "transformer"}, "current_{phase}_a", "A"),
    ({"i"}, set(), "current_{phase}_a", "A"),
    ({"power"}, {"apparent", "demand", "reactive"}, "active_power{_phase}_kw", "kW"),
    ({"p"}, set(), "active_power{_phase}_kw", "kW"),
)  # fmt: skip
_PHASES: Final = {
    "a": "a", "b": "b", "c": "c", "l1": "a", "l2": "b", "l3": "c", "1": "a", "2": "b", "3": "c",
    "ua": "a", "ub": "b", "uc": "c", "ia": "a", "ib": "b", "ic": "c", "pa": "a", "pb": "b", "pc": "c",
}  # fmt: skip
_SPLIT: Final = {
    "ua": "u",
    "ub": "u",
    "uc": "u",
    "ia": "i",
    "ib": "i",
    "ic": "i",
    "pa": "p",
    "pb": "p",
    "pc": "p",
}
_FACTORS: Final[Mapping[tuple[str, str], Decimal]] = {
    ("w", "kW"): Decimal("0.001"), ("mw", "kW"): Decimal(1000), ("kw", "kW"): Decimal(1),
    ("wh", "kWh"): Decimal("0.001"), ("mwh", "kWh"): Decimal(1000), ("kwh", "kWh"): Decimal(1),
    ("var", "kvar"): Decimal("0.001"), ("kvar", "kvar"): Decimal(1),
    ("v", "V"): Decimal(1), ("kv", "V"): Decimal(1000), ("mv", "V"): Decimal("0.001"),
    ("a", "A"): Decimal(1), ("ma", "A"): Decimal("0.001"), ("hz", "Hz"): Decimal(1),
    ("ma", "mA"): Decimal(1), ("a", "mA"): Decimal(1000),
}  # fmt: skip


def meaning(name: str, unit: str, table: Mapping[str, str | NameEntry]) -> Meaning:
    """What a foreign name stands for; the table's word counts before any guess."""
    guess = _guess(name, unit)
    if name not in table:
        return guess
    told = table[name]
    entry = told if isinstance(told, NameEntry) else NameEntry(told)
    same = (entry.quantity, entry.scale) == (guess.quantity, guess.scale)
    return guess if same else Meaning(entry.quantity, entry.scale)


def _guess(name: str, unit: str) -> Meaning:
    if name in CATALOGUE:
        return Meaning(name)
    words = {word.lower() for word in _WORDS.findall(name)} | {
        part.lower() for part in re.split(r"[^A-Za-z0-9]+", name) if part
    }
    words |= {_SPLIT[word] for word in words & set(_SPLIT)}
    phase = next((_PHASES[word] for word in sorted(words, key=len, reverse=True) if word in _PHASES), "")
    for needed, never, stem, catalogue_unit in _STEMS:
        if needed <= words and not words & never:
            quantity = stem.replace("{_phase}", f"_{phase}" if phase else "").replace("{phase}", phase)
            if quantity in CATALOGUE:
                return _with_unit(quantity, unit.lower(), words, catalogue_unit)
    return Meaning("")


def _with_unit(quantity: str, unit: str, words: set[str], catalogue_unit: str) -> Meaning:
    if not catalogue_unit:
        return Meaning(quantity)
    if unit:
        factor = _FACTORS.get((unit, catalogue_unit))
        if factor is None:
            return Meaning(quantity, assumed=f"unit {unit!r} taken for {catalogue_unit}")
        return Meaning(quantity, factor)
    # A lone "a" is a phase, not an ampere.
    said = [word for word, to in _FACTORS if to == catalogue_unit and word in words - {"a"}]
    if said:
        return Meaning(quantity, _FACTORS[max(said, key=len), catalogue_unit])
    return Meaning(quantity, assumed=f"no unit is given, taken for {catalogue_unit}")


def read_names(content: str) -> dict[str, str | NameEntry]:
    """The editable table; raises SiteFileRefused with the name that is wrong."""
    names = read_toml(content, NamesFile).names
    for name, told in names.items():
        quantity = told.quantity if isinstance(told, NameEntry) else told
        if quantity and quantity not in CATALOGUE:
            raise SiteFileRefused(
                f'names.{name}: expected a quantity of the catalogue or "", found {quantity!r}; '
                f"there are {', '.join(CATALOGUE)}"
            )
    return names
