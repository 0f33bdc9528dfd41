"""The grid of any instant: the version in force then, in the positions that are known of then."""

from collections.abc import Callable
from typing import Final

from field_api.kept import Kept
from field_api.ports import Sites
from field_api.projection import Site
from field_api.usecases.errors import NotFound
from geo.live_grid import LiveGrid
from geo.ports import NetworkStore
from telemetry.supply import Switches
from telemetry.switch_history import Position, SwitchHistory

GRIDS_KEPT: Final = 4


class LiveGrids:
    """Keeps the few that were asked for last. Safe to share between threads."""

    def __init__(self, sites: Sites, networks: NetworkStore, history: Callable[[], SwitchHistory]) -> None:
        self._sites = sites
        self._networks = networks
        self._history = history
        self._kept: Kept[tuple[str, Switches], LiveGrid] = Kept(GRIDS_KEPT)

    def site(self, at_ms: int) -> Site:
        """The network in force then. Raises ``NotFound`` for an instant before the first one."""
        version = self._networks.effective(at_ms)
        if version is None:
            raise NotFound("network.none_then")
        return self._sites.of(version.content_hash)

    def positions(self, site: Site, at_ms: int) -> tuple[Position, ...]:
        """What was not in its normal position then."""
        return self._history().positions(site.network, at_ms)

    def grid(self, site: Site, at_ms: int) -> LiveGrid:
        """The network in the positions of that instant."""
        switches = tuple((one.element, one.closed) for one in self.positions(site, at_ms))
        key = site.network.content_hash, switches
        grid = self._kept.get(key)
        if grid is None:
            grid = LiveGrid.of(site.network, switches)
            self._kept.put(key, grid)
        return grid
