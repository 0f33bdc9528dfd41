"""A night concluded twice: what was published beside what the same evidence gives again.

What counts is what people were told in the end: causes, intervals, customers. How often it was told on the
way, and outages that were withdrawn or merged in both, are facts of arrival and are not compared.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.outages import OPEN_STATES, OutageRevision, OutageState

SAME_MS: Final = 2_000
"""Instants this close are the same: the running detector looks when its clock lets it."""
SAME_ONSET_MS: Final = 60_000
COUNTED: Final = OPEN_STATES | {OutageState.RESTORED}

CustomersOf = Callable[[OutageRevision], frozenset[str]]
"""Ids of the customers out by a revision; of one that ended, of its last open one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise; empty where one side has nothing."""

    outage_id: str
    what: str
    """``outage``, ``state``, ``cause``, ``started_at``, ``restored_at`` or ``customers``."""
    published: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Night:
    from_ms: int
    to_ms: int
    rows: int
    """Of evidence taken in."""
    published: tuple[OutageRevision, ...]
    """The newest revision of each outage that counted, as of the end."""
    again: tuple[OutageRevision, ...]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> int:
        """Published outages that came out the same."""
        changed = {difference.outage_id for difference in self.differences}
        return sum(revision.outage_id not in changed for revision in self.published)


def newest(revisions: Iterable[OutageRevision]) -> dict[str, OutageRevision]:
    """The last of each outage."""
    return {revision.outage_id: revision for revision in revisions}


def counted(revisions: Iterable[OutageRevision]) -> tuple[OutageRevision, ...]:
    """The newest of each outage that was or is one, eldest first."""
    kept = [r for r in newest(revisions).values() if r.state in COUNTED]
    return tuple(sorted(kept, key=lambda r: (r.started_at_ms, r.outage_id)))


def compare(
    published: Sequence[OutageRevision],
    again: Sequence[OutageRevision],
    then: CustomersOf,
    now: CustomersOf,
) -> tuple[Difference, ...]:
    """What differs between two sets of newest revisions; who was out by each side's own chain."""
    left = list(again)
    found: list[Difference] = []
    for one in published:
        other = _match(one, left)
        if other is None:
            found.append(Difference(one.outage_id, "outage", _named(one), ""))
        else:
            left.remove(other)
            found.extend(_differences(one, other))
            found.extend(_people_differ(one, then(one), now(other)))
    found.extend(Difference(other.outage_id, "outage", "", _named(other)) for other in left)
    return tuple(found)


def _match(one: OutageRevision, others: Sequence[OutageRevision]) -> OutageRevision | None:
    same = [other for other in others if other.outage_id == one.outage_id]
    alike = [
        other
        for other in others
        if set(other.cause.equivalent) & set(one.cause.equivalent)
        and abs(other.started_at_ms - one.started_at_ms) <= SAME_ONSET_MS
    ]
    return next(iter(same or alike), None)


def _differences(one: OutageRevision, other: OutageRevision) -> Iterator[Difference]:
    def differ(what: str, mine: object, theirs: object) -> Difference:
        return Difference(one.outage_id, what, str(mine), str(theirs))

    if one.state is not other.state:
        yield differ("state", one.state.value, other.state.value)
    if set(one.cause.equivalent) != set(other.cause.equivalent):
        yield differ("cause", "=".join(one.cause.equivalent), "=".join(other.cause.equivalent))
    instants: Mapping[str, tuple[int | None, int | None]] = {
        "started_at": (one.started_at_ms, other.started_at_ms),
        "restored_at": (one.restored_at_ms, other.restored_at_ms),
    }
    for what, (mine, theirs) in instants.items():
        if (mine is None) != (theirs is None) or abs((mine or 0) - (theirs or 0)) > SAME_MS:
            yield differ(what, mine, theirs)


def _people_differ(one: OutageRevision, ours: frozenset[str], again: frozenset[str]) -> Iterator[Difference]:
    if ours != again:
        yield Difference(one.outage_id, "customers", _people(ours - again), _people(again - ours))


def _people(ids: frozenset[str]) -> str:
    return " ".join(sorted(ids)[:20]) + (" …" if len(ids) > 20 else "")


def _named(revision: OutageRevision) -> str:
    return f"{revision.state.value} {revision.cause.element} {revision.started_at_ms}"
