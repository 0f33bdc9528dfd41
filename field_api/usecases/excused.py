"""Dead meters that do not keep an order open: silent long before the outage, vacant, cut off.

A meter that was not heard for a day before the outage cannot tell whether supply is back. Where nobody in
scope was heard, nothing is excused: then the readings are missing, not the meters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.ports import Sites
from geo.network import Network
from telemetry.outages import OutageRevision
from telemetry.ports import ReadingsAway, ReadingStore

SILENT_BEFORE_MS: Final = 24 * 3_600_000
COLUMN: Final = "supply"
"""Column of ``customers.csv`` that a site may add: ``normal``, ``vacant`` or ``cut_off``."""
WITHOUT_SUPPLY: Final = frozenset({"vacant", "cut_off"})


@dataclass(frozen=True, slots=True)
class Excused:
    """Knows the customers' state and when meters were heard last."""

    sites: Sites
    readings: ReadingStore

    def __call__(self, revision: OutageRevision, meters: Sequence[str]) -> Mapping[str, str]:
        """Meter → why it does not count, of those that do not."""
        if not meters:
            return {}
        found = _without_supply(self.sites.of(revision.network_hash).network, meters)
        return found | {
            meter: "silent_before" for meter in self._silent_before(revision, meters) if meter not in found
        }

    def _silent_before(self, revision: OutageRevision, meters: Sequence[str]) -> tuple[str, ...]:
        try:
            newest = self.readings.latest(meters)
        except ReadingsAway:
            return ()
        since_ms = revision.started_at_ms - SILENT_BEFORE_MS
        silent = tuple(meter for meter in meters if meter not in newest or newest[meter].at_ms < since_ms)
        return silent if len(silent) < len(meters) else ()


def _without_supply(network: Network, meters: Sequence[str]) -> dict[str, str]:
    column = network.customers.extra.get(COLUMN)
    if column is None:
        return {}
    rows = {meter: int(network.meters.customer[network.meter_row[meter]]) for meter in meters}
    return {meter: column[row] for meter, row in rows.items() if column[row] in WITHOUT_SUPPLY}
