"""The interruption ledger: who was out from when to when, as a projection of the outage log.

Each outage is one chain of revisions. A customer is out from the outage's start until the revision that no
longer counts them, by the devices' clock where they told; outages that were retracted or merged count for
nothing, and stretches of one customer that touch are one interruption (a nested outage goes on where the one
around it ended).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from geo.network import EdgeKind, Network, NodeKind, TransformerKind
from telemetry.lifecycle import is_planned, returned_ms
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.reliability import (
    IEEE_MOMENTARY_MS,
    Indices,
    InterruptionCause,
    Period,
    Step,
    dlt836,
    ieee1366,
)
from telemetry.scope import OutageScope

COUNTED: Final = frozenset({OutageState.CONFIRMED, OutageState.RESTORED})
CEMI_THRESHOLDS: Final = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Absence:
    """One customer (or, at medium voltage, one transformer) without supply."""

    who: str
    started_ms: int
    ended_ms: int
    cause: InterruptionCause
    outage_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Absences by customer, and by transformer as medium-voltage statistics count."""

    customers: tuple[Absence, ...]
    transformers: tuple[Absence, ...]


ScopeOf = Callable[[OutageRevision], tuple[Network, OutageScope]]
"""The network of a revision and its scope; the edge keeps networks and trees."""


def ledger_of(chains: Iterable[Sequence[OutageRevision]], scope: ScopeOf, until_ms: int) -> Ledger:
    """Project complete chains of revisions, oldest first each; what is open lasts until ``until_ms``."""
    customers: list[Absence] = []
    transformers: list[Absence] = []
    for chain in chains:
        if not _counts(chain):
            continue
        people, stations = _absent(chain, scope, until_ms)
        customers.extend(people)
        transformers.extend(stations)
    return Ledger(_joined(customers), _joined(transformers))


def _counts(chain: Sequence[OutageRevision]) -> bool:
    final = chain[-1].state
    if final in OPEN_STATES:
        return any(revision.state is OutageState.CONFIRMED for revision in chain)
    return final in COUNTED


def _absent(
    chain: Sequence[OutageRevision], scope: ScopeOf, until_ms: int
) -> tuple[list[Absence], list[Absence]]:
    """Absences of the customers and of the transformers of one outage."""
    people: list[tuple[OutageRevision, set[str]]] = []
    stations: list[tuple[OutageRevision, set[str]]] = []
    for revision in chain:
        network, out = scope(revision)
        people.append((revision, {network.customers.ids[row] for row in out.customer_rows}))
        stations.append((revision, {network.edges.ids[row] for row in out.transformer_rows}))
    return _stays(people, until_ms), _stays(stations, until_ms)


def _stays(chain: Sequence[tuple[OutageRevision, set[str]]], until_ms: int) -> list[Absence]:
    """Who is out from the outage's start, or from when they joined after a partial return, until they left.

    A scope that shrinks though nothing returned was corrected: those it dropped were never out.
    """
    final = chain[-1][0]
    cause = InterruptionCause.PLANNED if is_planned(final) else InterruptionCause.FAULT
    since: dict[str, int] = {}
    ended: list[Absence] = []

    def end(who: str, at_ms: int) -> None:
        begun_ms = since.pop(who)
        ended.append(Absence(who, begun_ms, max(at_ms, begun_ms), cause, final.outage_id))

    before: OutageRevision | None = None
    for revision, out in chain:
        back_ms = returned_ms(revision, before)
        for who in [who for who in since if who not in out]:
            if back_ms is None:
                del since[who]
            else:
                end(who, back_ms)
        joined_ms = final.started_at_ms if back_ms is None else revision.at_ms
        for who in out:
            since.setdefault(who, joined_ms)
        before = revision
    for who in list(since):
        end(who, until_ms)
    return ended


