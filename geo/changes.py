"""How the company's network changes: proposals approved feeder by feeder, rollbacks, edits by hand.

Every change is a new version with its author and its note; snapshots and versions are never altered (INT-05).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from geo.assemble import Assembled
from geo.composition import compose, labels_of, taken_together, with_company
from geo.differences import Differences, differences
from geo.editing import Edit, edited
from geo.errors import GeoError
from geo.network import Network
from geo.ports import NetworkStore, NetworkVersion, Proposals, StoredProposal
from geo.proposals import FeederProposal, propose, ready

MAX_EDITS: Final = 1_000
MAX_NAMED: Final = 20


class ChangeRefused(GeoError):
    """A change that cannot be made, and why."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes, when and why."""

    name: str
    now_ms: int
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What a change came to; ``version`` is None where nothing differed."""

    version: NetworkVersion | None
    difference: Differences


class NetworkChanges:
    """Changes of one company's network."""

    def __init__(self, store: NetworkStore, proposals: Proposals) -> None:
        self._store = store
        self._proposals = proposals

    def in_force(self, now_ms: int) -> Network | None:
        version = self._store.effective(now_ms)
        return None if version is None else self._store.get(version.content_hash)

    def propose(self, brought: Assembled, source: str, author: Author) -> int:
        """Keep what was brought for approval; its number. Raises ``NetworkRefused`` where nothing is left."""
        network = brought.accepted()
        self._store.keep(network)
        return self._proposals.add(
            network.content_hash, author.now_ms, author.name, source, brought.judged, brought.set_aside
        )

    def look(self, proposal: StoredProposal, now_ms: int) -> tuple[FeederProposal, ...]:
        """Feeder by feeder, beside the network in force now."""
        brought = Assembled(self._store.get(proposal.content_hash), (), proposal.judged, proposal.set_aside)
        return propose(self.in_force(now_ms), brought)

    def approve(self, number: int, feeders: Iterable[str] | None, author: Author) -> Changed:
        """Let these feeders of a proposal (None: all that are ready) go live, with those they need."""
        proposal = self._waiting(number)
        listed = self.look(proposal, author.now_ms)
        wanted = ready(listed) if feeders is None else self._wanted(feeders, listed)
        if not wanted:
            raise ChangeRefused(
                "no feeder is ready to go live: all have errors, or are not in it", "no_feeder_ready"
            )
        changed = self._take(self._store.get(proposal.content_hash), wanted, proposal.source, author)
        self._proposals.settle(number, author.now_ms, f"approved: {_named(wanted)}")
        return changed

    def dismiss(self, number: int, author: Author) -> None:
        """Let nothing of it go live."""
        self._waiting(number)
        self._proposals.settle(number, author.now_ms, f"dismissed: {author.note}")

    def roll_back(self, to: NetworkVersion, feeders: Sequence[str] | None, author: Author) -> Changed:
        """Bring back an earlier version, whole (None) or some feeders of it."""
        earlier = self._store.get(to.content_hash)
        if feeders is None:
            return self._put(earlier, f"rolled back to {to.content_hash}", to.source, author)
        return self._take(earlier, frozenset(feeders), f"rolled back, from {to.source}", author)

    def edit(self, edits: Sequence[Edit], author: Author) -> Changed:
        """Change rows by hand. Raises ``EditRefused``, ``NetworkRefused``, ``ChangeRefused``."""
        if len(edits) > MAX_EDITS:
            raise ChangeRefused(
                f"edits: expected at most {MAX_EDITS} at once, found {len(edits)}",
                "too_many_edits",
                most=MAX_EDITS,
            )
        network = self._needed(author.now_ms)
        what = ", ".join(f"{edit.table} {edit.id}" for edit in edits[:MAX_NAMED])
        return self._put(edited(network, edits).accepted(), f"edited {what}", "edit", author)

    def _waiting(self, number: int) -> StoredProposal:
        proposal = self._proposals.get(number)
        if proposal.settled_ms is not None:
            raise ChangeRefused(
                f"proposal {number} is settled: {proposal.outcome}", "proposal_settled", proposal=str(number)
            )
        return proposal

    def _wanted(self, feeders: Iterable[str], listed: Iterable[FeederProposal]) -> frozenset[str]:
        known = {one.feeder for one in listed}
        wanted = frozenset(feeders)
        unknown = sorted(wanted - known)
        if unknown:
            raise ChangeRefused(
                f"no feeder {unknown[0]!r}; there are {_named(known)}", "no_feeder", feeder=unknown[0]
            )
        return wanted

    def _take(self, other: Network, wanted: frozenset[str], source: str, author: Author) -> Changed:
        before = self.in_force(author.now_ms)
        if before is None:
            return self._put(other, "the first network", source, author)
        groups = taken_together(labels_of(before), labels_of(other))
        taken = with_company(wanted, groups)
        return self._put(compose(before, other, taken).accepted(), f"feeders {_named(taken)}", source, author)

    def _put(self, network: Network, what: str, source: str, author: Author) -> Changed:
        before = self.in_force(author.now_ms)
        if before is None:
            difference = Differences()
        else:
            difference = differences(before, network)
            if before.content_hash == network.content_hash:
                return Changed(None, difference)
        note = f"{what}: {author.note}" if author.note else what
        version = NetworkVersion(
            network.content_hash, author.now_ms, author.now_ms, source, author.name, note
        )
        self._store.put(network, version)
        return Changed(version, difference)

    def _needed(self, now_ms: int) -> Network:
        network = self.in_force(now_ms)
        if network is None:
            raise ChangeRefused("no network is in force; import one first", "none_yet")
        return network


def _named(feeders: Iterable[str]) -> str:
    names = [feeder or "(stations)" for feeder in sorted(feeders)]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
