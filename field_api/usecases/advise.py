"""Is the fault a caller's own? Beyond the ownership boundary there is advice, no truck (产权分界点)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.ports import Sites
from field_api.usecases.supply import Supply
from telemetry.ports import ReadingStore

METER_ALIVE: Final = "meter_alive"


@dataclass(frozen=True, slots=True)
class Advise:
    supply: Supply
    sites: Sites
    readings: ReadingStore

    def __call__(self, customer_id: str, outage_id: str | None, since_ms: int) -> str:
        """``reason=element`` where the company has nothing to repair, else ''.

        An outage that the customer is in speaks first. Without one, a reading of all of their meters taken
        since they called proves that supply reaches the boundary.
        """
        if outage_id is not None:
            revision = self.supply.newest(outage_id)
            return "" if revision is None else revision.owner_side
        site = self.sites.current()
        row = None if site is None else site.network.customer_row.get(customer_id)
        if site is None or row is None:
            return ""
        meters = [site.network.meters.ids[m] for m in np.flatnonzero(site.network.meters.customer == row)]
        latest = self.readings.latest(meters) if meters else {}
        spoken = [meter for meter in meters if meter in latest and latest[meter].at_ms >= since_ms]
        return f"{METER_ALIVE}={spoken[0]}" if meters and len(spoken) == len(meters) else ""
