"""What every foreign configuration is read into before our files are written. Pure."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from gateway.modbus.device_models import Table
from gateway.modbus.values import Order

LineKind = Literal["tcp", "rtu_over_tcp", "serial"]


class ForeignFileRefused(ValueError):
    """The file as a whole is not what it was said to be; the text says where and what was expected."""


@dataclass(frozen=True, slots=True)
class ForeignLine:
    """A connection."""

    kind: LineKind
    host: str = ""
    port: int = 502
    path: str = ""
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    timeout_s: float = 1.0


@dataclass(frozen=True, slots=True)
class ForeignPoint:
    """One value that the other gateway reads, under its own name; ``type`` is spelled as ours."""

    name: str
    where: str
    """Place in the foreign file."""
    table: Table
    address: int
    type: str
    order: Order = Order.ABCD
    scale: Decimal = Decimal(1)
    unit: str = ""


@dataclass(slots=True)
class ForeignDevice:
    name: str
    unit: int
    line: ForeignLine
    every_s: float
    points: list[ForeignPoint] = field(default_factory=list)


@dataclass(slots=True)
class Foreign:
    """A foreign file, read; ``untaken`` names all of it that has no equivalent here, with its place."""

    devices: list[ForeignDevice] = field(default_factory=list)
    untaken: list[str] = field(default_factory=list)

    def leave(self, where: str, what: str) -> None:
        self.untaken.append(f"{where}: {what}")

    def leave_keys(self, where: str, table: dict[str, object], known: frozenset[str], what: str) -> None:
        """Every key that nobody here looked at."""
        for key in table:
            if key not in known:
                self.leave(f"{where}.{key}", what)


def decimal_of(value: object, where: str) -> Decimal:
    """A number of a foreign file, exactly as it is written there; raises ForeignFileRefused."""
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        raise ForeignFileRefused(f"{where}: expected a number, found {value!r}") from None
    if not found.is_finite():
        raise ForeignFileRefused(f"{where}: expected a number, found {value!r}")
    return found


def integer_of(value: object, where: str, least: int = 0, most: int = 65_535) -> int:
    """Decimal or 0x…; raises ForeignFileRefused."""
    try:
        found = int(str(value).strip(), 0)
    except ValueError:
        raise ForeignFileRefused(f"{where}: expected a whole number, found {value!r}") from None
    if not least <= found <= most:
        raise ForeignFileRefused(f"{where}: expected {least} to {most}, found {found}")
    return found


def text_of(value: object, where: str) -> str:
    """Raises ForeignFileRefused where it is no text."""
    if not isinstance(value, str):
        raise ForeignFileRefused(f"{where}: expected text, found {value!r}")
    return value


def tables_of(value: object, where: str) -> list[dict[str, object]]:
    """A list of tables; raises ForeignFileRefused."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ForeignFileRefused(f"{where}: expected a list of tables, found {str(value)[:80]!r}")
    return value


ORDERS = {
    "AB": Order.ABCD,
    "ABCD": Order.ABCD,
    "BA": Order.DCBA,
    "DCBA": Order.DCBA,
    "BADC": Order.BADC,
    "CDAB": Order.CDAB,
}
