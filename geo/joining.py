"""Lines that name no nodes, joined by where their ends lie.

An end joins the node, or the drawn switch or transformer, or the other ends that lie within the tolerance.
A device drawn as a point parts the lines that end at it: a transformer by their voltage, a switch the first
line from the others. What joins nothing becomes a node of its own and is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from scipy.spatial import KDTree

from geo.coordinates import metres_around
from geo.network import Bool, Float64, Int32, Texts
from geo.topology import connected
from geo.voltage import LV_BELOW_KV

TELL_FROM_M: Final = 0.01
"""Ends that lie nearer than this meet."""
FAR_M: Final = 1e8
MOST_NEAR: Final = 8
"""Places looked at for the nearest thing that is not the line itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Nodes and edges as drawn, in degrees; edges that name both nodes need no joining."""

    node_ids: Texts
    node_at: Float64
    """(n, 2); NaN where unknown."""
    edge_ids: Texts
    begin: Float64
    """(m, 2); NaN where the edge is no line, or names its ``from`` node."""
    end: Float64
    device_at: Float64
    """(m, 2); place of an edge drawn as a point, NaN elsewhere."""
    transformer: Bool
    voltage_kv: Float64
    """Per edge where the source gives it; NaN else."""


@dataclass(frozen=True, slots=True)
class NewNode:
    id: str
    kind: str
    lon: float
    lat: float
    voltage_kv: float
    edge: int
    """Row of the edge that it was made for."""


@dataclass(frozen=True, slots=True)
class LooseEnd:
    edge: int
    lon: float
    lat: float
    near: str
    """Id of the nearest other thing, '' where there is none."""
    distance_m: float


@dataclass(slots=True)
class Joined:
    """Per edge the ids of its nodes ('' where not asked for); what had to be made, and what is odd."""

    from_ids: list[str]
    to_ids: list[str]
    nodes: list[NewNode] = field(default_factory=list)
    loose: list[LooseEnd] = field(default_factory=list)
    moved: list[tuple[int, float]] = field(default_factory=list)
    """(edge, metres) of edges that were joined over a distance."""
    guessed: list[tuple[int, int, int]] = field(default_factory=list)
    """(device, the line taken to lie on its first side, how many lines end at it)."""


def join(drawing: Drawing, tolerance_m: float) -> Joined:
    """Find the nodes of all ends."""
    return _Joining(drawing, tolerance_m).run()


@dataclass(eq=False)
class _Joining:
    drawing: Drawing
    tolerance_m: float

    def __post_init__(self) -> None:
        drawing, count = self.drawing, len(self.drawing.edge_ids)
        self.found = Joined([""] * count, [""] * count)
        everything = np.concatenate((drawing.node_at, drawing.begin, drawing.end, drawing.device_at))
        metres = metres_around(everything[:, 0], everything[:, 1])
        cuts = np.cumsum([len(drawing.node_at), count, count])
        self.node_m, self.begin_m, self.end_m, self.device_m = np.split(metres, cuts)
        self.taken: set[str] = set(drawing.node_ids)
        ends_m = np.concatenate((self.begin_m, self.end_m))
        self.ends: Int32 = np.flatnonzero(np.isfinite(ends_m).all(axis=1)).astype(np.int32)
        """Numbers of the ends to join: edge for its begin, count + edge for its end."""
        self.ends_m = ends_m[self.ends]
        self.open = np.ones(len(self.ends), np.bool_)

    def run(self) -> Joined:
        self._devices()
        self._nodes()
        self._each_other()
        return self.found

    def _devices(self) -> None:
        rows = np.flatnonzero(np.isfinite(self.device_m).all(axis=1))
        if not len(rows):
            return
        near: list[list[int]] = [[] for _ in rows]
        if len(self.ends):
            found = KDTree(self.ends_m).query_ball_point(self.device_m[rows], self.tolerance_m)
            near = [list(ends) for ends in np.asarray(found, np.object_)]
        for row, ends in zip(rows.tolist(), near, strict=True):
            self._device(row, sorted((end for end in ends if self.open[end]), key=self._edge))

    def _device(self, row: int, ends: list[int]) -> None:
        drawing, identifier = self.drawing, self.drawing.edge_ids[row]
        first, second = self._sides(row, ends)
        kv = self._voltage(first)
        self.found.from_ids[row] = self._side(row, first, f"{identifier}-1", kv)
        low = bool(drawing.transformer[row])
        kind, low_kv = ("transformer_lv", 0.4) if low else ("junction", self._voltage(second or first))
        self.found.to_ids[row] = self._new(f"{identifier}-2", kind, drawing.device_at[row], low_kv, row)
        self._settle(second, self.found.to_ids[row], self.device_m[row])
        if not ends:
            self._loose(row, drawing.device_at[row], self.device_m[row])

    def _sides(self, row: int, ends: list[int]) -> tuple[list[int], list[int]]:
        if not self.drawing.transformer[row]:
            if len(ends) > 2:
                self.found.guessed.append((row, self._edge(ends[0]), len(ends)))
            return ends[:1], ends[1:]
        low = [end for end in ends if self.drawing.voltage_kv[self._edge(end)] < LV_BELOW_KV]
        return [end for end in ends if end not in low], low

    def _side(self, row: int, ends: list[int], identifier: str, kv: float) -> str:
        """The node on a device's first side: of its lines, else a node that stands there, else a new one."""
        if not ends and len(self.node_m):
            distance, node = self._nearest_node(self.device_m[row : row + 1])
            if distance[0] <= self.tolerance_m:
                return self.drawing.node_ids[int(node[0])]
        made = self._new(identifier, "junction", self.drawing.device_at[row], kv, row)
        self._settle(ends, made, self.device_m[row])
        return made

    def _nodes(self) -> None:
        """Ends that lie at a node."""
        left = np.flatnonzero(self.open)
        if not len(self.node_m) or not len(left):
            return
        distance, node = self._nearest_node(self.ends_m[left])
        for at in np.flatnonzero(distance <= self.tolerance_m).tolist():
            self._settle([int(left[at])], self.drawing.node_ids[int(node[at])], self.node_m[int(node[at])])

    def _each_other(self) -> None:
        """What is left: ends that meet become a junction; an end alone too, but it is told."""
        left = np.flatnonzero(self.open)
        if not len(left):
            return
        pairs = KDTree(self.ends_m[left]).query_pairs(self.tolerance_m, output_type="ndarray")
        group = connected(pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), len(left))
        order = np.argsort(group, kind="stable")
        for members in np.split(left[order], np.flatnonzero(np.diff(group[order])) + 1):
            ends = members.tolist()
            place = self._place(ends[0])
            lon, lat = place.tolist()
            name, edge = f"J_{lon:.7f}_{lat:.7f}", self._edge(ends[0])
            made = self._new(name, "junction", place, self._voltage(ends), edge)
            self._settle(ends, made, self.ends_m[ends[0]])
            if len({self._edge(end) for end in ends}) == 1:
                self._loose(edge, place, self.ends_m[ends[0]])

    def _loose(self, edge: int, place: Float64, metres: Float64) -> None:
        """Tell an end that joins nothing, with the nearest end or node of something else."""
        near, distance = "", np.inf
        away, others = self._everything.query(metres[None, :], k=min(MOST_NEAR, self._everything.n))
        for apart, other in zip(np.ravel(away).tolist(), np.ravel(others).tolist(), strict=True):
            name = self._name(other)
            if apart < FAR_M and name != self.drawing.edge_ids[edge]:
                near, distance = name, apart
                break
        lon, lat = place.tolist()
        self.found.loose.append(LooseEnd(edge, lon, lat, near, distance))

    def _nearest_node(self, metres: Float64) -> tuple[Float64, Int32]:
        distance, node = self._node_tree.query(metres)
        return np.asarray(distance, np.float64), np.asarray(node, np.int32)

    @cached_property
    def _node_tree(self) -> KDTree:
        return KDTree(_finite(self.node_m))

    @cached_property
    def _everything(self) -> KDTree:
        """Nodes, then ends, then devices."""
        return KDTree(_finite(np.concatenate((self.node_m, self.ends_m, self.device_m))))

    def _name(self, other: int) -> str:
        """The node or edge of a place in ``_everything``."""
        nodes, ends = len(self.node_m), len(self.ends)
        if other < nodes:
            return self.drawing.node_ids[other]
        if other < nodes + ends:
            return self.drawing.edge_ids[self._edge(other - nodes)]
        return self.drawing.edge_ids[other - nodes - ends]

    def _settle(self, ends: Sequence[int], node: str, metres: Float64) -> None:
        for end in ends:
            self.open[end] = False
            number = int(self.ends[end])
            edge = self._edge(end)
            side = self.found.from_ids if number < len(self.drawing.edge_ids) else self.found.to_ids
            side[edge] = node
            away = float(np.hypot(*(self.ends_m[end] - metres)))
            if away > TELL_FROM_M:
                self.found.moved.append((edge, away))

    def _new(self, wanted: str, kind: str, place: Float64, kv: float, edge: int) -> str:
        identifier, number = wanted, 1
        while identifier in self.taken:
            number += 1
            identifier = f"{wanted}-{number}"
        self.taken.add(identifier)
        lon, lat = place.tolist()
        self.found.nodes.append(NewNode(identifier, kind, lon, lat, kv, edge))
        return identifier

    def _edge(self, end: int) -> int:
        return int(self.ends[end]) % len(self.drawing.edge_ids)

    def _place(self, end: int) -> Float64:
        number = int(self.ends[end])
        count = len(self.drawing.edge_ids)
        chosen = self.drawing.begin if number < count else self.drawing.end
        place: Float64 = chosen[number % count]
        return place

    def _voltage(self, ends: Sequence[int]) -> float:
        known = [float(self.drawing.voltage_kv[self._edge(end)]) for end in ends]
        return next((kv for kv in known if kv == kv), float("nan"))  # noqa: PLR0124 (NaN)


def _finite(places: Float64) -> Float64:
    """Unknown places lie far away: KD trees take no NaN."""
    return np.where(np.isnan(places), 2 * FAR_M, places)
