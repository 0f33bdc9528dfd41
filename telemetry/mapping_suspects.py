"""Customers who are probably recorded at the wrong transformer, from outages that contradicted their record.

Two things contradict: a customer outside of an outage was out with it (``also_out``), or one inside lived on
(``not_out``). A branch that went out in the second in which a neighbour's area did hints at the same. Where
they really hang must fit all outages: among the areas that were dead when they were out, and not among those
that were dead while they lived. Reported with the evidence, never corrected: each becomes a field check
(INT-05).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.coordinates import metres_around
from geo.network import ABSENT, Network
from telemetry.outage_chains import open_spells
from telemetry.outages import OutageRevision
from telemetry.ports import OutageLog
from telemetry.scope import OutageScope
from telemetry.scopes import Scopes

MAX_CANDIDATES: Final = 5
SURE_AFTER: Final = 2
"""So many outages that contradict are more than a stray last gasp."""

SAME_MOMENT_MS: Final = 2_000
"""Last gasps of one loss, by the clocks of two terminals."""

ScopeOf = Callable[[OutageRevision], OutageScope]


@dataclass(frozen=True, slots=True)
class Candidate:
    transformer: str
    outages: int
    """In so many of the contradicting outages it was dead when the customer was out."""
    distance_m: float | None
    """From the customer's place; None where one of them has none."""


@dataclass(frozen=True, slots=True)
class Suspect:
    customer: str
    transformer: str
    """Where they are recorded; '' where that is unknown."""
    contradicted: tuple[str, ...]
    """The outages."""
    candidates: tuple[Candidate, ...]
    """Where they may hang instead, likeliest first; none where nothing fits."""

    @property
    def sure(self) -> bool:
        return len(self.contradicted) >= SURE_AFTER


def suspects_of(network: Network, log: OutageLog) -> tuple[Suspect, ...]:
    """By all real outages so far, each as it would lie on this network: a corrected record is no suspect."""
    finals = (held[-1] for _, held in open_spells(log, lambda _newest: True))
    return suspects(network, finals, Scopes(network).of)


def suspects(network: Network, finals: Iterable[OutageRevision], scope: ScopeOf) -> tuple[Suspect, ...]:
    """``finals``: of each real outage the revision that counted most. Those most contradicted come first."""
    areas, finals = Areas(network), list(finals)
    against: defaultdict[str, list[str]] = defaultdict(list)
    dead_when_out: defaultdict[str, Counter[int]] = defaultdict(Counter)
    dead_when_alive: defaultdict[str, set[int]] = defaultdict(set)
    for revision in finals:
        dead = _dead_areas(areas, scope(revision))
        for customer in _contradicting(network, revision, scope):
            against[customer].append(revision.outage_id)
        for customer in revision.also_out:
            dead_when_out[customer].update(dead)
        for customer in revision.not_out:
            dead_when_alive[customer].update(dead)
    for revision, dead in _coincident(areas, finals, scope):
        for row in scope(revision).customer_rows.tolist():
            customer = network.customers.ids[row]
            against[customer].append(revision.outage_id)
            dead_when_out[customer].update(dead)
    found = [
        Suspect(
            customer,
            _recorded(areas, customer),
            tuple(outages),
            _candidates(areas, customer, dead_when_out[customer], dead_when_alive[customer]),
        )
        for customer, outages in against.items()
        if customer in network.customer_row
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.contradicted), one.customer)))


def _contradicting(network: Network, revision: OutageRevision, scope: ScopeOf) -> list[str]:
    """Customers who were out, or lived, against where this network records them."""
    if not revision.also_out and not revision.not_out:
        return []
    inside = set(scope(replace(revision, also_out=(), not_out=())).customer_rows.tolist())
    row = network.customer_row
    return [
        *(customer for customer in revision.also_out if row.get(customer, ABSENT) not in inside),
        *(customer for customer in revision.not_out if row.get(customer, ABSENT) in inside),
    ]


def _coincident(
    areas: Areas, finals: Sequence[OutageRevision], scope: ScopeOf
) -> Iterator[tuple[OutageRevision, set[int]]]:
    """Branches of a living area that went out at the very moment at which another area did: a whole street
    recorded at the neighbour's transformer looks so. With them, the areas that were dead then."""
    dead = {revision.outage_id: _dead_areas(areas, scope(revision)) for revision in finals}
    whole = [revision for revision in finals if len(scope(revision).transformer_rows)]
    for revision in finals:
        if revision in whole or revision.phases:
            continue
        own = dead[revision.outage_id]
        beside = [w for w in whole if not own & dead[w.outage_id]]  # else it is nested in that one
        then = [w for w in beside if abs(w.started_at_ms - revision.started_at_ms) <= SAME_MOMENT_MS]
        elsewhere = set().union(*(dead[w.outage_id] for w in then))
        if elsewhere:
            yield revision, elsewhere


def places_of(customer: str, listed: Sequence[Suspect]) -> tuple[str, ...]:
    """Transformers where outages would have the customer, likeliest first."""
    return tuple(c.transformer for one in listed if one.customer == customer for c in one.candidates)


def wrong_areas(listed: Sequence[Suspect]) -> tuple[tuple[str, int], ...]:
    """(transformer, customers suspected in its area), the worst first."""
    counts = Counter(one.transformer for one in listed if one.transformer)
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _dead_areas(areas: Areas, scope: OutageScope) -> set[int]:
    """Transformers that lost supply, and that of whoever lost it below one."""
    below = areas.of_meter[scope.meter_rows]
    return {int(edge) for edge in (*scope.transformer_rows, *np.unique(below)) if edge != ABSENT}


def _meter(network: Network, customer: str) -> int:
    rows = np.flatnonzero(network.meters.customer == network.customer_row[customer])
    return int(rows[0]) if len(rows) else ABSENT


def _recorded(areas: Areas, customer: str) -> str:
    meter = _meter(areas.network, customer)
    edge = ABSENT if meter == ABSENT else int(areas.of_meter[meter])
    return "" if edge == ABSENT else areas.network.edges.ids[edge]


def _candidates(
    areas: Areas, customer: str, dead_when_out: Counter[int], dead_when_alive: set[int]
) -> tuple[Candidate, ...]:
    network, meter = areas.network, _meter(areas.network, customer)
    possible = [edge for edge in dead_when_out if edge not in dead_when_alive]
    home = network.meters.node[meter] if meter != ABSENT else ABSENT
    listed = [
        Candidate(network.edges.ids[edge], dead_when_out[edge], _distance_m(network, int(home), edge))
        for edge in possible
    ]
    far = float("inf")
    listed.sort(
        key=lambda one: (-one.outages, far if one.distance_m is None else one.distance_m, one.transformer)
    )
    return tuple(listed[:MAX_CANDIDATES])


def _distance_m(network: Network, node: int, edge: int) -> float | None:
    if node == ABSENT:
        return None
    ends = np.array([node, int(network.edges.to_node[edge])])
    metres = metres_around(network.nodes.lon[ends], network.nodes.lat[ends])
    distance = float(np.hypot(*(metres[0] - metres[1])))
    return round(distance, 1) if np.isfinite(distance) else None
