"""Which grid cell a place on the map lies in: that of the nearest distribution transformer (ORG-02).

The same rule draws the land of the cells (``geo.territory``), so that a place lies where the map shows it;
beyond all land the rule goes on, so that every place on earth has exactly one cell.
"""

import numpy as np
from scipy.spatial import KDTree

from geo.cells import Cells
from geo.coordinates import mercator
from geo.network import Float64, Int32, Network
from geo.territory import anchors


class CellFinder:
    """Finds cells of places; made once for a network. Safe to share between threads."""

    def __init__(self, network: Network, cells: Cells) -> None:
        places, self._label = anchors(network, cells, mercator(network.nodes.lon, network.nodes.lat))
        self._tree = KDTree(places) if len(places) else None
        self._ids = cells.ids

    def at(self, lon: Float64, lat: Float64) -> Int32:
        """Number of the cell of each place (degrees); the first cell in a network without any place."""
        asked = mercator(np.atleast_1d(lon), np.atleast_1d(lat))
        if self._tree is None:
            return np.zeros(len(asked), np.int32)
        return self._label[self._tree.query(asked)[1]].astype(np.int32)

    def cell_at(self, lon: float, lat: float) -> str:
        """Id of the one cell of a place. ValueError for coordinates that are no number."""
        if not (np.isfinite(lon) and np.isfinite(lat)):
            raise ValueError(f"no place: {lon}, {lat}")
        return self._ids[int(self.at(np.array([lon]), np.array([lat]))[0])]
