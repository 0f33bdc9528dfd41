"""What the outage inference knows of a network before any evidence: classes, zones and priors.

The energised tree is compressed. Elements with the same meters and terminals below them cannot be told apart
by what these say: such a chain is one *class* and one node of the sweeps, and an element on a loop belongs
to it with a prior of almost nothing. A *zone* is the area of a transformer: what its terminal collects, with
one latent state of communication and one onset bin of its own; the rest belongs to the zone of its source.
"""

import itertools
from dataclasses import dataclass

import numba
import numpy as np

from geo.kernels import nearest
from geo.network import ABSENT, Bool, EdgeKind, Float64, Int32, Network
from geo.tree import EnergisedTree
from telemetry.inference_model import InferenceModel

NEAR_ZONES = 8


@dataclass(frozen=True, slots=True, eq=False)
class InferenceGrid:
    """Arrays over tree positions, classes (compressed nodes, in preorder), zones and meters."""

    network: Network
    tree: EnergisedTree
    class_of: Int32
    """[positions] its class, or −1 where neither meter nor terminal is below."""
    class_top: Int32
    """[classes] first (topmost) position."""
    by_class: Int32
    """Positions that have a class, sorted by class, topmost first."""
    class_start: Int32
    """[classes + 1] where the positions of each class begin there."""
    parent: Int32
    """[classes] class that feeds it, or −1."""
    end: Int32
    """[classes] one past the last class below."""
    zone: Int32
    """[classes]"""
    survival: Float64
    """[positions] log P(the element does not fail)."""
    class_survival: Float64
    """[classes] sum of ``survival`` of its elements."""
    class_meters: Int32
    """[classes] meters at its places, not below."""
    kin: Int32
    """[classes] topmost class with the same meters below: what only a terminal tells apart."""
    zone_outer: Int32
    """[zones] the zone around it, −1 for the zone of a source."""
    zone_root: Int32
    """[zones] the zone of its source."""
    zone_top: Int32
    """[zones] its topmost class."""
    zone_latent: Bool
    """[zones] whether one concentrator collects its meters."""
    zone_leaf: Bool
    """[zones] whether no other zone lies inside."""
    near: Int32
    """[zones, NEAR_ZONES] the nearest other zones of the source with meters, −1 where there are fewer."""
    near_meeting: Int32
    """[zones, NEAR_ZONES] the class where the ways of the two zones to the source meet, −1 if nowhere."""
    meter_class: Int32
    """[meters] class of its place, −1 without supply."""
    meter_zone: Int32
    """[meters] zone of its place, −1 without supply."""
    meters_by_position: Int32
    """Rows of the meters with supply, sorted by position."""
    meters_start: Int32
    """[positions + 1] where the meters of each position begin there."""
    terminal_zone: Int32
    """[terminals] zone it speaks for, −1 without supply."""
    edge_position: Int32
    """[edges] the position it feeds, −1 elsewhere."""
    edge_zone: Int32
    """[edges] zone of what it feeds, −1 where neither meter nor terminal is below."""

    @staticmethod
    def build(network: Network, tree: EnergisedTree, model: InferenceModel) -> "InferenceGrid":
        """Compress the tree; 1 million meters take about a second."""
        return _build(network, tree, model)

    def meters_below(self, position: int) -> Int32:
        """Rows of the meters at or below a position."""
        return self.meters_by_position[
            self.meters_start[position] : self.meters_start[self.tree.end[position]]
        ]

    def members(self, element_class: int) -> Int32:
        """Positions of the elements of a class, topmost first."""
        return self.by_class[self.class_start[element_class] : self.class_start[element_class + 1]]

    def kindred(self, element_class: int) -> Int32:
        """The classes, topmost first, whose loss puts exactly the same customers out."""
        top = int(self.kin[element_class])
        found: Int32 = (np.flatnonzero(self.kin[top : self.end[top]] == top) + top).astype(np.int32)
        return found


def _edge_positions(network: Network, tree: EnergisedTree) -> Int32:
    positions = np.full(len(network.edges), ABSENT, dtype=np.int32)
    fed = np.flatnonzero(tree.edge >= 0)
    positions[tree.edge[fed]] = fed
    return positions


def _below(tree: EnergisedTree, local: Int32) -> Int32:
    """[positions] sum of ``local`` over the subtree."""
    total = np.concatenate(([0], np.cumsum(local)))
    below: Int32 = (total[tree.end] - total[:-1]).astype(np.int32)
    return below


