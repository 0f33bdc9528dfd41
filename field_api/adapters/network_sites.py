"""Networks of the store with what the desk derives from them, the few in use kept in memory."""

import time
from collections import OrderedDict
from threading import Lock
from typing import Final

from field_api.ports import Clock
from field_api.projection import Site
from geo.ports import NetworkStore

SITES_KEPT: Final = 3
LOOK_AGAIN_S: Final = 5.0


class NetworkSites:
    """``Sites`` over a network store. Safe to share between threads."""

    def __init__(self, store: NetworkStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sites: OrderedDict[str, Site] = OrderedDict()
        self._lock = Lock()
        self._current = ""
        self._looked_s = -LOOK_AGAIN_S

    def of(self, network_hash: str) -> Site:
        """The site of a snapshot; raises ``UnknownElement`` for a hash never stored."""
        with self._lock:
            if network_hash not in self._sites:
                self._sites[network_hash] = Site(self._store.get(network_hash))
            self._sites.move_to_end(network_hash)
            while len(self._sites) > SITES_KEPT:
                self._sites.popitem(last=False)
            return self._sites[network_hash]

    def current(self) -> Site | None:
        """The site of the network in force; looked up again after some seconds."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_AGAIN_S:
            version = self._store.effective(self._clock())
            self._current = version.content_hash if version else ""
            self._looked_s = now_s if version else -LOOK_AGAIN_S
        return self.of(self._current) if self._current else None
