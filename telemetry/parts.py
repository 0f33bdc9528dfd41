"""Which part of the tree an outage is: positions below the topmost element of its class."""

from collections.abc import Iterable

import numpy as np

from geo.network import Bool
from telemetry.lifecycle import Tracked
from telemetry.scope import slice_below
from telemetry.signs import Scene


def taken_by(scene: Scene, tracked: Iterable[Tracked]) -> Bool:
    """Positions inside any of these outages; of one that ended just now the posterior speaks first."""
    taken = np.zeros(len(scene.tree), np.bool_)
    for t in tracked:
        taken[part_of(scene, t)] = True
    return taken


def part_of(scene: Scene, tracked: Tracked) -> slice:
    """Tree positions of the outage's class: below its topmost element; empty where none of it has supply.

    Where switching took the cause itself out of the tree, the rest of its class still holds the customers.
    """
    own = slice_below(scene.network, scene.tree, tracked.cause.element)
    if tracked.single and not tracked.cut and own.stop > own.start:
        return slice(own.start, own.start + 1)
    parts = [slice_below(scene.network, scene.tree, element) for element in tracked.cause.equivalent]
    around = [part for part in parts if lies_in(own if own.start < own.stop else part, part)]
    return min(around, key=lambda part: part.start, default=own)


def lies_in(inner: slice, outer: slice) -> bool:
    """Whether a part lies inside another; an empty one does not."""
    return bool(inner.start < inner.stop and outer.start <= inner.start and inner.stop <= outer.stop)
