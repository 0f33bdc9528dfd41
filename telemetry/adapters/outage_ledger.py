"""The interruption ledger of a company, read from its outage log and its networks."""

from functools import lru_cache
from typing import Final

from geo.network import Network
from geo.ports import NetworkStore
from telemetry.interruptions import Ledger, ledger_of
from telemetry.outage_chains import chains
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog
from telemetry.scope import OutageScope
from telemetry.scopes import Scopes

NETWORKS_KEPT: Final = 2


class OutageLedger:
    """Projects the log when asked, with the few networks and trees that this needs kept."""

    def __init__(self, store: NetworkStore, log: OutageLog) -> None:
        self._store = store
        self._log = log
        self._site = lru_cache(maxsize=NETWORKS_KEPT)(self._loaded)

    def ledger(self, network: Network, until_ms: int) -> Ledger:
        """Every outage so far; open ones last until ``until_ms``. ``network`` is the one in force."""
        return ledger_of(network, chains(self._log), self._scope, until_ms)

    def _loaded(self, content_hash: str) -> tuple[Network, Scopes]:
        network = self._store.get(content_hash)
        return network, Scopes(network)

    def _scope(self, revision: OutageRevision) -> tuple[Network, OutageScope]:
        network, scopes = self._site(revision.network_hash)
        return network, scopes.of(revision)
