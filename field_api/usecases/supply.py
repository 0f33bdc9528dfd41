"""What the newest evidence says about an outage: is it over, who still reads dead, who is in it."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Final

import numpy as np

from field_api.ports import Sites
from field_api.projection import Impact
from field_api.usecases.who_is_out import WhoIsOut
from geo.network import Network
from telemetry.mapping_suspects import Suspect, suspects_of
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.ports import OutageLog

Excusing = Callable[[OutageRevision, Sequence[str]], Mapping[str, str]]

MAX_MERGES: Final = 20


class Supply:
    """Reads the outage log live, past the desk's own view of it. Safe to share between threads."""

    def __init__(self, outages: OutageLog, sites: Sites, excused: Excusing | None = None) -> None:
        """``excused``: which dead meters keep no order open; without, all do."""
        self._outages = outages
        self._sites = sites
        self._excused = excused
        self.out = WhoIsOut(outages, sites)
        self._suspects: tuple[tuple[str, int], tuple[Suspect, ...]] | None = None
        self._lock = Lock()

    def newest(self, outage_id: str) -> OutageRevision | None:
        """The newest revision, of the outage that it was merged into where that happened."""
        revision = None
        for _ in range(MAX_MERGES):
            chain = self._outages.revisions(outage_id)
            revision = chain[-1].revision if chain else revision
            if not chain or chain[-1].revision.state is not OutageState.MERGED:
                return revision
            outage_id = chain[-1].revision.merged_into
        return revision

    def history(self, outage_id: str) -> tuple[OutageRevision, ...]:
        """All revisions, oldest first."""
        return tuple(logged.revision for logged in self._outages.revisions(outage_id))

    def suspects(self, network: Network) -> tuple[Suspect, ...]:
        """Customers whose recorded place outages contradicted; worked out again once the log has grown."""
        newest = max((head.id for head in self._outages.current(open_only=False)), default=0)
        key = network.content_hash, newest
        with self._lock:
            if self._suspects is None or self._suspects[0] != key:
                self._suspects = key, suspects_of(network, self._outages)
            return self._suspects[1]

    def waiting_ms(self, after_id: int, now_ms: int) -> int:
        """How long the oldest revision past ``after_id`` has been waiting to be handled; 0: none waits."""
        waiting = self._outages.read(after_id, 1)
        return max(0, now_ms - waiting[0].revision.at_ms) if waiting else 0

    def impact(self, revision: OutageRevision) -> Impact:
        """Who is out as of the revision; the last few hundred are remembered."""
        return self.out.impact(revision)

    def still_dead(self, outage_id: str) -> tuple[str, ...]:
        """Ids of the meters in scope that still read dead; empty once supply is proven back.

        Without those that are excused: silent beforehand, vacant, cut off.
        """
        revision = self.newest(outage_id)
        if revision is None or revision.state not in OPEN_STATES:
            return ()
        network = self._sites.of(revision.network_hash).network
        scope = self.impact(revision).scope
        # Customers recorded elsewhere are as much in the dark as those below the cut.
        outside = np.flatnonzero(np.isin(network.meters.customer, scope.also_out_rows))
        dead = tuple(network.meters.ids[int(row)] for row in np.union1d(scope.meter_rows, outside))
        excused = {} if self._excused is None else self._excused(revision, dead)
        return tuple(meter for meter in dead if meter not in excused)

    def open_now(self) -> tuple[OutageRevision, ...]:
        """The newest revision of every open outage."""
        return tuple(logged.revision for logged in self._outages.current(open_only=True))

    def customers_out(self) -> Mapping[str, str]:
        """Customer → the likeliest open outage that they are in."""
        found: dict[str, str] = {}
        for revision in sorted(self.open_now(), key=lambda one: one.probability):
            network = self._sites.of(revision.network_hash).network
            impact = self.impact(revision)
            found |= {network.customers.ids[int(row)]: revision.outage_id for row in impact.customers}
        return found

    def outage_of(self, customer_id: str) -> str | None:
        """The open outage that this customer is in, the likeliest first."""
        current = [logged.revision for logged in self._outages.current(open_only=True)]
        for revision in sorted(current, key=lambda one: -one.probability):
            network = self._sites.of(revision.network_hash).network
            row = network.customer_row.get(customer_id)
            if row is not None and row in self.impact(revision).customers:
                return revision.outage_id
        return None