def log_survivals(network: Network, tree: EnergisedTree, model: InferenceModel) -> Float64:
    """[positions] log P(the feeding element, or the source itself, does not fail in the window)."""
    each, per_km = np.zeros(len(EdgeKind)), np.zeros(len(EdgeKind))
    for kind, prior in model.priors.items():
        each[kind], per_km[kind] = prior.each, prior.per_km
    edge_kind = network.edges.kind
    length_km = np.nan_to_num(network.edges.length_m) / 1000.0
    hazard = np.append(each[edge_kind] + per_km[edge_kind] * length_km, model.source_prior)
    loop = np.minimum(hazard[tree.edge], model.loop_prior)
    survival: Float64 = -np.where(tree.on_loop, loop, hazard[tree.edge])
    return survival


def _zone_tops(network: Network, tree: EnergisedTree, edge_position: Int32, meters_below: Int32) -> Bool:
    """[positions] whether a zone may begin here: a watched element or a transformer to low voltage."""
    tops = np.zeros(len(tree), dtype=np.bool_)
    watched = edge_position[network.terminals.edge[network.terminals.edge >= 0]]
    tops[watched[watched >= 0]] = True
    feeding = tree.edge
    transformer = np.append(network.edges.kind == EdgeKind.TRANSFORMER, False)[feeding]
    low = ~(network.nodes.voltage_kv[tree.node] >= 1.0)
    tops |= transformer & low & (meters_below > 0)
    return tops


@numba.njit(cache=True)
def _classes(parent: Int32, meters: Int32, terminals: Int32) -> tuple[Int32, Int32]:
    """[positions] class, and [classes] topmost position; ``meters`` and ``terminals`` count what is below."""
    class_of = np.full(len(parent), -1, np.int32)
    top = np.empty(len(parent), np.int32)
    count = 0
    for v in range(len(parent)):
        if meters[v] + terminals[v] == 0:
            continue
        p = parent[v]
        if p >= 0 and meters[p] == meters[v] and terminals[p] == terminals[v]:
            class_of[v] = class_of[p]
        else:
            class_of[v] = count
            top[count] = v
            count += 1
    return class_of, top[:count].copy()


@numba.njit(cache=True)
def _kin(parent: Int32, meters: Int32) -> Int32:
    """[classes] topmost class with the same meters; ``meters`` counts what is below each class."""
    kin = np.arange(len(parent)).astype(np.int32)
    for c in range(len(parent)):
        p = parent[c]
        if p >= 0 and meters[p] == meters[c]:
            kin[c] = kin[p]
    return kin


@numba.njit(cache=True)
def _zones(parent: Int32, watched: Bool, metered: Bool) -> tuple[Int32, Int32, Int32, Int32]:
    """[classes] zone, and [zones] outer zone, zone of the source, topmost class.

    A zone begins at a source, at a watched class, and at a class with meters outside any watched one.
    """
    zone = np.empty(len(parent), np.int32)
    outer = np.empty(len(parent), np.int32)
    root = np.empty(len(parent), np.int32)
    top = np.empty(len(parent), np.int32)
    count = 0
    for c in range(len(parent)):
        around = zone[parent[c]] if parent[c] >= 0 else -1
        lonely = around >= 0 and outer[around] < 0 and metered[c]
        if around >= 0 and not watched[c] and not lonely:
            zone[c] = around
            continue
        zone[c] = count
        outer[count] = around
        root[count] = root[around] if around >= 0 else count
        top[count] = c
        count += 1
    return zone, outer[:count].copy(), root[:count].copy(), top[:count].copy()


def _near(
    network: Network, tree: EnergisedTree, zone_position: Int32, zone_root: Int32, populated: Bool
) -> Int32:
    """[zones, NEAR_ZONES] nearest zones of the same source that have meters; −1 where there are fewer.

    What one source feeds is concluded from without a look at another's.
    """
    near = np.full((len(zone_position), NEAR_ZONES), ABSENT, dtype=np.int32)
    firsts = np.flatnonzero(zone_root == np.arange(len(zone_root)))
    for first, stop in itertools.pairwise((*firsts.tolist(), len(zone_root))):
        chosen = (first + np.flatnonzero(populated[first:stop])).astype(np.int32)
        if len(chosen) > 1:
            near[chosen] = _nearest(network, tree.node[zone_position[chosen]], chosen)
    return near


