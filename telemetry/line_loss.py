"""Line loss of a transformer area and a day: what was supplied and not sold.

loss = (supply − Σ customers) / supply, with what customers fed in on both sides: supply is the transformer's
import less its export, customers are their import less theirs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from telemetry.downsampling import Bucket

IMPORT: Final = "energy_import_kwh"
EXPORT: Final = "energy_export_kwh"
LEAST_SUPPLY_KWH: Final = Decimal(10)
"""A day with less says nothing: a transformer's own loss outweighs it."""
LEAST_SHARE: Final = Decimal("0.98")
"""Share of the area's meters that must be known: an unread meter looks like a loss."""


@dataclass(frozen=True, slots=True)
class AreaDay:
    """Energy of one area and day; None where the transformer was not read at both ends of the day."""

    supplied_kwh: Decimal | None
    sold_kwh: Decimal
    meters_read: int
    meters: int

    @property
    def loss_percent(self) -> float | None:
        """None where too little is known to say."""
        supplied = self.supplied_kwh
        if supplied is None or supplied < LEAST_SUPPLY_KWH or not self.meters:
            return None
        if self.meters_read < LEAST_SHARE * self.meters:
            return None
        return float((supplied - self.sold_kwh) / supplied * 100)


def used_kwh(before: Bucket | None, day: Bucket | None) -> Decimal | None:
    """Import less export between the last values of two days; None where either was not read.

    A counter that ran backwards (a meter was exchanged) tells nothing.
    """
    used = _grown(before, day, IMPORT)
    if used is None:
        return None
    return used - (_grown(before, day, EXPORT) or Decimal(0))


def area_day(supplied_kwh: Decimal | None, customers_kwh: Iterable[Decimal | None]) -> AreaDay:
    """The area's sums from its transformer's meter and its customers' ones."""
    listed = list(customers_kwh)
    known = [used for used in listed if used is not None]
    return AreaDay(supplied_kwh, sum(known, Decimal(0)), len(known), len(listed))


def _grown(before: Bucket | None, day: Bucket | None, counter: str) -> Decimal | None:
    if before is None or day is None or counter not in before.values or counter not in day.values:
        return None
    grown = day.values[counter].last - before.values[counter].last
    return grown if grown >= 0 else None
