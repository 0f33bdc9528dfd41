"""Splitting a dead part between several ties: which switches inside it to open, which ties to close.

The part is a tree of *sections* that the switches inside it join (switches on a loop stay closed and do not
part it). Every section gets the tie that feeds it, or stays dead; sections of one tie hang together and hold
the place where the tie arrives, so that each stays radial. No rating may be known to be exceeded: of the tie,
of the way that leads to it, of what lies inside the part. Of what is left the most customers are wanted, then
the fewest switchings, then the least full element.

Sections are placed one after the other from the first one outwards (branch and bound): load only grows, so a
rating that is exceeded ends a branch, and so does one that can no longer reach the best found so far. After
``MAX_TRIED`` placings the best so far stands; small parts are searched through.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from geo.live_grid import LiveGrid
from geo.loading import Ratings
from geo.network import Bool, Float64, Int32, Network
from geo.topology import connected

MAX_TRIED: Final = 50_000
MAX_SECTIONS: Final = 200
"""More are looked at between ties only: what lies aside is then never left off alone."""
DEAD: Final = -1
_SLACK_KVA: Final = 1e-6
"""Sums of the same numbers in another order differ so little."""


@dataclass(frozen=True, slots=True)
class Tie:
    """An open switch into the part."""

    edge: int
    node: int
    """Its end in the part."""
    rooms: tuple[tuple[int, float], ...]
    """(edge, kVA that it can still take) of the rated elements on its way, itself with them."""


@dataclass(frozen=True, slots=True)
class Region:
    """What one tie is to feed."""

    tie: int
    """Its edge."""
    borders: tuple[int, ...]
    """Switches to open around it."""


@dataclass(frozen=True, slots=True, eq=False)
class DeadPart:
    """One dead part of a grid, and who could feed it."""

    grid: LiveGrid
    inside: Bool
    """Per node."""
    openable: Bool
    """Per edge."""
    ties: tuple[Tie, ...]
    ratings: Ratings
    customers: Float64
    """Per node, how many are to be brought back there."""


def split(part: DeadPart) -> tuple[Region, ...]:
    """The regions of the best division; none where nothing fits at all."""
    pieces = _Pieces.of(part)
    if pieces.sections > MAX_SECTIONS:
        return ()
    return _regions(part, pieces, _Search(part, pieces).best())


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """The part as a tree of clusters in an order in which each comes behind its parent, and its sections."""

    of_node: dict[int, int]
    parent: list[int]
    via: list[int]
    """Per cluster the edge to its parent; -1 at the first."""
    load: list[float]
    limit: list[float]
    """Per cluster the rating of ``via``; infinite where unknown, or where it cannot be exceeded."""
    section: list[int]
    above: list[int]
    """Per section the one it hangs on; -1 for the first."""
    switch: list[int]
    """Per section the switch to the one above."""
    people: list[float]
    weight: list[float]
    """Per section its load."""

    @property
    def sections(self) -> int:
        return len(self.above)

    @staticmethod
    def of(part: DeadPart) -> "_Pieces":
        network, ratings = part.grid.network, part.ratings
        edges = network.edges
        inner = part.grid.closed & part.inside[edges.from_node] & part.inside[edges.to_node]
        loads = np.nan_to_num(ratings.load)
        carried = inner[ratings.distribution]
        total = float(loads[carried].sum())
        tight = ratings.rating < total
        breaks = np.flatnonzero(inner & (part.openable | tight)).astype(np.int32)
        joined = np.flatnonzero(inner & ~(part.openable | tight))
        cluster = connected(edges.from_node[joined], edges.to_node[joined], len(part.inside))
        tree = _Tree.over(network, cluster, np.flatnonzero(part.inside).astype(np.int32), breaks)
        places = cluster[edges.from_node[ratings.distribution]]
        load, people = [0.0] * len(tree.parent), [0.0] * len(tree.parent)
        for place, kva in zip(places[carried].tolist(), loads[carried].tolist(), strict=True):
            load[tree.number[place]] += kva
        for node in np.flatnonzero(part.inside & (part.customers > 0)).tolist():
            people[tree.number[int(cluster[node])]] += float(part.customers[node])
        limit = [float(ratings.rating[row]) if row >= 0 and tight[row] else np.inf for row in tree.via]
        of_node = {tie.node: tree.number[int(cluster[tie.node])] for tie in part.ties}
        parts = [row >= 0 and bool(part.openable[row]) and not loop for row, loop in tree.ways()]
        if sum(parts) >= MAX_SECTIONS:
            between = _under(tree.parent, list(of_node.values()))
            parts = [parted and bool(ties) for parted, ties in zip(parts, between, strict=True)]
        section, above, switch = _sections(tree, parts)
        return _Pieces(
            of_node, tree.parent, tree.via, load, limit, section, above, switch,
            _gathered(people, section, len(above)), _gathered(load, section, len(above)),
        )  # fmt: skip


@dataclass(slots=True)
class _Tree:
    """Clusters numbered in the order in which they are found; what closes a loop is marked along it."""

    number: dict[int, int] = field(default_factory=dict)
    parent: list[int] = field(default_factory=list)
    via: list[int] = field(default_factory=list)
    on_loop: list[bool] = field(default_factory=list)

    @staticmethod
    def over(network: Network, cluster: Int32, nodes: Int32, breaks: Int32) -> "_Tree":
        ends = cluster[network.edges.from_node[breaks]], cluster[network.edges.to_node[breaks]]
        links: dict[int, list[tuple[int, int]]] = {place: [] for place in cluster[nodes].tolist()}
        for row, one, other in zip(breaks.tolist(), ends[0].tolist(), ends[1].tolist(), strict=True):
            if one != other:
                links[one].append((other, row))
                links[other].append((one, row))
        found = _Tree()
        for first in links:
            if first not in found.number:
                found._spread(first, links)
        return found

    def ways(self) -> Iterable[tuple[int, bool]]:
        """Per cluster the edge to its parent, and whether it lies on a loop."""
        return zip(self.via, self.on_loop, strict=True)

    def _spread(self, first: int, links: dict[int, list[tuple[int, int]]]) -> None:
        self._add(first, -1, -1)
        waiting, used = deque([first]), set[int]()
        while waiting:
            here = waiting.popleft()
            for there, row in links[here]:
                if row in used:
                    continue
                used.add(row)
                if there in self.number:
                    self._close(self.number[here], self.number[there])
                else:
                    self._add(there, self.number[here], row)
                    waiting.append(there)

    def _add(self, cluster: int, parent: int, row: int) -> None:
        self.number[cluster] = len(self.parent)
        self.parent.append(parent)
        self.via.append(row)
        self.on_loop.append(False)

    def _close(self, one: int, other: int) -> None:
        """Numbers grow away from the first: the greater one goes up until both meet."""
        while one != other:
            if one < other:
                one, other = other, one
            self.on_loop[one] = True
            one = self.parent[one]


def _sections(tree: _Tree, parts: Sequence[bool]) -> tuple[list[int], list[int], list[int]]:
    """Per cluster its section; per section the one above and the switch to it. Parents come first."""
    section: list[int] = []
    above, switch = list[int](), list[int]()
    for number, parent in enumerate(tree.parent):
        if parent >= 0 and not parts[number]:
            section.append(section[parent])
            continue
        section.append(len(above))
        above.append(section[parent] if parent >= 0 else -1)
        switch.append(tree.via[number])
    return section, above, switch


def _gathered(values: Sequence[float], section: Sequence[int], count: int) -> list[float]:
    sums = [0.0] * count
    for number, value in zip(section, values, strict=True):
        sums[number] += value
    return sums


@dataclass(frozen=True, order=True, slots=True)
class _Worth:
    """Less is better."""

    missed: float
    switchings: int
    fullest: float
    labels: tuple[int, ...]


@dataclass(eq=False)
class _Search:
    """Labels are numbers of ties, or DEAD, one per section."""

    part: DeadPart
    pieces: _Pieces
    labels: list[int] = field(default_factory=list)
    found: _Worth | None = None
    tried: int = 0

    def __post_init__(self) -> None:
        pieces, ties = self.pieces, self.part.ties
        self.home = [pieces.section[pieces.of_node[tie.node]] for tie in ties]
        self.under = _under(pieces.above, self.home)
        self.room = dict(room for tie in ties for room in tie.rooms)
        self.taken = dict.fromkeys(self.room, 0.0)

    def best(self) -> tuple[int, ...]:
        """The labels of the best division."""
        self._place(0.0, 0)
        return () if self.found is None else self.found.labels

    def _place(self, missed: float, switchings: int) -> None:
        """Try every label for the next section."""
        self.tried += 1
        at = len(self.labels)
        if self._hopeless(missed, switchings):
            return
        if at == self.pieces.sections:
            self._judge(missed, switchings)
            return
        for label in self._choices(at):
            self._try(at, label, missed, switchings)

    def _try(self, at: int, label: int, missed: float, switchings: int) -> None:
        above = self.pieces.above[at]
        before = DEAD if above < 0 else self.labels[above]
        if label != before:
            # The switch between them, where there is one, and the tie of a region that begins.
            switchings += (above >= 0) + (label != DEAD)
        if label == DEAD:
            missed += self.pieces.people[at]
        rooms = () if label == DEAD else self.part.ties[label].rooms
        weight = self.pieces.weight[at]
        for edge, _ in rooms:
            self.taken[edge] += weight
        if all(self.taken[edge] <= room + _SLACK_KVA for edge, room in rooms):
            self.labels.append(label)
            self._place(missed, switchings)
            self.labels.pop()
        for edge, _ in rooms:
            self.taken[edge] -= weight

    def _choices(self, at: int) -> list[int]:
        """What is above goes on, ties that arrive here or further down may begin, or all ends."""
        above = self.pieces.above[at]
        before = DEAD if above < 0 else self.labels[above]
        begins = sorted(self.under[at])
        if before in self.under[at]:
            return [before]  # its tie arrives further down
        if before == DEAD:
            return [*begins, DEAD]
        return [before, *begins, DEAD]

    def _hopeless(self, missed: float, switchings: int) -> bool:
        if self.tried > MAX_TRIED:
            return True
        best = self.found
        return best is not None and (missed, switchings) > (best.missed, best.switchings)

    def _judge(self, missed: float, switchings: int) -> None:
        fullest = self._fullest()
        worth = _Worth(missed, switchings, fullest, tuple(self.labels))
        if fullest <= 1 + _SLACK_KVA and (self.found is None or worth < self.found):
            self.found = worth

    def _fullest(self) -> float:
        """The greatest share of a rating that is used; more than 1 where something inside is exceeded."""
        shares = [0.0]
        for edge, room in self.room.items():
            if self.taken[edge]:
                rating = float(self.part.ratings.rating[edge])
                shares.append((rating - room + self.taken[edge]) / rating)
        flow = self._flows()
        limits = self.pieces.limit
        shares += [kva / limit for kva, limit in zip(flow, limits, strict=True) if limit < np.inf]
        return max(shares)

    def _flows(self) -> list[float]:
        """Per cluster what flows between it and its parent; 0 where nothing does."""
        pieces, ties = self.pieces, self.part.ties
        label = [self.labels[number] for number in pieces.section]
        below = list(pieces.load)
        total = [0.0] * len(ties)
        holds: list[set[int]] = [set() for _ in below]
        for number, tie in enumerate(ties):
            holds[pieces.of_node[tie.node]].add(number)
        flow = [0.0] * len(below)
        for at in range(len(below) - 1, -1, -1):
            parent, own = pieces.parent[at], label[at]
            if own != DEAD:
                total[own] += pieces.load[at]
            if parent >= 0 and label[parent] == own:
                below[parent] += below[at]
                holds[parent] |= holds[at]
        for at, parent in enumerate(pieces.parent):
            own = label[at]
            if own != DEAD and parent >= 0 and label[parent] == own:
                flow[at] = total[own] - below[at] if own in holds[at] else below[at]
        return flow


def _under(above: Sequence[int], home: Sequence[int]) -> list[frozenset[int]]:
    """Per place of a tree the ties that arrive there or further down."""
    found: list[set[int]] = [set() for _ in above]
    for tie, arrives in enumerate(home):
        place = arrives
        while place >= 0:
            found[place].add(tie)
            place = above[place]
    return [frozenset(ties) for ties in found]


def _regions(part: DeadPart, pieces: _Pieces, labels: Sequence[int]) -> tuple[Region, ...]:
    borders: dict[int, list[int]] = {label: [] for label in labels if label != DEAD}
    for at, above in enumerate(pieces.above):
        if above >= 0 and labels and labels[at] != labels[above]:
            for label in {labels[at], labels[above]} - {DEAD}:
                borders[label].append(pieces.switch[at])
    return tuple(Region(part.ties[label].edge, tuple(sorted(rows))) for label, rows in borders.items())
