"""A past storm played again: which calls would have been foreseen, how much earlier, what is recorded wrong.

The company's own events go through the detector in the order of their times; its calls are held back and
compared with what was already known when each came. Orders show how often a crew was sent for what was one
outage.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import quantiles

import numpy as np
from numpy.typing import NDArray

from geo.network import Network
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence
from telemetry.mapping_suspects import Suspect, suspects
from telemetry.outages import OPEN_STATES, REAL_STATES, Cause, OutageRevision
from telemetry.planned_work import PlannedWork
from telemetry.replay import replay
from telemetry.scopes import Scopes

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Report:
    """Somebody called, or an order was opened, for a customer."""

    customer: str
    at_ms: int
    number: str = ""
    """Of the order."""


class Verdict(StrEnum):
    FORESEEN = "foreseen"
    """The customer was known to be out before the call."""
    LATER = "later"
    """Known only after the call."""
    MISSED = "missed"
    """Never counted as out."""
    UNKNOWN = "unknown"
    """The network has no such customer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One call and what was known of it."""

    report: Report
    verdict: Verdict
    outage_id: str = ""
    known_ms: int | None = None
    """When the customer was first counted as out."""

    @property
    def earlier_min(self) -> float | None:
        """By how many minutes the call was late; negative where the call was first."""
        return None if self.known_ms is None else (self.report.at_ms - self.known_ms) / MINUTE_MS


@dataclass(frozen=True, slots=True)
class OutageSummary:
    outage_id: str
    cause: Cause
    started_ms: int
    restored_ms: int | None
    customers: int
    """At its widest."""
    calls: int
    orders: tuple[str, ...]
    """Numbers of the orders that were opened for customers in it: one would have done."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    calls: tuple[Heard, ...]
    outages: tuple[OutageSummary, ...]
    suspects: tuple[Suspect, ...]
    unknown_devices: int
    """Devices of events that the network does not have."""

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        counts = Counter(heard.verdict for heard in self.calls)
        return {verdict: counts[verdict] for verdict in Verdict}

    @property
    def earlier_quartiles_min(self) -> tuple[float, float, float] | None:
        """Of the foreseen calls; None for fewer than two."""
        early = [
            h.earlier_min for h in self.calls if h.verdict is Verdict.FORESEEN and h.earlier_min is not None
        ]
        if len(early) < 2:
            return None
        first, middle, last = quantiles(early, n=4, method="inclusive")
        return first, middle, last

    @property
    def spared_orders(self) -> int:
        """Orders beyond the first of each outage."""
        return sum(max(0, len(outage.orders) - 1) for outage in self.outages)


def rehearse(
    network: Network,
    rules: DetectorRules,
    evidence: Sequence[Evidence],
    calls: Sequence[Report],
    orders: Sequence[Report] = (),
    planned: Sequence[PlannedWork] = (),
    late_ms: int = 0,
) -> Rehearsal:
    """``late_ms``: how long after its own time an event is taken to have arrived."""
    until_ms = max((row.at_ms for row in evidence), default=0) + MINUTE_MS
    done = replay(network, rules, evidence, until_ms, planned)
    history = _History(network, done.revisions, late_ms)
    return Rehearsal(
        calls=tuple(history.heard(call) for call in sorted(calls, key=lambda one: one.at_ms)),
        outages=tuple(history.summaries(calls, orders)),
        suspects=suspects(network, history.widest.values(), history.scope),
        unknown_devices=len(done.detector.fold.unknown),
    )


class _History:
    """What was published when, customer by customer."""

    def __init__(self, network: Network, revisions: Iterable[OutageRevision], late_ms: int) -> None:
        self.network = network
        self._late_ms = late_ms
        self.scope = Scopes(network).of
        self._first_ms: dict[str, NDArray[np.int64]] = {}
        self.widest: dict[str, OutageRevision] = {}
        self._size: Counter[str] = Counter()
        self._final: dict[str, OutageRevision] = {}
        for revision in revisions:
            self._note(revision)
        real = {name for name, final in self._final.items() if final.state in REAL_STATES}
        self.widest = {name: revision for name, revision in self.widest.items() if name in real}

    def _note(self, revision: OutageRevision) -> None:
        name = revision.outage_id
        self._final[name] = revision
        if revision.state not in OPEN_STATES:
            return
        rows = self.scope(revision).customer_rows
        known = self._first_ms.setdefault(name, np.full(len(self.network.customers), _NEVER))
        known[rows] = np.minimum(known[rows], revision.at_ms + self._late_ms)
        if len(rows) >= self._size[name]:
            self._size[name], self.widest[name] = len(rows), revision

    def heard(self, call: Report) -> Heard:
        """The outage that counted the customer first among those that may have caused the call."""
        row = self.network.customer_row.get(call.customer)
        if row is None:
            return Heard(call, Verdict.UNKNOWN)
        known = [(int(self._first_ms[name][row]), name) for name in self._around(call.at_ms)]
        found_ms, name = min(known, default=(_NEVER, ""))
        if found_ms == _NEVER:
            return Heard(call, Verdict.MISSED)
        verdict = Verdict.FORESEEN if found_ms <= call.at_ms else Verdict.LATER
        return Heard(call, verdict, name, found_ms)

    def _around(self, at_ms: int) -> Iterable[str]:
        """Outages that were open at that instant."""
        for name in self.widest:
            final = self._final[name]
            end_ms = final.restored_at_ms
            if final.started_at_ms <= at_ms and (end_ms is None or at_ms <= end_ms + MINUTE_MS):
                yield name

    def summaries(self, calls: Iterable[Report], orders: Iterable[Report]) -> Iterable[OutageSummary]:
        of_call = Counter(self.heard(call).outage_id for call in calls)
        of_order: dict[str, list[str]] = {}
        for order in orders:
            of_order.setdefault(self.heard(order).outage_id, []).append(order.number)
        for name, revision in sorted(self.widest.items(), key=lambda item: item[1].started_at_ms):
            final = self._final[name]
            yield OutageSummary(
                name, revision.cause, final.started_at_ms, final.restored_at_ms, self._size[name],
                of_call[name], tuple(of_order.get(name, ())),
            )  # fmt: skip


_NEVER = int(np.iinfo(np.int64).max)
