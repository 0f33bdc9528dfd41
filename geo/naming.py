"""Gives a nameless grid its areas, feeders, people and grid cells, so that it can be talked about.

Everything depends only on the network given, so that a second import is the same network.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from geo import synthetic
from geo.cells import bisect
from geo.fingerprint import content_hash
from geo.network import (
    ABSENT,
    Bool,
    CustomerClass,
    Customers,
    EdgeKind,
    Int8,
    Int32,
    Network,
    NodeKind,
    Phases,
    Priority,
    TransformerKind,
)
from geo.synthetic import Name
from geo.topology import components, connected
from geo.voltage import LV_BELOW_KV, high_side, low_side

VULNERABLE_SHARE: Final = 0.02
KEY_SHARE: Final = 0.015
SMALL_MICRO_SHARE: Final = 0.6
_HOUSEHOLD: Final = "H0"
"""SimBench's load profiles of households begin so."""

_EDGE_WORDS: Final[dict[EdgeKind, Name]] = {
    EdgeKind.LINE: ("线路{}段", "line section {}"),
    EdgeKind.CABLE: ("电缆{}段", "cable section {}"),
    EdgeKind.BREAKER: ("断路器{}", "breaker {}"),
    EdgeKind.SWITCH: ("开关{}", "switch {}"),
    EdgeKind.FUSE: ("熔断器{}", "fuse {}"),
    EdgeKind.SERVICE: ("接户线{}", "service line {}"),
    EdgeKind.TRANSFORMER: ("主变{}", "main transformer {}"),
}
_NODE_WORDS: Final[dict[NodeKind, Name]] = {
    NodeKind.SUBSTATION: ("电源点{}", "source {}"),
    NodeKind.BUSBAR: ("母线{}", "busbar {}"),
    NodeKind.RING_MAIN_UNIT: ("环网柜{}", "ring main unit {}"),
    NodeKind.TRANSFORMER_LV: ("低压母线{}", "low-voltage busbar {}"),
    NodeKind.BRANCH_BOX: ("分支箱{}", "branch box {}"),
    NodeKind.ACCESS_POINT: ("接入点{}", "access point {}"),
    NodeKind.METER_POINT: ("计量点{}", "meter point {}"),
}
_STATION: Final[Name] = ("变电站", "substation ")


def name_everything(network: Network, grid_cells: int) -> Network:
    """The same grid with names, people, meter phases, collecting terminals and ``grid_cells`` cells.

    Expects one meter per customer and the meters' load profile in their extra column ``profile``.
    """
    areas = Areas(network)
    nodes, edges = _node_names(areas), _edge_names(areas)
    meters = replace(network.meters, terminal=areas.of_node[network.meters.node], phases=_phases(areas))
    named = replace(
        network,
        nodes=replace(network.nodes, name=_zh(nodes), extra={**network.nodes.extra, "name_en": _en(nodes)}),
        edges=replace(network.edges, name=_zh(edges), extra={**network.edges.extra, "name_en": _en(edges)}),
        meters=meters,
        customers=_people(areas, _cells(areas, grid_cells)),
    )
    return replace(named, content_hash=content_hash(named))


def _zh(names: Iterable[Name]) -> tuple[str, ...]:
    return tuple(chinese for chinese, _english in names)


def _en(names: Iterable[Name]) -> tuple[str, ...]:
    return tuple(english for _chinese, english in names)


