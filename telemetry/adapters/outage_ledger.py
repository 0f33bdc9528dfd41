"""The interruption ledger of a company, read from its outage log and its networks."""

from functools import lru_cache
from typing import Final

from geo.network import Network
from geo.ports import NetworkStore
from geo.tree import EnergisedTree
from telemetry.interruptions import Ledger, ledger_of
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog
from telemetry.scope import OutageScope, scope_of
from telemetry.supply import Switches, positions_of, standing_with, supply_tree

NETWORKS_KEPT: Final = 2
TREES_KEPT: Final = 32


class OutageLedger:
    """Projects the log when asked, with the few networks and trees that this needs kept."""

    def __init__(self, store: NetworkStore, log: OutageLog) -> None:
        self._log = log
        self._network = lru_cache(maxsize=NETWORKS_KEPT)(store.get)
        self._tree = lru_cache(maxsize=TREES_KEPT)(self._supply)

    def ledger(self, network: Network, until_ms: int) -> Ledger:
        """Every outage so far; open ones last until ``until_ms``. ``network`` is the one in force."""
        heads = [logged.revision.outage_id for logged in self._log.current(open_only=False)]
        chains = ([logged.revision for logged in self._log.revisions(head)] for head in heads)
        return ledger_of(network, chains, self._scope, until_ms)

    def _supply(self, content_hash: str, switches: Switches) -> EnergisedTree:
        network = self._network(content_hash)
        stands = standing_with(network, switches)
        return supply_tree(stands, positions_of(stands, switches))

    def _scope(self, revision: OutageRevision) -> tuple[Network, OutageScope]:
        network = self._network(revision.network_hash)
        return network, scope_of(network, self._tree(revision.network_hash, revision.switches), revision)
