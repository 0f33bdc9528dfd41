"""Networks made of feeders of two networks: some taken from a candidate, the others as they are in force.

Feeders that exchange elements can only be taken together: else a customer who moved from one to the other
would be on both, or on none.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from geo.assemble import Assembled, assemble
from geo.differences import TABLES
from geo.feeders import Feeders, feeders_of
from geo.network import Network, Texts
from geo.rows import Table
from geo.spelling import Columns, spelled

TRUNK: Final = ""
"""Stands for what belongs to no feeder: stations, main transformers, what leads on to other stations."""
IN_FORCE: Final = "in force"
CANDIDATE: Final = "candidate"
Labels = Mapping[str, Mapping[str, str]]
"""Table → id of the element → its feeder."""


def labels_of(network: Network, feeders: Feeders | None = None) -> Labels:
    """The feeder of every element that has an id."""
    feeders = feeders_of(network) if feeders is None else feeders
    names = (*feeders.ids, TRUNK)
    return {
        table: {
            identifier: names[number]
            for identifier, number in zip(
                getattr(network, table).ids, feeders.of(table).tolist(), strict=True
            )
        }
        for table in TABLES
        if table != "identifiers"
    }


def taken_together(before: Labels, after: Labels) -> tuple[frozenset[str], ...]:
    """Groups of feeders that exchange elements, each group with at least two."""
    groups: list[set[str]] = []
    for table, old in before.items():
        new = after[table]
        pairs = {frozenset((old[one], new[one])) for one in old.keys() & new.keys() if old[one] != new[one]}
        for pair in pairs:
            joined = [group for group in groups if group & pair]
            groups = [group for group in groups if not group & pair]
            groups.append(set(pair).union(*joined))
    return tuple(sorted(map(frozenset, groups), key=sorted))


def with_company(wanted: Iterable[str], groups: Iterable[frozenset[str]]) -> frozenset[str]:
    """The wanted feeders and all that must be taken together with them."""
    taken = frozenset(wanted)
    return taken.union(*(group for group in groups if group & taken))


def compose(in_force: Network, candidate: Network, taken: frozenset[str]) -> Assembled:
    """The candidate's rows of these feeders (``TRUNK`` among them or not), all other rows as in force.

    Checked as any network that is brought in: what names an element that neither part has is an error. A
    candidate that brings no foreign ids at all says nothing of them: those in force stay.
    """
    old, new = labels_of(in_force), labels_of(candidate)
    before, after = spelled(in_force), spelled(candidate)
    tables: dict[str, Table] = {}
    for name in TABLES:
        rows_after = _rows(name, after.get(name, {}), new, taken, inside=True)
        known = {_key(name, after[name], row) for row in rows_after} if rows_after else set()
        kept = taken if name in after else frozenset()
        rows_before = [
            row
            for row in _rows(name, before.get(name, {}), old, kept, inside=False)
            if _key(name, before[name], row) not in known
        ]
        if name != "identifiers" or rows_after or rows_before:
            tables[name] = _joined(
                name, (after.get(name, {}), rows_after), (before.get(name, {}), rows_before)
            )
    return assemble(tables)


def _rows(name: str, columns: Columns, labels: Labels, taken: frozenset[str], *, inside: bool) -> list[int]:
    """Rows of one table that belong to the taken feeders, or to the others."""
    if name == "identifiers":
        of_any = {identifier: feeder for table in labels.values() for identifier, feeder in table.items()}
        owners: Iterable[str] = columns.get("own_id", ())
        return [row for row, own in enumerate(owners) if (of_any.get(own, TRUNK) in taken) == inside]
    feeder = labels[name]
    return [row for row, own in enumerate(columns.get("id", ())) if (feeder[own] in taken) == inside]


def _key(name: str, columns: Columns, row: int) -> Texts:
    names = ("system", "foreign_id", "own_id", "from") if name == "identifiers" else ("id",)
    return tuple(columns[column][row] for column in names)


def _joined(name: str, *parts: tuple[Columns, list[int]]) -> Table:
    """Rows of the candidate, then of the network in force; a column that a part lacks is empty there."""
    names = dict.fromkeys(column for columns, _ in parts for column in columns)
    cells = {
        column: tuple(
            cell
            for columns, rows in parts
            for cell in (_picked(columns[column], rows) if column in columns else [""] * len(rows))
        )
        for column in names
    }
    places = [place for place, (_, rows) in zip((CANDIDATE, IN_FORCE), parts, strict=True) for _ in rows]
    return Table(name, cells, places=places)


def _picked(cells: Texts, rows: list[int]) -> list[str]:
    return [cells[row] for row in rows]