@dataclass(eq=False)
class Areas:
    """Which transformer area or feeder everything belongs to."""

    network: Network

    @cached_property
    def low(self) -> Bool:
        """Per node: below 1 kV."""
        return self.network.nodes.voltage_kv < LV_BELOW_KV

    @cached_property
    def of_node(self) -> Int32:
        """Row of the terminal whose transformer feeds the node; ABSENT above 1 kV."""
        edges = self.network.edges
        apart = edges.kind != EdgeKind.TRANSFORMER
        tight = self._terminal_of(components(self.network, apart & edges.closed))
        loose = self._terminal_of(components(self.network, apart))
        return np.where(self.low, np.where(tight == ABSENT, loose, tight), ABSENT).astype(np.int32)

    def _terminal_of(self, zone: Int32) -> Int32:
        """Per node the first terminal of its zone."""
        watched = low_side(self.network.nodes, self.network.edges)[self.network.terminals.edge]
        first = np.full(int(zone.max(initial=-1)) + 1, ABSENT, np.int32)
        first[zone[watched[::-1]]] = np.arange(len(watched) - 1, -1, -1, dtype=np.int32)
        return first[zone]

    @cached_property
    def public(self) -> Bool:
        """Per terminal: it watches a public transformer."""
        kinds = self.network.edges.transformer_kind[self.network.terminals.edge]
        return np.asarray(kinds != TransformerKind.DEDICATED, np.bool_)

    def area(self, terminal: int) -> Name:
        """The name of a terminal's area; a dedicated one is called after its customer."""
        if self.public[terminal]:
            return synthetic.place(int(np.count_nonzero(self.public[:terminal])))
        return synthetic.works(int(np.count_nonzero(~self.public[:terminal])))

    @cached_property
    def area_names(self) -> tuple[Name, ...]:
        return tuple(self.area(terminal) for terminal in range(len(self.network.terminals)))

    @cached_property
    def station(self) -> Bool:
        """Per node: part of a substation, joined with a source or a main transformer by switches alone."""
        network, edges = self.network, self.network.edges
        main = (edges.kind == EdgeKind.TRANSFORMER) & ~self.low[low_side(network.nodes, edges)]
        bars = components(network, np.isin(edges.kind, [EdgeKind.BREAKER, EdgeKind.SWITCH]) | main)
        inside = np.zeros(len(network.nodes), np.bool_)
        inside[bars[network.nodes.kind == NodeKind.SUBSTATION]] = True
        busbar = network.nodes.kind == NodeKind.BUSBAR
        return np.asarray((inside[bars] & ~self.low & (busbar | self._bar_ends)) | self._source, np.bool_)

    @cached_property
    def _source(self) -> Bool:
        return np.asarray(self.network.nodes.kind == NodeKind.SUBSTATION, np.bool_)

    @cached_property
    def _bar_ends(self) -> Bool:
        """Per node: an end of a main transformer."""
        edges = self.network.edges
        main = (edges.kind == EdgeKind.TRANSFORMER) & ~self.low[low_side(self.network.nodes, edges)]
        ends = np.zeros(len(self.low), np.bool_)
        ends[edges.from_node[main]] = True
        ends[edges.to_node[main]] = True
        return ends

    @cached_property
    def feeder(self) -> Int32:
        """Per node above 1 kV outside substations the number of its feeder; ABSENT elsewhere."""
        edges, outside = self.network.edges, ~self.low & ~self.station
        inner = outside[edges.from_node] & outside[edges.to_node] & edges.closed
        part = connected(edges.from_node[inner], edges.to_node[inner], len(self.network.nodes))
        size = np.bincount(part[outside], minlength=int(part.max(initial=-1)) + 1)
        order = np.lexsort((np.arange(len(size)), -size))
        number = np.empty(len(size), np.int32)
        number[order] = np.arange(len(size))
        return np.where(outside, number[part], ABSENT).astype(np.int32)

    def group(self, node: int) -> tuple[str, int]:
        """What a node's name begins with: its area, its feeder or its substation."""
        terminal = int(self.of_node[node])
        if terminal != ABSENT:
            return "area", terminal
        feeder = int(self.feeder[node])
        return ("feeder", feeder) if feeder != ABSENT else ("station", 0)

    def title(self, group: tuple[str, int], voltage_kv: float) -> Name:
        kind, number = group
        if kind == "area":
            return self.area_names[number]
        return synthetic.feeder(number, voltage_kv) if kind == "feeder" else _STATION


def _numbered(
    groups: Sequence[tuple[str, int]], titles: Sequence[Name], words: Sequence[Name | None]
) -> list[Name]:
    """Title, word and a number that counts within the group and word; '' where there is no word."""
    count: Counter[tuple[tuple[str, int], str]] = Counter()
    names: list[Name] = []
    for group, title, word in zip(groups, titles, words, strict=True):
        if word is None:
            names.append(("", ""))
            continue
        count[group, word[0]] += 1
        number = count[group, word[0]]
        names.append(
            (title[0] + word[0].format(number), f"{title[1]} {word[1].format(number)}".replace("  ", " "))
        )
    return names


def _node_names(areas: Areas) -> list[Name]:
    nodes = areas.network.nodes
    groups = [areas.group(node) for node in range(len(nodes))]
    titles = [areas.title(group, kv) for group, kv in zip(groups, nodes.voltage_kv.tolist(), strict=True)]
    return _numbered(groups, titles, [_NODE_WORDS.get(NodeKind(kind)) for kind in nodes.kind])


