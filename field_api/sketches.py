"""A sketch of the network around a place: what a crew needs of it where there is no signal and no address.

Poles and boxes with their numbers, the lines between them, meters door by door, and the way from the source.
Around something of low voltage that is its transformer area (台区); around anything else, what it feeds.
Pure array work; bounded, and it says when something was left out.
"""

from dataclasses import dataclass
from typing import Final

from field_api.people.users import Scope
from field_api.projection import Place, Site
from geo.errors import UnknownElement
from geo.network import ABSENT, EdgeKind, Int32
from geo.tracing import Element

MAX_NODES: Final = 400
MAX_METERS: Final = 600


@dataclass(frozen=True, slots=True)
class Line:
    """A line, cable, switch or service between two of the sketch's nodes."""

    place: Place
    from_id: str
    to_id: str


@dataclass(frozen=True, slots=True)
class Sketch:
    path: tuple[Place, ...]
    """Source first."""
    nodes: tuple[Place, ...]
    lines: tuple[Line, ...]
    meters: Int32
    """Rows of meters, along the lines; those of customers in the person's grid cells."""
    truncated: bool


def sketch(site: Site, element_id: str, scope: Scope) -> Sketch | None:
    """Around an element; None for what the network does not know (a grid cell, something removed)."""
    try:
        element = site.find(element_id)
    except UnknownElement:
        return None
    around = _around(site, element)
    shown = slice(around.start, min(around.stop, around.start + MAX_NODES))
    meters = meters_in_scope(site, site.feeding.meters(around), scope)
    return Sketch(
        path=site.path(element),
        nodes=tuple(site.place(_node(site, int(row))) for row in site.feeding.tree.node[shown]),
        lines=_lines(site, shown),
        meters=meters[:MAX_METERS],
        truncated=shown != around or len(meters) > MAX_METERS,
    )


def _around(site: Site, element: Element) -> slice:
    """Positions of the transformer area that it lies in, else of what is fed through it."""
    tree, edges = site.feeding.tree, site.network.edges
    way = site.feeding.path(site.feeding.node_of(element))
    for position in way[::-1]:
        edge = int(tree.edge[position])
        if edge != ABSENT and edges.kind[edge] == EdgeKind.TRANSFORMER:
            return slice(int(position), int(tree.end[position]))
    return site.feeding.lost_with(element)


def _lines(site: Site, shown: slice) -> tuple[Line, ...]:
    tree, edges, ids = site.feeding.tree, site.network.edges, site.network.nodes.ids
    rows = [int(row) for row in tree.edge[shown] if row != ABSENT]
    return tuple(
        Line(
            site.place(Element("edge", row, edges.ids[row])),
            ids[int(edges.from_node[row])],
            ids[int(edges.to_node[row])],
        )
        for row in rows
    )


def meters_in_scope(site: Site, rows: Int32, scope: Scope) -> Int32:
    """Those whose customer lives in the person's grid cells, in the same order."""
    if scope.whole_company:
        return rows
    wanted = [cell in scope.grid_ids for cell in site.cells.ids]
    cells = site.cells.of_customer[site.network.meters.customer[rows]]
    kept: Int32 = rows[[wanted[int(cell)] for cell in cells]] if len(rows) else rows
    return kept


def _node(site: Site, row: int) -> Element:
    return Element("node", row, site.network.nodes.ids[row])
