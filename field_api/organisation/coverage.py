"""How much of the company somebody answers for: customers, transformer areas and assets with a grid manager.

The target is everything (ORG-08). What is not covered is listed by cell, an example or two of each kind.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.organisation.duties import Assignment
from field_api.organisation.villages import Liaison, Village
from field_api.projection import Site
from field_api.validity import holding
from geo.network import Bool, EdgeKind, Int32

EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many have an active manager."""

    covered: int
    whole: int

    @property
    def part(self) -> float:
        """0 to 1; of nothing all is covered."""
        return self.covered / self.whole if self.whole else 1.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell that nobody answers for, with what lies in it."""

    grid_id: str
    known: bool
    """False: the network names a cell that the organisation does not have."""
    customers: int
    transformer_areas: int
    assets: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    at_ms: int
    customers: Share
    transformer_areas: Share
    assets: Share
    gaps: tuple[Gap, ...]
    villages: Share
    """Villages with an active liaison."""
    villages_without: tuple[str, ...]


def coverage(
    site: Site,
    known_cells: Iterable[str],
    assignments: Iterable[Assignment],
    villages: Iterable[Village],
    liaisons: Iterable[Liaison],
    at_ms: int,
    sees: Callable[[str], bool] = lambda _: True,
) -> Coverage:
    """The report as of an instant, over the cells that ``sees`` lets through."""
    known = frozenset(known_cells)
    answered = {one.grid_id for one in holding(assignments, at_ms)} & known
    looked_after = {one.village_id for one in holding(liaisons, at_ms)}
    ids = site.cells.ids
    visible = np.array([sees(cell) for cell in ids], bool)
    managed = np.array([cell in answered for cell in ids], bool)
    of_edge, of_customer = site.cells.of_edge, site.cells.of_customer
    is_area = site.network.edges.kind == EdgeKind.TRANSFORMER
    linked = [one for one in villages if sees(one.grid_id)]
    without = tuple(one.id for one in linked if one.id not in looked_after)
    bare = np.flatnonzero(visible & ~managed)
    return Coverage(
        at_ms=at_ms,
        customers=_share(of_customer, visible, managed),
        transformer_areas=_share(of_edge[is_area], visible, managed),
        assets=_share(of_edge, visible, managed),
        gaps=tuple(_gap(site, int(cell), ids[cell] in known, is_area) for cell in bare),
        villages=Share(len(linked) - len(without), len(linked)),
        villages_without=without,
    )


def _share(cell_of: Int32, visible: Bool, managed: Bool) -> Share:
    seen = cell_of[visible[cell_of]]
    return Share(int(np.count_nonzero(managed[seen])), len(seen))


def _gap(site: Site, cell: int, known: bool, is_area: Bool) -> Gap:
    customers = np.flatnonzero(site.cells.of_customer == cell)
    assets = np.flatnonzero(site.cells.of_edge == cell)
    areas = assets[is_area[assets]]
    examples = [site.network.edges.ids[row] for row in (*areas[:EXAMPLES], *assets[:EXAMPLES])]
    return Gap(
        site.cells.ids[cell], known, len(customers), len(areas), len(assets),
        tuple(dict.fromkeys(examples))[:EXAMPLES],
    )  # fmt: skip
