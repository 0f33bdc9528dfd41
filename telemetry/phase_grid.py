"""A slice of the compressed tree as the sweeps over phases need it: sides, and how classes lose phases."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import ABSENT, Bool, EdgeKind, Float64, Int8, Int32
from telemetry.inference_grid import InferenceGrid
from telemetry.phase_model import PhaseModel, losses, rates_of

MAX_CLASSES: Final = 30_000
"""A larger supply area is looked at feeder by feeder; what it is fed through is then taken to be whole."""
SLICES_KEPT: Final = 4
MEDIUM, LOW, TURNS = 0, 1, 2
"""Sides of a class: at medium voltage, at low voltage, or holding the transformer."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSlice:
    """The classes [first, stop) and what they are fed through inside the slice."""

    first: int
    stop: int
    parent: Int32
    """[classes] counted from ``first``, −1 at the top."""
    side: Int8
    lost_mv: Float64
    """[classes, 8] P(exactly this set is lost in the class's part at medium voltage)."""
    lost_lv: Float64
    part: slice
    """Positions of the slice."""
    single_mv: Float64
    """[positions of the slice] rate of losing one phase at medium voltage."""
    single_lv: Float64


class Slices:
    """Slices as they were made, while their grid is in use: they depend on nothing else."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[int, int], tuple[InferenceGrid, PhaseSlice]] = OrderedDict()

    def at(self, grid: InferenceGrid, first: int, model: PhaseModel) -> PhaseSlice:
        """The slice that begins with the class ``first``."""
        key = (id(grid), first)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = (grid, slice_at(grid, first, grid.survival, model))
            while len(self._made) > SLICES_KEPT:
                self._made.popitem(last=False)
        return found[1]


def top_of(grid: InferenceGrid, element_class: int) -> int:
    """Top of the largest part of the tree around a class that is not too large to look at."""
    top = element_class
    while grid.parent[top] >= 0:
        above = int(grid.parent[top])
        if grid.end[above] - above > MAX_CLASSES:
            break
        top = above
    return top


def slice_at(grid: InferenceGrid, first: int, survival: Float64, model: PhaseModel) -> PhaseSlice:
    """The slice that begins with the class ``first``; ``survival`` [positions] is log P(no failure)."""
    stop = int(grid.end[first])
    top = int(grid.class_top[first])
    part = slice(top, int(grid.tree.end[top]))
    low, turns = _voltage_sides(grid, part)
    single_mv, single_lv, whole = _rates(grid, part, -survival[part], low, turns, model)
    at_low = low & ~turns
    inside = grid.class_of[part] - first
    known = grid.class_of[part] >= first

    def summed(rate: Float64) -> Float64:
        total: Float64 = np.bincount(inside[known], weights=rate[known], minlength=stop - first).astype(
            np.float64
        )
        return total

    whole_lv = summed(np.where(at_low | turns, whole, 0.0))
    whole_mv = summed(np.where(at_low | turns, 0.0, whole))
    parent = grid.parent[first:stop] - first
    parent[0] = ABSENT
    return PhaseSlice(
        first=first,
        stop=stop,
        parent=parent.astype(np.int32),
        side=_sides(inside[known], low[known], turns[known], stop - first),
        lost_mv=losses(rates_of(whole_mv, summed(single_mv), model)),
        lost_lv=losses(rates_of(whole_lv, summed(single_lv), model)),
        part=part,
        single_mv=single_mv,
        single_lv=single_lv,
    )


def _voltage_sides(grid: InferenceGrid, part: slice) -> tuple[Bool, Bool]:
    """[positions] at low voltage, and whether the step to low voltage is taken on the way there.

    What is below low voltage is low voltage; where voltages are unknown a transformer leads to it.
    """
    network, tree = grid.network, grid.tree
    kilovolts = network.nodes.voltage_kv[tree.node[part]]
    edge = tree.edge[part]
    transformer = (edge != ABSENT) & (network.edges.kind[edge] == EdgeKind.TRANSFORMER)
    own = np.where(np.isnan(kilovolts), transformer, kilovolts < 1.0)
    steps = np.zeros(part.stop - part.start + 1, np.int32)
    rows = np.flatnonzero(own)
    np.add.at(steps, rows, 1)
    np.add.at(steps, tree.end[part][rows] - part.start, -1)
    low = np.cumsum(steps[:-1]) > 0
    above = tree.parent[part] - part.start
    fed_low = np.where(above >= 0, low[np.maximum(above, 0)], tree.parent[part] == ABSENT)
    if above[0] < 0 and tree.parent[part.start] != ABSENT:
        fed_low[0] = _low_node(grid, int(tree.parent[part.start]))
    return low, low & ~fed_low


def _low_node(grid: InferenceGrid, position: int) -> bool:
    return bool(grid.network.nodes.voltage_kv[grid.tree.node[position]] < 1.0)


def _rates(
    grid: InferenceGrid, part: slice, whole: Float64, low: Bool, turns: Bool, model: PhaseModel
) -> tuple[Float64, Float64, Float64]:
    """[positions] rates of losing one phase at medium and at low voltage, and of losing all."""
    edge = grid.tree.edge[part]
    kind = grid.network.edges.kind[edge]
    shares = np.zeros((2, len(EdgeKind)))
    for row, factors in zip(shares, (model.single, model.single_low), strict=True):
        for each, factor in factors.items():
            row[each] = factor
    medium, at_low = (np.where(edge == ABSENT, model.source_single, row[kind]) * whole for row in shares)
    single_lv = np.where(low, at_low, 0.0)
    single_mv = np.where(turns, model.transformer_primary * whole, np.where(low, 0.0, medium))
    return single_mv, single_lv, whole


def _sides(inside: Int32, low: Bool, turns: Bool, classes: int) -> Int8:
    """[classes] their side, from those of their positions."""
    side = np.zeros(classes, np.int8)
    side[inside[low]] = LOW
    side[inside[turns]] = TURNS
    mixed = np.zeros((classes, 2), np.bool_)
    mixed[inside[low & ~turns], 1] = True
    mixed[inside[~low], 0] = True
    side[mixed.all(axis=1)] = TURNS
    return side
