"""What the detector stands on: the tree as switched now, and of each source's area what is built on it.

Areas are built when something happens in them. A change of switches that leaves the tree as it is costs
nothing, one that moves supply costs the tree, and only areas that it reached are built again.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from geo.network import Bool, Int32, Network
from geo.row_sets import distinct
from geo.source_areas import SourceArea, SourceAreas, same_supply
from geo.standing import generator_rows, standing
from geo.tree import EnergisedTree
from telemetry.inference import InferenceGrid, InferenceModel
from telemetry.news import Rows
from telemetry.observations import Observations
from telemetry.signs import Devices
from telemetry.supply import Switches, keeps_tree, position_of, reported_positions, supply_tree, switches_of


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One source's area with what inference and tracking need of it."""

    number: int
    area: SourceArea
    grid: InferenceGrid
    devices: Devices

    @property
    def rows(self) -> Rows:
        """Row in the whole network by row in the area."""
        return Rows(self.area.meters, self.area.terminals, self.area.edges)


@dataclass(eq=False)
class Ground:
    """Positions of all switches, the tree that follows, and its sections so far."""

    network: Network
    """With the jumpers and generators that stand in the field (``geo.standing``)."""
    model: InferenceModel
    closed: Bool
    tree: EnergisedTree
    changed: tuple[int, ...] = ()
    """Numbers of the areas that the last change of switches reached."""
    temporary: tuple[str, ...] = ()
    """Ids of those jumpers and generators, as they were told."""
    _sections: dict[int, Section] = field(default_factory=dict)

    @staticmethod
    def of(
        network: Network, model: InferenceModel, seen: Observations, temporary: tuple[str, ...] = ()
    ) -> "Ground":
        """By the newest reports of the switches, with what stands in the field for a while."""
        stands = standing(network, temporary)
        spare = np.ones(len(stands.edges) - len(network.edges), np.bool_)
        closed = np.append(reported_positions(network, seen.edge_open_ms, seen.edge_closed_ms), spare)
        return Ground(stands, model, closed, supply_tree(stands, closed), temporary=temporary)

    @cached_property
    def switches(self) -> Switches:
        """What is not in its normal position."""
        return switches_of(self.network, self.closed)

    @cached_property
    def areas(self) -> SourceAreas:
        return SourceAreas(self.network, self.tree)

    def section(self, number: int) -> Section:
        """Built at the first call."""
        found = self._sections.get(number)
        if found is None:
            area = self.areas.area(number)
            grid = InferenceGrid.build(area.network, area.tree, self.model)
            found = self._sections[number] = Section(number, area, grid, Devices.on(area.network, area.tree))
        return found

    def forget(self, number: int) -> None:
        """Nothing happens there now: what was built may go."""
        self._sections.pop(number, None)

    def switched(self, edges: Int32, seen: Observations) -> "Ground":
        """The ground after new reports of these edges; itself where no position changed."""
        now = position_of(self.network, edges, seen.edge_open_ms, seen.edge_closed_ms)
        moved = edges[now != self.closed[edges]]
        if not len(moved):
            return self
        closed = self.closed.copy()
        closed[edges] = now
        parallel = len(generator_rows(self.network)) > 0  # one may feed what a switch leaves dead
        if not parallel and keeps_tree(self.network, self.tree, closed, moved):
            after = Ground(self.network, self.model, closed, self.tree, (), self.temporary, self._sections)
            after.areas = self.areas
            return after
        tree = supply_tree(self.network, closed)
        areas = SourceAreas(self.network, tree)
        changed = tuple(n for n in range(len(areas)) if not same_supply(self.areas, areas, n))
        kept = {number: section for number, section in self._sections.items() if number not in changed}
        return Ground(self.network, self.model, closed, tree, changed, self.temporary, kept)


def areas_of(areas: SourceAreas, meters: Int32, terminals: Int32, edges: Int32) -> list[int]:
    """Numbers of the areas, each once, in which these rows have supply."""
    numbers = np.concatenate((areas.of_meters(meters), areas.of_terminals(terminals), areas.of_edges(edges)))
    found: list[int] = distinct(numbers[numbers >= 0]).tolist()
    return found
