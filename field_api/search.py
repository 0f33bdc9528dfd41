"""Find by id, name or number: a plain scan over everything that has an id, best match first."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from field_api.people.masking import mask_name
from field_api.people.users import Scope
from field_api.projection import Place, Site
from geo.tracing import Element, ElementType

MAX_FOUND: Final = 20
MIN_LETTERS: Final = 2
_CANDIDATES: Final = 400
"""So many matches are ranked; a query that finds more is too short to be answered better."""


@dataclass(frozen=True, slots=True)
class Found:
    element: Element
    name: str
    """Masked where it is a person's."""
    kind: str
    place: Place


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    """What is searched, in lower case: id, name and, for customers, phone and address."""
    type: ElementType
    row: int


class SearchIndex:
    """Over one site; built at the first search."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @cached_property
    def _entries(self) -> tuple[_Entry, ...]:
        return tuple(self._all())

    def _all(self) -> Iterator[_Entry]:
        network = self._site.network
        customers = network.customers
        for row, words in enumerate(zip(network.edges.ids, network.edges.name, strict=True)):
            yield _entry("edge", row, *words)
        for row, words in enumerate(zip(network.nodes.ids, network.nodes.name, strict=True)):
            yield _entry("node", row, *words)
        for row, identifier in enumerate(network.terminals.ids):
            yield _entry("terminal", row, identifier)
        for row, identifier in enumerate(network.meters.ids):
            yield _entry("meter", row, identifier)
        people = zip(customers.ids, customers.name, customers.phone, customers.address, strict=True)
        for row, texts in enumerate(people):
            yield _entry("customer", row, *texts)

    def find(self, query: str, scope: Scope, limit: int = MAX_FOUND) -> tuple[Found, ...]:
        """Matches within the scope: whole ids first, then beginnings, then the rest."""
        wanted = query.strip().lower()
        if len(wanted) < MIN_LETTERS:
            return ()
        matches: list[tuple[int, int, Element]] = []
        for ordinal, entry in enumerate(self._entries):
            if wanted in entry.key:
                matches.append((_rank(entry.key, wanted), ordinal, self._element(entry)))
                if len(matches) >= _CANDIDATES:
                    break
        ranked = (element for _, _, element in sorted(matches, key=lambda match: match[:2]))
        visible = (one for one in ranked if scope.sees(self._site.cell_of_element(one)))
        return tuple(self._found(one) for one, _ in zip(visible, range(limit), strict=False))

    def _element(self, entry: _Entry) -> Element:
        network = self._site.network
        ids = {
            "edge": network.edges.ids,
            "node": network.nodes.ids,
            "terminal": network.terminals.ids,
            "meter": network.meters.ids,
            "customer": network.customers.ids,
        }[entry.type]
        return Element(entry.type, entry.row, ids[entry.row])

    def _found(self, element: Element) -> Found:
        place = self._site.place(element)
        if element.type == "customer":
            return Found(
                element, mask_name(self._site.network.customers.name[element.row]), "customer", place
            )
        return Found(element, place.name, place.kind, place)


def _entry(kind: ElementType, row: int, *words: str) -> _Entry:
    return _Entry("\n".join(words).lower(), kind, row)


def _rank(key: str, wanted: str) -> int:
    words = key.split("\n")
    if wanted in words:
        return 0
    return 1 if any(word.startswith(wanted) for word in words) else 2
