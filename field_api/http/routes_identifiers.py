"""Foreign ids (the crosswalk): which system names what of ours, since when, and what it does not name."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from pydantic import Field

from field_api.http.fields import Identifier, Page, PageQuery
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.paging import number_after
from field_api.http.site_of import current_site
from field_api.projection import Site
from field_api.resources import Resource
from geo.errors import UnknownElement
from geo.matching import Unmatched, matching

operations: Final = Operations()
MOST_LOOKED_AT: Final = 20_000
"""Rows of one page: somebody with one cell of many gets a shorter page and its cursor."""
HOUR_MS: Final = 3_600_000


class IdentifierQuery(PageQuery):
    system: Identifier | None = None
    foreign_id: Identifier | None = None
    own_id: Identifier | None = None


class IdentifierResource(Resource):
    system: str
    foreign_id: str
    own_id: str
    grid_id: str = Field(description="Of our element; empty where the network has none of that id.")
    valid_from: str = Field(description="As it was brought in; empty: always.")
    valid_to: str = Field(description="As it was brought in; empty: to this day.")


class IdentifierPage(Page[IdentifierResource]):
    pass


class UnmatchedQuery(PageQuery):
    system: Identifier | None = None


class UnmatchedResource(Resource):
    system: str
    kind: str = Field(description="meters, customers, transformers …")
    area: str = Field(description="Transformer of the area.")
    grid_id: str
    elements: tuple[str, ...] = Field(description="The first of them.")
    count: int
    of: int = Field(description="How many there are in the area.")


class UnmatchedPage(Page[UnmatchedResource]):
    pass


@operations.add(
    "GET", "/api/v1/network/identifiers", "Foreign ids: which system names what of ours, and when",
    roles=EVERYONE, query=IdentifierQuery, answers={200: IdentifierPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_identifiers(call: Call) -> Answer:
    """A page of rows on elements of my grid cells, in the order of the record; a page may be short."""
    query, site = call.query(IdentifierQuery), current_site(call)
    start = number_after(query.cursor) or 0
    found: list[IdentifierResource] = []
    rows = _rows(site, query)
    for row in rows[start : start + MOST_LOOKED_AT]:
        if len(found) == query.limit:
            break
        start += 1
        cell = _cell(site, site.network.identifiers.own_id[row])
        if call.scope.sees(cell):
            found.append(_identifier(site, row, cell))
    return Answer(
        200, IdentifierPage(items=tuple(found), next_cursor=str(start) if start < len(rows) else None)
    )


@operations.add(
    "GET", "/api/v1/network/identifiers/unmatched", "What of ours a foreign system does not name, by area",
    roles=EVERYONE, query=UnmatchedQuery, answers={200: UnmatchedPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_unmatched(call: Call) -> Answer:
    """A page of transformer areas of my grid cells, of the kinds of which the system names anything."""
    query, site = call.query(UnmatchedQuery), current_site(call)
    mine = [
        (lack, cell)
        for lack, cell in _unmatched(site, call.now_ms // HOUR_MS)
        if call.scope.sees(cell) and query.system in {None, lack.system}
    ]
    start = number_after(query.cursor) or 0
    stop = start + query.limit
    items = tuple(_lack(*found) for found in mine[start:stop])
    return Answer(200, UnmatchedPage(items=items, next_cursor=str(stop) if stop < len(mine) else None))


def _rows(site: Site, query: IdentifierQuery) -> range | list[int]:
    """Rows that were asked for, all cells."""
    table, by_name = site.network.identifiers, _by_name(site)
    asked = [name for name in (query.foreign_id, query.own_id) if name is not None]
    if not asked and query.system is None:
        return range(len(table))
    rows = by_name.get(asked[0], ()) if asked else range(len(table))
    wanted = (query.system, query.foreign_id, query.own_id)
    return [
        row
        for row in rows
        if all(
            ask is None or ask == cell
            for ask, cell in zip(
                wanted, (table.system[row], table.foreign_id[row], table.own_id[row]), strict=True
            )
        )
    ]


@lru_cache(maxsize=2)
def _by_name(site: Site) -> Mapping[str, tuple[int, ...]]:
    """Rows by foreign id and by our own."""
    found: dict[str, list[int]] = {}
    table = site.network.identifiers
    for row, names in enumerate(zip(table.foreign_id, table.own_id, strict=True)):
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}


@lru_cache(maxsize=2)
def _unmatched(site: Site, hour: int) -> tuple[tuple[Unmatched, str], ...]:
    """With the grid cell of each area; what is in none belongs to nobody's cell."""
    return tuple((lack, _cell(site, lack.area)) for lack in matching(site.network, hour * HOUR_MS).unmatched)


def _cell(site: Site, own_id: str) -> str:
    """Of an element of ours; '' where the network has none of that id."""
    try:
        return site.cell_of_element(site.find(own_id))
    except UnknownElement:
        return ""


def _identifier(site: Site, row: int, cell: str) -> IdentifierResource:
    table = site.network.identifiers
    return IdentifierResource(
        system=table.system[row],
        foreign_id=table.foreign_id[row],
        own_id=table.own_id[row],
        grid_id=cell,
        valid_from=table.valid_from[row],
        valid_to=table.valid_to[row],
    )


def _lack(lack: Unmatched, cell: str) -> UnmatchedResource:
    return UnmatchedResource(
        system=lack.system,
        kind=lack.kind,
        area=lack.area,
        grid_id=cell,
        elements=lack.elements,
        count=lack.count,
        of=lack.of,
    )
