"""The interruption ledger: who was out from when to when, as a projection of the outage log (REL-08).

Each outage is one chain of revisions. A customer is out from the outage's start until the revision that no
longer counts them, by the devices' clock where they told; outages that were retracted or merged count for
nothing. Networks of several versions number the same customers differently, so the ledger has numbers of its
own (a *roll*).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from geo.network import Network, Texts
from telemetry.absences import Absences
from telemetry.lifecycle import is_planned, returned_ms
from telemetry.outages import OPEN_STATES, REAL_STATES, OutageRevision, OutageState
from telemetry.reliability import CAUSE_NUMBER, Bool, Int8, Int32, Int64, InterruptionCause
from telemetry.scope import OutageScope

ScopeOf = Callable[[OutageRevision], tuple[Network, OutageScope]]
"""The network of a revision and its scope; the edge keeps networks and trees."""


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Absences of customers, and of transformers as medium-voltage statistics count."""

    customers: Absences
    customer_ids: Sequence[str]
    """Number in ``customers.who`` → id; those of the network in force first, in its order."""
    transformers: Absences
    edge_ids: Sequence[str]
    """Number in ``transformers.who`` → id, alike."""
    outage_ids: Sequence[str]


def ledger_of(
    network: Network, chains: Iterable[Sequence[OutageRevision]], scope: ScopeOf, until_ms: int
) -> Ledger:
    """Project complete chains of revisions, oldest first each; what is open lasts until ``until_ms``.

    ``network`` is the one in force: its rows are the first numbers of the ledger.
    """
    people = _Book(_Roll(network.content_hash, network.customers.ids))
    stations = _Book(_Roll(network.content_hash, network.edges.ids))
    outage_ids: list[str] = []
    for chain in chains:
        if not _counts(chain):
            continue
        final, before = chain[-1], None
        cause = InterruptionCause.PLANNED if is_planned(final) else InterruptionCause.FAULT
        for book in (people, stations):
            book.open(len(outage_ids), CAUSE_NUMBER[cause])
        outage_ids.append(final.outage_id)
        for revision in chain:
            where, out = scope(revision)
            back_ms = returned_ms(revision, before)
            joined_ms = final.started_at_ms if back_ms is None else revision.at_ms
            people.turn(where.content_hash, where.customers.ids, out.customer_rows, back_ms, joined_ms)
            stations.turn(where.content_hash, where.edges.ids, out.transformer_rows, back_ms, joined_ms)
            before = revision
        for book in (people, stations):
            book.close(until_ms)
    return Ledger(people.absences(), people.roll.ids, stations.absences(), stations.roll.ids, outage_ids)


def _counts(chain: Sequence[OutageRevision]) -> bool:
    final = chain[-1].state
    if final in OPEN_STATES:
        return any(revision.state is OutageState.CONFIRMED for revision in chain)
    return final in REAL_STATES


class _Roll:
    """Numbers of ids that hold over versions of the network."""

    def __init__(self, network_hash: str, ids: Texts) -> None:
        """The first numbers are the rows of that network's table."""
        self.ids: list[str] = list(ids)
        self._number: dict[str, int] = {}
        self._of_network = {network_hash: np.arange(len(ids), dtype=np.int32)}

    def numbers(self, network_hash: str, ids: Texts, rows: Int32) -> Int32:
        """Numbers of these rows of that network's table, ascending."""
        if network_hash not in self._of_network:
            self._number = self._number or {known: number for number, known in enumerate(self.ids)}
            self._of_network[network_hash] = np.fromiter(map(self._numbered, ids), np.int32, len(ids))
        return np.sort(self._of_network[network_hash][rows])

    def _numbered(self, identifier: str) -> int:
        number = self._number.setdefault(identifier, len(self.ids))
        if number == len(self.ids):
            self.ids.append(identifier)
        return number


class _Book:
    """Who of one table is out while the revisions of one outage after another pass by."""

    def __init__(self, roll: _Roll) -> None:
        self.roll = roll
        self._written: list[tuple[Int32, Int64, Int64, Int8, Int32]] = []
        self._outage, self._cause = 0, 0
        self._who = np.empty(0, np.int32)
        self._since_ms = np.empty(0, np.int64)

    def open(self, outage: int, cause: int) -> None:
        self._outage, self._cause = outage, cause

    def turn(self, network_hash: str, ids: Texts, rows: Int32, back_ms: int | None, joined_ms: int) -> None:
        """One revision: these are out now.

        ``back_ms``: when those it no longer counts came back. None: nothing returned, so the scope was
        corrected and they were never out.
        """
        out = self.roll.numbers(network_hash, ids, rows)
        stays = np.isin(self._who, out, assume_unique=True)
        if back_ms is not None:
            self._write(~stays, back_ms)
        joined = np.setdiff1d(out, self._who[stays], assume_unique=True)
        who = np.concatenate((self._who[stays], joined))
        since_ms = np.concatenate((self._since_ms[stays], np.full(len(joined), joined_ms, np.int64)))
        order = np.argsort(who)
        self._who, self._since_ms = who[order], since_ms[order]

    def close(self, until_ms: int) -> None:
        """The outage has no further revision: who is still out is so until then."""
        everyone = np.ones(len(self._who), np.bool_)
        self._write(everyone, until_ms)
        self._who, self._since_ms = self._who[:0], self._since_ms[:0]

    def _write(self, chosen: Bool, ended_ms: int) -> None:
        who, since_ms = self._who[chosen], self._since_ms[chosen]
        cause = np.full(len(who), self._cause, np.int8)
        outage = np.full(len(who), self._outage, np.int32)
        self._written.append((who, since_ms, np.maximum(since_ms, ended_ms), cause, outage))

    def absences(self) -> Absences:
        if not self._written:
            self._write(np.zeros(0, np.bool_), 0)
        who, started_ms, ended_ms, cause, outage = (
            np.concatenate(column) for column in zip(*self._written, strict=True)
        )
        return Absences.of(who, started_ms, ended_ms, cause, outage, len(self.roll.ids))