def _edge_names(areas: Areas) -> list[Name]:
    network, edges = areas.network, areas.network.edges
    # A switch at a busbar belongs to the feeder that it starts, not to the substation.
    outer = np.where(areas.station[edges.from_node], edges.to_node, edges.from_node).tolist()
    groups = [areas.group(node) for node in outer]
    titles = [
        areas.title(group, kv)
        for group, kv in zip(groups, network.nodes.voltage_kv[outer].tolist(), strict=True)
    ]
    names = _numbered(groups, titles, [_EDGE_WORDS[EdgeKind(kind)] for kind in edges.kind])
    for terminal, edge in enumerate(network.terminals.edge.tolist()):
        tail = ("公变", " transformer") if areas.public[terminal] else ("专变", " transformer")
        title = areas.area_names[terminal]
        names[edge] = (title[0] + ("号" if areas.public[terminal] else "") + tail[0], title[1] + tail[1])
    return names


def _cells(areas: Areas, grid_cells: int) -> Int32:
    """Cell number per terminal, by where its transformer stands and how many customers it feeds."""
    network = areas.network
    stands = high_side(network.nodes, network.edges)[network.terminals.edge]
    fed = areas.of_node[network.meters.node]
    weight = 1.0 + np.bincount(fed[fed >= 0], minlength=len(network.terminals)).astype(np.float64)
    return bisect(network.nodes.lon[stands], network.nodes.lat[stands], weight, grid_cells)


def _phases(areas: Areas) -> Int8:
    """Households have one phase in turn within their area, everybody else three."""
    meters = areas.network.meters
    turn: Counter[int] = Counter()
    phases = np.full(len(meters), int(Phases.ABC), np.int8)
    for row in np.flatnonzero(_households(areas.network)).tolist():
        terminal = int(areas.of_node[meters.node[row]])
        phases[row] = 1 << (turn[terminal] % 3)
        turn[terminal] += 1
    return phases


def _households(network: Network) -> Bool:
    profiles = network.meters.extra.get("profile", ("",) * len(network.meters))
    return np.array([profile.startswith(_HOUSEHOLD) for profile in profiles], np.bool_)


def _people(areas: Areas, cell_of_terminal: Int32) -> Customers:
    network = areas.network
    terminal = areas.of_node[network.meters.node].tolist()
    cells = [int(cell_of_terminal[at]) if at != ABSENT else 0 for at in terminal]
    household = _households(network)
    own = np.array([at != ABSENT and not areas.public[at] for at in terminal], np.bool_)
    load = [int(number) for number in network.meters.extra["load"]]
    names = [_customer_name(areas, *who) for who in zip(load, terminal, household, own, strict=True)]
    cell_names = [synthetic.cell(number) for number in cells]
    return Customers(
        ids=network.customers.ids,
        name=_zh(names),
        customer_class=_each(_customer_class, load, household, own),
        priority=_each(_priority, load, household, own),
        phone=tuple(synthetic.phone(number) for number in load),
        address=_addresses(terminal),
        grid=tuple(f"G{number + 1:02d}" for number in cells),
        access_point=network.meters.node.copy(),
        extra={"name_en": _en(names), "grid_name": _zh(cell_names), "grid_name_en": _en(cell_names)},
    )


def _each(rule: Callable[[int, bool, bool], int], load: list[int], household: Bool, own: Bool) -> Int8:
    rows = zip(load, household.tolist(), own.tolist(), strict=True)
    return np.array([rule(*row) for row in rows], np.int8)


def _customer_name(areas: Areas, load: int, terminal: int, household: bool, own: bool) -> Name:
    if own:
        return areas.area_names[terminal]
    return synthetic.person(load) if household else synthetic.shop(load)


def _customer_class(load: int, household: bool, own: bool) -> int:
    if own:
        return int(CustomerClass.HIGH_VOLTAGE)
    if household:
        return int(CustomerClass.RESIDENT)
    small = synthetic.chance("small", load) < SMALL_MICRO_SHARE
    return int(CustomerClass.SMALL_MICRO if small else CustomerClass.NON_RESIDENT)


def _priority(load: int, household: bool, own: bool) -> int:
    if household:
        vulnerable = synthetic.chance("vulnerable", load) < VULNERABLE_SHARE
        return int(Priority.VULNERABLE if vulnerable else Priority.NORMAL)
    # Half of the customers with their own transformer are hospitals, waterworks and the like.
    share = 0.5 if own else KEY_SHARE
    return int(Priority.KEY if synthetic.chance("key", load) < share else Priority.NORMAL)


def _addresses(terminal: list[int]) -> tuple[str, ...]:
    door: Counter[int] = Counter()
    addresses = []
    for at in terminal:
        addresses.append(synthetic.address(max(at, 0), door[at]))
        door[at] += 1
    return tuple(addresses)
