"""Scopes of many revisions on one network: trees are made once per switch positions."""

from functools import lru_cache
from typing import Final

from geo.network import Network
from geo.tree import EnergisedTree
from telemetry.outages import OutageRevision
from telemetry.scope import OutageScope, scope_of, tree_with
from telemetry.supply import Switches

TREES_KEPT: Final = 16


class Scopes:
    """Keeps the trees of the few positions that were asked for last. Safe to share between threads."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._tree = lru_cache(maxsize=TREES_KEPT)(self._supply)

    def of(self, revision: OutageRevision) -> OutageScope:
        """What is out as of the revision."""
        return scope_of(self._network, self._tree(revision.switches), revision)

    def _supply(self, switches: Switches) -> EnergisedTree:
        return tree_with(self._network, switches)