def _nearest(network: Network, nodes: Int32, zones: Int32) -> Int32:
    """[zones, NEAR_ZONES] by place; along the preorder where places are unknown."""
    lon, lat = network.nodes.lon[nodes], network.nodes.lat[nodes]
    x, y = lon * np.cos(np.radians(lat)), lat
    if not (np.isfinite(x) & np.isfinite(y)).all():
        x, y = np.arange(len(zones), dtype=np.float64), np.zeros(len(zones))
    found = nearest(x, y, NEAR_ZONES)
    near: Int32 = np.where(found >= 0, zones[found], ABSENT).astype(np.int32)
    return near


@numba.njit(cache=True)
def _meetings(parent: Int32, top: Int32, near: Int32) -> Int32:
    """[zones, NEAR_ZONES] lowest class above both a zone's top and its near zone's."""
    meeting = np.full(near.shape, -1, np.int32)
    for z in range(near.shape[0]):
        for k in range(near.shape[1]):
            if near[z, k] >= 0:
                one, other = top[z], top[near[z, k]]
                while one != other:  # of two classes the one later in preorder is never above the other
                    if one > other:
                        one = parent[one]
                    else:
                        other = parent[other]
                meeting[z, k] = one
    return meeting


def _build(network: Network, tree: EnergisedTree, model: InferenceModel) -> InferenceGrid:
    edge_position = _edge_positions(network, tree)
    meter_position = tree.position[network.meters.node]
    terminal_position = edge_position[network.terminals.edge]
    meters_at = np.bincount(meter_position[meter_position >= 0], minlength=len(tree)).astype(np.int32)
    terminals_at = np.bincount(terminal_position[terminal_position >= 0], minlength=len(tree))
    meters_below = _below(tree, meters_at)
    class_of, class_top = _classes(tree.parent, meters_below, _below(tree, terminals_at.astype(np.int32)))
    classes = len(class_top)

    above = tree.parent[class_top]
    parent = np.where(above >= 0, class_of[above], ABSENT).astype(np.int32)
    watched, metered = np.zeros(classes, dtype=np.bool_), np.zeros(classes, dtype=np.bool_)
    tops = np.flatnonzero(_zone_tops(network, tree, edge_position, meters_below))
    watched[class_of[tops]] = True
    metered[class_of[np.flatnonzero(meters_at)]] = True
    zone, zone_outer, zone_root, zone_top = _zones(parent, watched, metered)

    leaf = np.ones(len(zone_top), dtype=np.bool_)
    leaf[zone_outer[zone_outer >= 0]] = False
    meter_class = np.where(meter_position >= 0, class_of[meter_position], ABSENT).astype(np.int32)
    meter_zone = _at(zone, meter_class)
    populated = np.bincount(meter_zone[meter_zone >= 0], minlength=len(zone_top)) > 0
    near = _near(network, tree, class_top[zone_top], zone_root, populated)
    survival = log_survivals(network, tree, model)
    by_class = np.argsort(class_of, kind="stable")[np.count_nonzero(class_of < 0) :].astype(np.int32)
    sizes = np.bincount(class_of[by_class], minlength=classes)
    edge_class = np.where(edge_position >= 0, class_of[edge_position], ABSENT)
    return InferenceGrid(
        network=network,
        tree=tree,
        class_of=class_of,
        class_top=class_top,
        by_class=by_class,
        class_start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int32),
        parent=parent,
        end=np.searchsorted(class_top, tree.end[class_top]).astype(np.int32),
        zone=zone,
        survival=survival,
        class_meters=np.bincount(meter_class[meter_class >= 0], minlength=classes).astype(np.int32),
        kin=_kin(parent, meters_below[class_top]),
        class_survival=np.bincount(class_of[by_class], weights=survival[by_class], minlength=classes).astype(
            np.float64
        ),
        zone_outer=zone_outer,
        zone_root=zone_root,
        zone_top=zone_top,
        zone_latent=watched[zone_top],
        zone_leaf=leaf,
        near=near,
        near_meeting=_meetings(parent, zone_top, near),
        meter_class=meter_class,
        meter_zone=meter_zone,
        meters_by_position=np.argsort(meter_position, kind="stable")[
            np.count_nonzero(meter_position < 0) :
        ].astype(np.int32),
        meters_start=np.concatenate(([0], np.cumsum(meters_at))).astype(np.int32),
        terminal_zone=_at(zone, np.where(terminal_position >= 0, class_of[terminal_position], ABSENT)),
        edge_position=edge_position,
        edge_zone=_at(zone, edge_class),
    )


def _at(values: Int32, places: Int32) -> Int32:
    """The values there; ABSENT for ABSENT, also where there is none at all."""
    padded: Int32 = np.append(values, np.int32(ABSENT))[places]
    return padded
