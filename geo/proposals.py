"""A network that was brought in, feeder by feeder beside the one in force: what may go live, and what not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from geo.assemble import Assembled
from geo.composition import TRUNK, Labels, labels_of, taken_together
from geo.differences import Differences, differences
from geo.judging import sound
from geo.network import Network


class FeederState(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"
    """In force, not in what was brought: partial exports are normal, so it stays unless approved to go."""
    UNSOUND = "unsound"
    """Has errors: it keeps its last good version."""


@dataclass(frozen=True, slots=True)
class FeederProposal:
    feeder: str
    """Id of its first edge; "" for what belongs to no feeder (stations and what joins them)."""
    name: str
    state: FeederState
    added: int
    removed: int
    changed: int
    findings: Mapping[str, int]
    """Rule → how often it was broken."""
    together: tuple[str, ...]
    """Other feeders that it exchanges elements with: they can only be taken together."""


def propose(in_force: Network | None, brought: Assembled) -> tuple[FeederProposal, ...]:
    """Every feeder of either network, what belongs to none first. ``brought`` holds a network."""
    candidate = brought.accepted()
    new = labels_of(candidate)
    old: Labels = labels_of(in_force) if in_force is not None else {table: {} for table in new}
    difference = differences(in_force, candidate) if in_force is not None else None
    groups = taken_together(old, new) if in_force is not None else ()
    counted = _counted(difference, old, new) if difference is not None else {}
    names = {feeder for labels in (old, new) for table in labels.values() for feeder in table.values()}
    return tuple(
        FeederProposal(
            feeder=feeder,
            name=_name(feeder, candidate, in_force),
            state=_state(feeder, old, new, brought, counted),
            added=counted.get((feeder, "added"), 0),
            removed=counted.get((feeder, "removed"), 0),
            changed=counted.get((feeder, "changed"), 0),
            findings=dict(brought.judged.get(feeder, {})),
            together=tuple(sorted(set().union(*(g for g in groups if feeder in g)) - {feeder})),
        )
        for feeder in sorted(names | {TRUNK} | brought.judged.keys())
    )


def ready(proposals: Iterable[FeederProposal]) -> frozenset[str]:
    """What may go live without anybody looking closer: sound feeders that changed, with all they need."""
    listed = {one.feeder: one for one in proposals}
    good = {FeederState.CHANGED, FeederState.NEW, FeederState.SAME}
    return frozenset(
        one.feeder
        for one in listed.values()
        if one.state in good and all(listed[other].state in good for other in one.together)
    )


def _state(
    feeder: str, old: Labels, new: Labels, brought: Assembled, counted: Mapping[tuple[str, str], int]
) -> FeederState:
    if not sound(brought.judged, feeder):
        return FeederState.UNSOUND
    before, after = (any(feeder in table.values() for table in labels.values()) for labels in (old, new))
    if not after and before:
        return FeederState.GONE
    if after and not before:
        return FeederState.NEW
    changed = any(counted.get((feeder, kind), 0) for kind in ("added", "removed", "changed"))
    return FeederState.CHANGED if changed else FeederState.SAME


def _counted(difference: Differences, old: Labels, new: Labels) -> Counter[tuple[str, str]]:
    """(feeder, kind of change) → elements."""
    counts: Counter[tuple[str, str]] = Counter()
    for table, found in difference.tables.items():
        if table == "identifiers":
            continue
        counts.update((new[table][one], "added") for one in found.added)
        counts.update((old[table][one], "removed") for one in found.removed)
        counts.update((new[table][change.id], "changed") for change in found.changed)
    return counts


def _name(feeder: str, *networks: Network | None) -> str:
    rows = ((network, network.edge_row.get(feeder)) for network in networks if network is not None)
    return next((network.edges.name[row] for network, row in rows if row is not None), "")
