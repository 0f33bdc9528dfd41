"""The network as it stands in the field: with jumpers and generators of which no record tells.

A jumper (临时跨接) is a tie between two nodes, a generator (发电车) a source behind a switch. Both become
spare edges at the end of the table, normally open: a row of the network is the same row here, and whatever is
computed from switch positions takes them along. Their ids are made of the nodes' ids: ``A~B`` and ``~A``.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, cast

import numpy as np

from geo.network import Bool, EdgeKind, Edges, Extra, Int32, Network, NodeKind, Nodes, Phases, TransformerKind
from geo.tree import EnergisedTree, energise

JOINT: Final = "~"
STANDING_KEPT: Final = 4
_UNTOUCHED: Final = ("meter_row", "terminal_row", "sensor_row", "customer_row")
"""Indexes of tables to which nothing is added: dear to make, so they are shared."""


def jumper_id(one: str, other: str) -> str:
    """The id of a jumper between two nodes, whichever is named first."""
    return JOINT.join(sorted((one, other)))


def generator_id(node: str) -> str:
    """The id of a generator at a node."""
    return JOINT + node


def source_id(generator: str) -> str:
    """The id of the spare node that stands for the machine itself."""
    return generator + JOINT


@dataclass(frozen=True, slots=True)
class Spare:
    """A jumper or generator with the rows of its nodes; a generator has no ``other``."""

    id: str
    node: int
    other: int | None


def spare_of(network: Network, identifier: str) -> Spare | None:
    """What such an id means on this network; None for ids of real edges and of nodes that it lacks."""
    rows = network.node_row
    if identifier in network.edge_row or JOINT not in identifier:
        return None
    if identifier.startswith(JOINT) and (node := rows.get(identifier[1:])) is not None:
        return Spare(identifier, node, None)
    for at, letter in enumerate(identifier):
        if letter == JOINT:  # ids may hold the joint themselves
            one, other = rows.get(identifier[:at]), rows.get(identifier[at + 1 :])
            if one is not None and other is not None:
                return Spare(identifier, one, other)
    return None


def standing(network: Network, identifiers: Iterable[str]) -> Network:
    """The network with these jumpers and generators; itself where none of them is one.

    Keeps the ``content_hash``: it is the same record.
    """
    spares = [spare_of(network, each) for each in sorted(set(identifiers)) if JOINT in each]
    known = tuple(spare for spare in spares if spare is not None)
    return _extended(network, known) if known else network


@lru_cache(maxsize=STANDING_KEPT)
def _extended(network: Network, spares: tuple[Spare, ...]) -> Network:
    generators = [spare for spare in spares if spare.other is None]
    first = len(network.nodes)
    source = {spare.id: first + place for place, spare in enumerate(generators)}
    ends = [(source.get(spare.id, spare.node), spare.node, spare.other) for spare in spares]
    from_node = np.array([start for start, _, _ in ends], np.int32)
    to_node = np.array([node if other is None else other for _, node, other in ends], np.int32)
    made = replace(
        network,
        nodes=_with_sources(network.nodes, generators),
        edges=_with_spares(network.edges, tuple(spare.id for spare in spares), from_node, to_node),
    )
    _share_indexes(network, made)
    return made


def _with_sources(nodes: Nodes, generators: list[Spare]) -> Nodes:
    """A source stands where its generator is connected."""
    at = np.array([spare.node for spare in generators], np.int32)
    count = len(generators)
    return Nodes(
        ids=(*nodes.ids, *(source_id(spare.id) for spare in generators)),
        kind=np.append(nodes.kind, np.full(count, NodeKind.SUBSTATION, np.int8)),
        name=(*nodes.name, *("",) * count),
        lon=np.append(nodes.lon, nodes.lon[at]),
        lat=np.append(nodes.lat, nodes.lat[at]),
        voltage_kv=np.append(nodes.voltage_kv, nodes.voltage_kv[at]),
        extra=_padded(nodes.extra, count),
    )


def _with_spares(edges: Edges, ids: tuple[str, ...], from_node: Int32, to_node: Int32) -> Edges:
    count = len(ids)
    unknown = np.full(count, np.nan)
    return Edges(
        ids=(*edges.ids, *ids),
        kind=np.append(edges.kind, np.full(count, EdgeKind.SWITCH, np.int8)),
        from_node=np.append(edges.from_node, from_node),
        to_node=np.append(edges.to_node, to_node),
        closed=np.append(edges.closed, np.zeros(count, np.bool_)),
        phases=np.append(edges.phases, np.full(count, Phases.ABC, np.int8)),
        length_m=np.append(edges.length_m, unknown),
        name=(*edges.name, *("",) * count),
        rated_kva=np.append(edges.rated_kva, unknown),
        transformer_kind=np.append(edges.transformer_kind, np.full(count, TransformerKind.NONE, np.int8)),
        extra=_padded(edges.extra, count),
    )


def _padded(extra: Extra, count: int) -> Extra:
    return {name: (*cells, *("",) * count) for name, cells in extra.items()}


def _share_indexes(network: Network, made: Network) -> None:
    """The look-ups of a large network take seconds to make, and the spare rows are few."""
    indexes: dict[str, Mapping[str, int]] = {name: getattr(network, name) for name in _UNTOUCHED}
    for name, before, after in (
        ("node_row", network.nodes.ids, made.nodes.ids),
        ("edge_row", network.edges.ids, made.edges.ids),
    ):
        spare = {identifier: row for row, identifier in enumerate(after[len(before) :], start=len(before))}
        indexes[name] = ChainMap(spare, cast("MutableMapping[str, int]", getattr(network, name)))
    vars(made).update(indexes)


def generator_rows(network: Network) -> Int32:
    """Rows of the edges by which generators feed."""
    edges, nodes = network.edges, network.nodes
    rows: list[int] = []
    for row in range(len(edges) - 1, -1, -1):
        if JOINT not in edges.ids[row]:
            break
        if nodes.ids[edges.from_node[row]] == source_id(edges.ids[row]):
            rows.append(row)
    return np.array(rows[::-1], np.int32)


def energise_standing(network: Network, closed: Bool) -> EnergisedTree:
    """The tree for these positions; a generator feeds only what no station reaches.

    One that runs in parallel with the grid is left out of the tree: its part hangs on the grid.
    """
    generators = generator_rows(network)
    if not len(generators):
        return energise(network, closed)
    assumed = closed.copy()
    assumed[generators] = False
    tree = energise(network, assumed)
    needed = generators[closed[generators] & (tree.position[network.edges.to_node[generators]] < 0)]
    if not len(needed):
        return tree
    assumed[needed] = True
    return energise(network, assumed)
