"""The interruption ledger as people ask for it: projected from the outage log, remembered for a moment."""

import time
from threading import Lock
from typing import Final

from field_api.ports import Sites
from field_api.projection import Site
from field_api.usecases.outage_absences import OutageAbsences
from geo.network import Network
from telemetry.interruptions import Ledger, ledger_of
from telemetry.outage_chains import chain_of, chains
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog
from telemetry.scope import OutageScope

KEPT_S: Final = 30.0


class Interruptions:
    """Who was out from when to when. Safe to share between threads."""

    def __init__(self, outages: OutageLog, sites: Sites) -> None:
        self._outages = outages
        self._sites = sites
        self._lock = Lock()
        self._kept: tuple[float, Site, Ledger] | None = None

    def ledger(self, now_ms: int) -> tuple[Site, Ledger] | None:
        """The site in force and the ledger of everything so far; None before there is a network.

        One request projects, the others wait for it: they would all ask the same.
        """
        site = self._sites.current()
        if site is None:
            return None
        with self._lock:
            kept = self._kept
            if kept is None or kept[1] is not site or time.monotonic() - kept[0] > KEPT_S:
                kept = self._kept = time.monotonic(), site, self._projected(site, now_ms)
        return site, kept[2]

    def of_outage(self, outage_id: str, now_ms: int) -> OutageAbsences | None:
        """Who was out by one outage, from when to when; None where there is no such outage."""
        chain = chain_of(self._outages, outage_id)
        if not chain:
            return None
        newest = chain[-1]
        site = self._sites.of(newest.network_hash)
        ledger = ledger_of(site.network, [chain], self._scope, now_ms)
        return OutageAbsences.of(newest, site, ledger, now_ms)

    def _projected(self, site: Site, now_ms: int) -> Ledger:
        return ledger_of(site.network, chains(self._outages), self._scope, now_ms)

    def _scope(self, revision: OutageRevision) -> tuple[Network, OutageScope]:
        site = self._sites.of(revision.network_hash)
        return site.network, site.impact(revision).scope
