"""A table of signal names as a file writes it → what decoders use. Pure: the edge reads the file."""

from decimal import Decimal
from typing import Final

import msgspec

from gateway.codecs.foreign import Signal, Signals
from gateway.site_toml import SiteFileRefused, read_toml
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE

MAX_NAMES: Final = 5_000
_KINDS: Final = {
    kind.value: kind
    for kind in (
        EvidenceKind.POWER_OFF,
        EvidenceKind.POWER_ON,
        EvidenceKind.SWITCH_OPEN,
        EvidenceKind.SWITCH_CLOSED,
        EvidenceKind.FAULT_PASSAGE,
    )
}


class _Scaled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quantity: str
    factor: Decimal | int = 1


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    times: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    good: tuple[str, ...] | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: tuple[str, ...] = ()
    quantities: dict[str, str | _Scaled] = {}
    alarms: dict[str, str] = {}
    named: dict[str, str] = {}
    data: _Data = _Data()


def read_table(text: str, base: Signals | None = None) -> Signals:
    """The table of one file, laid over ``base`` name by name; raises SiteFileRefused."""
    file = read_toml(text, _File)
    base = base or Signals({}, {}, {})
    if len(file.quantities) + len(file.alarms) + len(file.named) > MAX_NAMES:
        raise SiteFileRefused(f"expected at most {MAX_NAMES} names")
    quantities = {name: _signal(name, value) for name, value in file.quantities.items()}
    alarms = {name: _kind(name, value) for name, value in file.alarms.items()}
    again = {*quantities, *alarms, *file.named}
    kept = Signals(
        quantities={name: value for name, value in base.quantities.items() if name not in again},
        alarms={name: value for name, value in base.alarms.items() if name not in again},
        named={name: value for name, value in base.named.items() if name not in again},
    )
    return Signals(
        quantities={**kept.quantities, **quantities},
        alarms={**kept.alarms, **alarms},
        named={**kept.named, **file.named},
        ignored=base.ignored | set(file.data.ignored),
        times=base.times if file.data.times is None else file.data.times,
        good=base.good if file.data.good is None else frozenset(file.data.good),
    )


def _signal(name: str, value: str | _Scaled) -> Signal:
    quantity = value if isinstance(value, str) else value.quantity
    factor = Decimal(1) if isinstance(value, str) else Decimal(value.factor)
    if quantity not in CATALOGUE:
        raise SiteFileRefused(f"quantities.{name}: expected a quantity of the catalogue, found {quantity!r}")
    if not factor.is_finite() or not factor:
        raise SiteFileRefused(f"quantities.{name}.factor: expected a number other than 0, found {factor}")
    return Signal(quantity, factor)


def _kind(name: str, value: str) -> EvidenceKind:
    if value not in _KINDS:
        raise SiteFileRefused(f"alarms.{name}: expected one of {', '.join(_KINDS)}, found {value!r}")
    return _KINDS[value]
