"""What changed from one network to another, told by ids: a re-import shows it, an approval rests on it.

Elements are the same when their id is; rows may stand in another order. Two crosswalk rows are the same when
system, foreign id, own id and beginning are.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.network import ABSENT, Network, Texts
from geo.spelling import Columns, spelled

TABLES: Final = ("nodes", "edges", "meters", "terminals", "sensors", "customers", "identifiers")
_IDENTIFIER_KEY: Final = ("system", "foreign_id", "own_id", "from")


@dataclass(frozen=True, slots=True)
class Change:
    """One element with the fields that changed: name → (before, after), spelled as in the CSV files."""

    id: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TableDifference:
    """Ids in the order of the table that holds them."""

    added: Texts = ()
    removed: Texts = ()
    changed: tuple[Change, ...] = ()
    reordered: bool = False
    """The rows that both have stand in another order (which alone changes the content hash)."""

    def __len__(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)


@dataclass(frozen=True, slots=True)
class Move:
    """A customer whose supply comes from other transformers than before; '' is none."""

    customer: str
    before: Texts
    after: Texts


@dataclass(frozen=True, slots=True)
class Differences:
    tables: Mapping[str, TableDifference] = field(default_factory=dict)
    moved: tuple[Move, ...] = ()

    def __len__(self) -> int:
        return sum(len(table) for table in self.tables.values())

    @property
    def nothing_changed(self) -> bool:
        """Whether both say the same, in whatever order."""
        return not len(self)

    def counts(self) -> dict[str, dict[str, int]]:
        """How much was added, removed and changed, by table; and how many customers moved."""
        found = self.by_table()
        return {**found, "customers": {**found.get("customers", {}), "moved": len(self.moved)}}

    def by_table(self) -> dict[str, dict[str, int]]:
        """How much was added, removed and changed, by table."""
        return {
            name: {"added": len(table.added), "removed": len(table.removed), "changed": len(table.changed)}
            for name, table in self.tables.items()
        }

    def summary(self) -> str:
        """One line."""
        told = [
            f"{name} {word} {count}"
            for name, words in self.counts().items()
            for word, count in words.items()
            if count
        ]
        return ", ".join(told) or "nothing changed"


def differences(before: Network, after: Network) -> Differences:
    """What ``after`` adds, removes and changes, and which customers of both moved between transformers."""
    if before.content_hash == after.content_hash:
        return Differences({name: TableDifference() for name in TABLES})
    old, new = spelled(before), spelled(after)
    tables = {name: _compared(_keyed(name, old), _keyed(name, new)) for name in TABLES}
    return Differences(tables, _moved(before, after))


@dataclass(frozen=True, slots=True)
class _Keyed:
    keys: Texts
    columns: Columns


def _keyed(name: str, tables: Mapping[str, Columns]) -> _Keyed:
    columns = tables.get(name, {})
    if name != "identifiers":
        return _Keyed(columns["id"], columns)
    rows = zip(*(columns.get(part, ()) for part in _IDENTIFIER_KEY), strict=True)
    seen: Counter[str] = Counter()
    keys = []
    for row in rows:
        key = " ".join(row)
        seen[key] += 1
        # The same line twice is two rows.
        keys.append(key if seen[key] == 1 else f"{key} #{seen[key]}")
    return _Keyed(tuple(keys), columns)


def _compared(before: _Keyed, after: _Keyed) -> TableDifference:
    if before.keys == after.keys:
        return TableDifference(changed=_changed(before.keys, before.columns, after.columns))
    old_row = {key: row for row, key in enumerate(before.keys)}
    new_row = {key: row for row, key in enumerate(after.keys)}
    kept = tuple(key for key in before.keys if key in new_row)
    new_rows = [new_row[key] for key in kept]
    old = _chosen(before.columns, [old_row[key] for key in kept])
    return TableDifference(
        added=tuple(key for key in after.keys if key not in old_row),
        removed=tuple(key for key in before.keys if key not in new_row),
        changed=_changed(kept, old, _chosen(after.columns, new_rows)),
        reordered=bool((np.diff(np.array(new_rows, np.int64)) < 0).any()),
    )


def _chosen(columns: Columns, rows: list[int]) -> Columns:
    return {name: tuple(cells[row] for row in rows) for name, cells in columns.items()}


def _changed(keys: Texts, before: Columns, after: Columns) -> tuple[Change, ...]:
    """Rows of the same keys whose fields differ; a column that one side lacks is empty there."""
    nothing = ("",) * len(keys)
    found: dict[int, dict[str, tuple[str, str]]] = {}
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, nothing), after.get(name, nothing)
        if old == new:
            continue
        for at, pair in enumerate(zip(old, new, strict=True)):
            if pair[0] != pair[1]:
                found.setdefault(at, {})[name] = pair
    return tuple(Change(keys[at], fields) for at, fields in sorted(found.items()))


def _moved(before: Network, after: Network) -> tuple[Move, ...]:
    old, new = _transformers(before), _transformers(after)
    pairs = (
        (customer, old.get(customer, ()), new.get(customer, ()))
        for customer in before.customers.ids
        if customer in after.customer_row
    )
    return tuple(Move(customer, first, second) for customer, first, second in pairs if first != second)


def _transformers(network: Network) -> dict[str, Texts]:
    """By customer with a meter the ids of the transformers behind, sorted; '' for a meter without one."""
    ids, customers, count = network.edges.ids, network.customers.ids, len(network.edges) + 1
    pairs = np.unique(network.meters.customer.astype(np.int64) * count + Areas(network).of_meter + 1)
    known: dict[str, Texts] = {}
    for customer, edge in zip((pairs // count).tolist(), (pairs % count - 1).tolist(), strict=True):
        name = "" if edge == ABSENT else ids[edge]
        others = known.get(customers[customer], ())
        known[customers[customer]] = tuple(sorted((*others, name))) if others else (name,)
    return known
