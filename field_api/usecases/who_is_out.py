"""Who is out by an outage, and who is out by another one as well."""

from collections.abc import Collection
from typing import Final

import numpy as np

from field_api.kept import Kept
from field_api.ports import Sites
from field_api.projection import Impact
from telemetry.lifecycle import SAME_ONSET_MS
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.ports import OutageLog

IMPACTS_KEPT: Final = 400
"""Of a storm's open outages."""
LOOKED_BACK: Final = 50


class WhoIsOut:
    """Reads the outage log; what a revision means is worked out once."""

    def __init__(self, outages: OutageLog, sites: Sites) -> None:
        self._outages = outages
        self._sites = sites
        self._impacts: Kept[tuple[str, int], Impact] = Kept(IMPACTS_KEPT)

    def impact(self, revision: OutageRevision) -> Impact:
        """Who is out as of the revision."""
        key = revision.outage_id, revision.revision
        impact = self._impacts.get(key)
        if impact is None:
            impact = self._sites.of(revision.network_hash).impact(revision)
            self._impacts.put(key, impact)
        return impact

    def widest(self, revision: OutageRevision) -> Impact:
        """Of the last revisions before the end that blamed the same element, the one with most people out."""
        before = [one for one in self._before(revision) if one.state in OPEN_STATES]
        blamed = before[-1].cause.element if before else ""
        same = [one for one in before[-LOOKED_BACK:] if one.cause.element == blamed]
        widest = max(map(self.impact, same), key=lambda impact: len(impact.customers), default=None)
        return self.impact(revision) if widest is None else widest

    def just_before(self, revision: OutageRevision) -> tuple[str, ...]:
        """Ids of the customers who were out by the revision before, if that was confirmed."""
        before = self._before(revision)[-1:]
        if not before or before[0].state is not OutageState.CONFIRMED:
            return ()
        ids = self._sites.of(before[0].network_hash).network.customers.ids
        return tuple(ids[row] for row in self.impact(before[0]).customers.tolist())

    def elsewhere(self, revision: OutageRevision, people: Collection[str]) -> frozenset[str]:
        """Which of these customers are out by another open outage.

        By one that is confirmed, or began with this one: what stays dead inside a restored outage is dated
        back to it.
        """
        if not people:
            return frozenset()
        out: set[str] = set()
        for logged in self._outages.current(open_only=True):
            other = logged.revision
            began_with_it = abs(other.started_at_ms - revision.started_at_ms) <= SAME_ONSET_MS
            if other.outage_id != revision.outage_id and (
                began_with_it or other.state is OutageState.CONFIRMED
            ):
                out.update(self._among(other, people))
        return frozenset(out)

    def _among(self, revision: OutageRevision, people: Collection[str]) -> list[str]:
        row_of = self._sites.of(revision.network_hash).network.customer_row
        known = [(person, row_of[person]) for person in people if person in row_of]
        inside = np.isin([row for _, row in known], self.impact(revision).customers)
        return [person for (person, _), is_in in zip(known, inside, strict=True) if is_in]

    def _before(self, revision: OutageRevision) -> list[OutageRevision]:
        chain = (logged.revision for logged in self._outages.revisions(revision.outage_id))
        return [one for one in chain if one.revision < revision.revision]
