"""Which of our elements a foreign system names, and which it does not: the crosswalk from both sides.

A system is asked about the kinds that it names anything of: one that names meters is expected to name all
meters. Ids are counted at one instant, so that a meter exchange is one row that ended and one that began.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from geo.areas import Areas
from geo.feeders import Feeders
from geo.identifiers import COMPANY_ZONE, END_MS, Span, overlaps, spans
from geo.network import ABSENT, SWITCHING_KINDS, EdgeKind, Int32, Network, Texts

TABLES: Final = ("edges", "meters", "terminals", "sensors", "customers", "nodes")
_EDGE_KINDS: Final = {
    "transformers": (EdgeKind.TRANSFORMER,),
    "switches": tuple(SWITCHING_KINDS),
    "lines": (EdgeKind.LINE, EdgeKind.CABLE, EdgeKind.SERVICE),
}


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Elements of one kind that a system does not name, by transformer area ('' is none)."""

    system: str
    kind: str
    area: str
    elements: Texts
    """The first of them."""
    count: int
    of: int
    """How many there are in the area."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A foreign id that names nothing of ours."""

    system: str
    foreign_id: str
    own_id: str
    row: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One foreign id that named several elements in turn, or one element that had several ids of a system."""

    system: str
    spans: tuple[tuple[str, str, str, str], ...]
    """(foreign id, own id, from, to) as they stand in the table, by time."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rows by which one id has two owners at one time; their row numbers in the table, from 0."""

    system: str
    foreign_id: str
    own_ids: tuple[str, str]
    rows: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Matching:
    unmatched: tuple[Unmatched, ...]
    strangers: tuple[Stranger, ...]
    exchanges: tuple[Exchange, ...]
    conflicts: tuple[Conflict, ...]


MOST_NAMED: Final = 50
"""Ids of one area that are named; the rest is counted."""


def matching(network: Network, at_ms: int, zone: str = COMPANY_ZONE) -> Matching:
    """What the crosswalk holds at that instant, and what it lacks."""
    known = list(spans(network.identifiers, ZoneInfo(zone)))
    return Matching(
        unmatched=tuple(_unmatched(network, _named(known, at_ms))),
        strangers=tuple(_strangers(network)),
        exchanges=tuple(_exchanges(network, known)),
        conflicts=tuple(_conflicts(network, zone)),
    )


def _named(known: list[tuple[tuple[str, str], Span | str]], at_ms: int) -> Mapping[str, frozenset[str]]:
    """By system our ids that it names at the instant."""
    named: dict[str, set[str]] = defaultdict(set)
    for (system, _foreign), span in known:
        held = named[system]
        if isinstance(span, Span) and span.from_ms <= at_ms < span.to_ms:
            held.add(span.own_id)
    return {system: frozenset(ids) for system, ids in sorted(named.items())}


def _unmatched(network: Network, named: Mapping[str, frozenset[str]]) -> Iterator[Unmatched]:
    kinds = _kinds(network)
    for system, own in named.items():
        for kind, (ids, areas) in kinds.items():
            if own.isdisjoint(ids):
                continue
            lacking: dict[int, list[str]] = defaultdict(list)
            whole: dict[int, int] = defaultdict(int)
            for identifier, area in zip(ids, areas.tolist(), strict=True):
                whole[area] += 1
                if identifier not in own:
                    lacking[area].append(identifier)
            for area, found in sorted(lacking.items()):
                name = "" if area == ABSENT else network.edges.ids[area]
                yield Unmatched(system, kind, name, tuple(found[:MOST_NAMED]), len(found), whole[area])


def _kinds(network: Network) -> Mapping[str, tuple[Texts, Int32]]:
    """Per kind the ids, and of each the transformer (edge row) of its area; a transformer is its own."""
    areas = Areas(network)
    of_edge = areas.of_node[network.edges.to_node].copy()
    of_edge[areas.distribution] = areas.distribution
    # The rule "devices follow their edge, customers their meter" is that of the feeders.
    labels = Feeders(network, network.edges.ids, areas.distribution, areas.of_node, of_edge)
    tables: dict[str, tuple[Texts, Int32]] = {
        table: (getattr(network, table).ids, labels.of(table))
        for table in ("meters", "terminals", "sensors", "customers", "nodes")
    }
    for name, chosen in _EDGE_KINDS.items():
        rows = np.flatnonzero(np.isin(network.edges.kind, [int(kind) for kind in chosen]))
        tables[name] = tuple(network.edges.ids[row] for row in rows.tolist()), of_edge[rows]
    return tables


def _strangers(network: Network) -> Iterator[Stranger]:
    ours = set().union(*(getattr(network, table).ids for table in TABLES))
    known = network.identifiers
    for row, own in enumerate(known.own_id):
        if own not in ours:
            yield Stranger(known.system[row], known.foreign_id[row], own, row)


def _exchanges(network: Network, known: list[tuple[tuple[str, str], Span | str]]) -> Iterator[Exchange]:
    rows: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    for (system, foreign), span in known:
        if isinstance(span, Span):
            rows[system, "foreign", foreign].append(span)
            rows[system, "own", span.own_id].append(span)
    table = network.identifiers
    for (system, _side, _name), held in sorted(rows.items()):
        if len(held) > 1 and any(span.to_ms < END_MS for span in held):
            ordered = sorted(held, key=lambda span: (span.from_ms, span.row))
            told = tuple(
                (table.foreign_id[at.row], at.own_id, table.valid_from[at.row], table.valid_to[at.row])
                for at in ordered
            )
            yield Exchange(system, told)


def _conflicts(network: Network, zone: str) -> Iterator[Conflict]:
    known = network.identifiers
    for row, other in overlaps(known, ZoneInfo(zone)):
        owners = known.own_id[other], known.own_id[row]
        yield Conflict(known.system[row], known.foreign_id[row], owners, (other, row))
