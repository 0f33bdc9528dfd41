"""Small networks to practise on, built row by row."""

from dataclasses import dataclass, field, replace

import numpy as np

from geo.fingerprint import content_hash
from geo.network import (
    Customers,
    EdgeKind,
    Edges,
    Meters,
    Network,
    NodeKind,
    Nodes,
    Phases,
    Sensors,
    Terminals,
    TransformerKind,
)


@dataclass
class Draft:
    """Rows under construction; ``network()`` makes the columns."""

    nodes: list[tuple[str, NodeKind, float]] = field(default_factory=list)
    edges: list[tuple[str, EdgeKind, str, str, bool, TransformerKind]] = field(default_factory=list)
    meters: list[tuple[str, str, str]] = field(default_factory=list)
    terminals: list[tuple[str, str]] = field(default_factory=list)

    def node(self, identifier: str, kind: NodeKind = NodeKind.JUNCTION, kv: float = 0.4) -> str:
        self.nodes.append((identifier, kind, kv))
        return identifier

    def edge(
        self,
        identifier: str,
        start: str,
        end: str,
        kind: EdgeKind = EdgeKind.LINE,
        closed: bool = True,
        owner: TransformerKind = TransformerKind.NONE,
    ) -> str:
        self.edges.append((identifier, kind, start, end, closed, owner))
        return identifier

    def network(self) -> Network:
        node = {identifier: row for row, (identifier, _, _) in enumerate(self.nodes)}
        edge = {row[0]: index for index, row in enumerate(self.edges)}
        terminal = {identifier: row for row, (identifier, _) in enumerate(self.terminals)}
        count, edges, meters = len(self.nodes), len(self.edges), len(self.meters)
        ids = tuple(row[0] for row in self.meters)
        drawn = Network(
            nodes=Nodes(
                tuple(row[0] for row in self.nodes),
                np.array([row[1] for row in self.nodes], np.int8),
                ("",) * count,
                113.2 + 0.001 * np.arange(count, dtype=np.float64),
                np.full(count, 23.1),
                np.array([row[2] for row in self.nodes], np.float64),
            ),
            edges=Edges(
                tuple(row[0] for row in self.edges),
                np.array([row[1] for row in self.edges], np.int8),
                np.array([node[row[2]] for row in self.edges], np.int32),
                np.array([node[row[3]] for row in self.edges], np.int32),
                np.array([row[4] for row in self.edges], bool),
                np.full(edges, int(Phases.ABC), np.int8),
                np.full(edges, 100.0),
                ("",) * edges,
                np.full(edges, np.nan),
                np.array([row[5] for row in self.edges], np.int8),
            ),
            meters=Meters(
                ids,
                np.array([node[row[1]] for row in self.meters], np.int32),
                np.arange(meters, dtype=np.int32),
                np.full(meters, int(Phases.ABC), np.int8),
                np.array([terminal.get(row[2], -1) for row in self.meters], np.int32),
            ),
            terminals=Terminals(
                tuple(row[0] for row in self.terminals),
                np.array([edge[row[1]] for row in self.terminals], np.int32),
            ),
            sensors=Sensors((), np.empty(0, np.int32), np.empty(0, np.int8)),
            customers=Customers(
                tuple(f"C-{identifier}" for identifier in ids),
                ("",) * meters,
                np.zeros(meters, np.int8),
                np.zeros(meters, np.int8),
                ("",) * meters,
                ("",) * meters,
                ("",) * meters,
                np.full(meters, -1, np.int32),
            ),
            content_hash="",
        )
        return replace(drawn, content_hash=content_hash(drawn))


def village(areas: int = 4, poles: int = 3, meters_per_pole: int = 5) -> Network:
    """A source, a breaker, a feeder with one transformer per area, and an open tie to the second source.

    Area ``i``: transformer ``T{i}`` with terminal ``TTU{i}``, lines ``L{i}.{pole}`` in a row, meters
    ``M{i}.{pole}.{n}``; its feeder section is ``F{i}``.
    """
    draft = Draft()
    before = draft.node("source", NodeKind.SUBSTATION, 10)
    bar = draft.node("bar", NodeKind.BUSBAR, 10)
    draft.edge("breaker", before, bar, EdgeKind.BREAKER)
    at = bar
    for area in range(areas):
        unit = draft.node(f"rmu{area}", NodeKind.RING_MAIN_UNIT, 10)
        draft.edge(f"F{area}", at, unit, EdgeKind.CABLE)
        low = draft.node(f"low{area}", NodeKind.TRANSFORMER_LV)
        draft.edge(f"T{area}", unit, low, EdgeKind.TRANSFORMER, owner=TransformerKind.PUBLIC)
        draft.terminals.append((f"TTU{area}", f"T{area}"))
        _street(draft, area, low, poles, meters_per_pole)
        at = unit
    second = draft.node("second", NodeKind.SUBSTATION, 10)
    draft.edge("tie", at, second, EdgeKind.SWITCH, closed=False)
    return draft.network()


def _street(draft: Draft, area: int, low: str, poles: int, meters_per_pole: int) -> None:
    at = low
    for pole in range(poles):
        here = draft.node(f"pole{area}.{pole}", NodeKind.POLE)
        draft.edge(f"L{area}.{pole}", at, here)
        for number in range(meters_per_pole):
            draft.meters.append((f"M{area}.{pole}.{number}", here, f"TTU{area}"))
        at = here