def _joined(absences: Iterable[Absence]) -> tuple[Absence, ...]:
    """Stretches of one customer that overlap or touch as one, under the cause of the first."""
    by_who: defaultdict[str, list[Absence]] = defaultdict(list)
    for absence in absences:
        by_who[absence.who].append(absence)
    joined: list[Absence] = []
    for who in sorted(by_who):
        stretches = sorted(by_who[who], key=lambda a: (a.started_ms, -a.ended_ms))
        current = stretches[0]
        for following in stretches[1:]:
            if following.started_ms <= current.ended_ms:
                current = Absence(
                    who, current.started_ms, max(current.ended_ms, following.ended_ms), current.cause,
                    current.outage_id,
                )  # fmt: skip
            else:
                joined.append(current)
                current = following
        joined.append(current)
    return tuple(joined)


def steps_of_absences(absences: Iterable[Absence]) -> tuple[Step, ...]:
    """Customers who were out together are one step."""
    together: defaultdict[tuple[int, int, InterruptionCause, str], int] = defaultdict(int)
    for absence in absences:
        together[absence.started_ms, absence.ended_ms, absence.cause, absence.outage_id] += 1
    return tuple(Step(start, end, count, cause) for (start, end, cause, _), count in sorted(together.items()))


def ledger_indices(ledger: Ledger, customers: int, equivalent: int, period: Period) -> Mapping[str, Indices]:
    """Both standards, and what only single customers can tell: CEMI_n and MAIFI_E."""
    steps = steps_of_absences(ledger.customers)
    single = {f"cemi_{n}": _cemi(ledger.customers, customers, n, period) for n in CEMI_THRESHOLDS}
    return {
        "ieee1366": {
            **ieee1366(steps, customers, period),
            **single,
            "maifi_e": _maifi_e(ledger.customers, customers, period),
        },
        "dlt836": dlt836(steps, customers, period),
        "dlt836_medium_voltage": dlt836(steps_of_absences(ledger.transformers), equivalent, period),
    }


def _within(absences: Iterable[Absence], period: Period) -> Iterable[Absence]:
    return (a for a in absences if period.start_ms <= a.started_ms < period.end_ms)


def _cemi(absences: Iterable[Absence], customers: int, n: int, period: Period) -> float:
    """Share of customers with more than ``n`` sustained interruptions (IEEE 1366: more than n)."""
    counts: defaultdict[str, int] = defaultdict(int)
    for absence in _within(absences, period):
        counts[absence.who] += absence.ended_ms - absence.started_ms > IEEE_MOMENTARY_MS
    return sum(count > n for count in counts.values()) / customers


def _maifi_e(absences: Iterable[Absence], customers: int, period: Period) -> float:
    """Momentary events per customer: momentary interruptions within five minutes of each other are one event,
    and none where a sustained one follows within them.
    """
    by_who: defaultdict[str, list[Absence]] = defaultdict(list)
    for absence in _within(absences, period):
        by_who[absence.who].append(absence)
    return sum(_momentary_events(own) for own in by_who.values()) / customers


def _momentary_events(own: Sequence[Absence]) -> int:
    events, last_ms, sustained = 0, None, False
    for absence in sorted(own, key=lambda a: a.started_ms):
        long = absence.ended_ms - absence.started_ms > IEEE_MOMENTARY_MS
        fresh = last_ms is None or absence.started_ms - last_ms > IEEE_MOMENTARY_MS
        if fresh:
            events, sustained = events + (not long), long
        elif long and not sustained:
            events, sustained = events - 1, True
        last_ms = absence.ended_ms
    return events


def equivalent_customers(network: Network) -> int:
    """Medium-voltage statistics: each public and each dedicated transformer is one customer."""
    edges = network.edges
    return sum(
        _to_low_voltage(network, row) or bool(edges.transformer_kind[row] == TransformerKind.DEDICATED)
        for row in range(len(edges))
        if edges.kind[row] == EdgeKind.TRANSFORMER
    )


def _to_low_voltage(network: Network, edge: int) -> bool:
    ends = (network.edges.from_node[edge], network.edges.to_node[edge])
    return any(
        bool(network.nodes.kind[node] == NodeKind.TRANSFORMER_LV or network.nodes.voltage_kv[node] < 1.0)
        for node in ends
    )
