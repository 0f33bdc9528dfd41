"""Vector tiles of the networks in use; customers of other grid cells are left out of a person's tiles."""

from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import Final

import numpy as np

from field_api.people.users import Scope
from field_api.projection import Site
from geo.network import ABSENT, Meters, Network
from geo.tiles import TileSource

SOURCES_KEPT: Final = 32
PERSONAL: Final = frozenset({"customers", "areas"})
"""Layers that show customers."""

_Key = tuple[str, frozenset[str] | None]


class MapTiles:
    """``Tiles`` by our own encoder. Safe to share between threads."""

    def __init__(self) -> None:
        self._sources: OrderedDict[_Key, TileSource] = OrderedDict()
        self._lock = Lock()

    def tile(self, site: Site, scope: Scope, layer: str, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, b'' where it is empty, None for an unknown layer or place."""
        limited = layer in PERSONAL and not scope.whole_company
        return self._source(site, scope.grid_ids if limited else None).tile(layer, z, x, y)

    def _source(self, site: Site, cells: frozenset[str] | None) -> TileSource:
        key = site.network.content_hash, cells
        with self._lock:
            if key not in self._sources:
                network = site.network if cells is None else _without_others(site, cells)
                self._sources[key] = TileSource(network, site.cells, site.feeding)
            self._sources.move_to_end(key)
            while len(self._sources) > SOURCES_KEPT:
                self._sources.popitem(last=False)
            return self._sources[key]


def _without_others(site: Site, cells: frozenset[str]) -> Network:
    """The same rows of customers, but those of other cells have no place, and their meters are left out."""
    network, meters = site.network, site.network.meters
    inside = np.array([cell in cells for cell in site.cells.ids])[site.cells.of_customer]
    kept = np.flatnonzero((meters.customer != ABSENT) & inside[meters.customer])
    places = np.where(inside, network.customers.access_point, ABSENT).astype(np.int32)
    return replace(
        network,
        customers=replace(network.customers, access_point=places),
        meters=Meters(
            ids=tuple(meters.ids[row] for row in kept),
            node=meters.node[kept],
            customer=meters.customer[kept],
            phases=meters.phases[kept],
            terminal=meters.terminal[kept],
        ),
    )
