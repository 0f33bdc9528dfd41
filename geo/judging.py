"""Each feeder judged on its own: what was found on its elements, and on rows that would belong to it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from geo.errors import UnknownElement
from geo.feeders import Feeders
from geo.network import ABSENT, Int32
from geo.report import NO_ROW, Report
from geo.rows import Table
from geo.rules import RULES, Severity
from geo.tracing import find

Judged = Mapping[str, Mapping[str, int]]
"""Per feeder ('' for what belongs to none) how often each rule was broken."""
_ORDER: Final = ("nodes", "edges", "terminals", "sensors", "meters", "customers", "identifiers")
"""What names others comes after them."""
_NAMED_BY: Final = (
    "id", "from_id", "to_id", "node_id", "terminal_id", "edge_id", "access_point_id", "customer_id", "own_id",
)  # fmt: skip


def sound(judged: Judged, feeder: str) -> bool:
    """Whether nothing that was found on the feeder is an error."""
    return not any(RULES[rule].severity is Severity.ERROR for rule in judged.get(feeder, {}))


def judge(
    feeders: Feeders, tables: Mapping[str, Table], remaining: Mapping[str, Table], report: Report
) -> tuple[Judged, Callable[[str, int], str]]:
    """The judgement, and the feeder of any (table, row).

    ``feeders`` are those of the network made of ``remaining``, which is ``tables`` without some rows; these
    belong to the feeder of the first element that they name.
    """
    aside: dict[str, int] = {}
    ordered = [name for name in _ORDER if name in tables]
    numbers = {name: _numbers(feeders, name, tables[name], remaining[name], aside) for name in ordered}
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for (rule, table), rows in report.noted.items():
        known = np.array([row for row in rows if row != NO_ROW and table in numbers], np.int64)
        labels = numbers[table][known] if len(known) else known
        counted = np.bincount(labels + 1, minlength=1)
        counted[0] += len(rows) - len(known)
        for number in np.flatnonzero(counted).tolist():
            feeder = feeders.ids[number - 1] if number else ""
            judged[feeder][rule] = judged[feeder].get(rule, 0) + int(counted[number])

    def feeder_of(table: str, row: int) -> str:
        number = int(numbers[table][row]) if table in numbers else ABSENT
        return "" if number == ABSENT else feeders.ids[number]

    return dict(judged), feeder_of


def _numbers(feeders: Feeders, name: str, source: Table, kept: Table, aside: dict[str, int]) -> Int32:
    """Per row of the source the number of its feeder; ``aside`` collects those of rows that were left out."""
    if len(source) == len(kept):
        return feeders.of(name)
    staying = [kept.original(row) for row in range(len(kept))]
    numbers = np.full(len(source), ABSENT, np.int32)
    numbers[staying] = feeders.of(name)
    for row in sorted(set(range(len(source))) - set(staying)):
        named = [source.columns[column][row].strip() for column in _NAMED_BY if column in source.columns]
        numbers[row] = next((number for number in _feeders_of(feeders, named, aside)), ABSENT)
        if numbers[row] != ABSENT:
            aside.setdefault(named[0], int(numbers[row]))
    return numbers


def _feeders_of(feeders: Feeders, named: Iterable[str], aside: Mapping[str, int]) -> Iterator[int]:
    for element in named:
        number = aside.get(element, ABSENT)
        try:
            found = find(feeders.network, element)
            number = int(feeders.of(f"{found.type}s")[found.row])
        except UnknownElement:
            pass
        if number != ABSENT:
            yield number
