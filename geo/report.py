"""Collects findings while a network is read; a million equal mistakes make a report of readable length."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from geo.errors import Finding
from geo.rules import RULES, Severity, Subject

MOST_PER_RULE: Final = 100
"""Findings told one by one for each rule and table; the rest is counted."""
NO_ROW: Final = -1
NO_FACTS: Final[Mapping[str, object]] = {}
Row = tuple[str, int]
"""Table ('' for none) and row."""


@dataclass(slots=True)
class Report:
    """Findings in the order in which they were met; ``findings`` answers them errors first."""

    most: int = MOST_PER_RULE
    told: list[tuple[Finding, Row]] = field(default_factory=list)
    noted: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    """By (rule, table, or place where it is of none) the row of every finding (or NO_ROW), told or not."""

    def add(
        self,
        rule: str,
        element: str = "",
        place: str = "",
        line: int | None = None,
        table: str = "",
        row: int = NO_ROW,
        facts: Mapping[str, object] = NO_FACTS,
    ) -> None:
        """Note one finding; beyond the most of its rule and table it is only counted."""
        rows = self.noted[rule, table or place]
        rows.append(row)
        if len(rows) <= self.most:
            spelled = {name: str(fact) for name, fact in facts.items()}
            self.told.append((Finding(rule, element, place, line, spelled), (table, row)))

    def take(self, other: "Report", only: Severity | None = None) -> None:
        """Add what another report holds, of all severities or of one."""
        for (rule, table), rows in other.noted.items():
            if only in {None, RULES[rule].severity}:
                self.noted[rule, table].extend(rows)
        self.told += [told for told in other.told if only in {None, told[0].severity}]

    @property
    def refused(self) -> bool:
        """Whether any finding is an error."""
        return any(_is_error(rule) for rule, _table in self.noted)

    @property
    def blocked(self) -> bool:
        """Whether an error is of no row, so that leaving rows out does not help."""
        return any(
            _is_error(rule) and RULES[rule].subject is not Subject.ROW and NO_ROW in rows
            for (rule, _table), rows in self.noted.items()
        )

    def rows_with_errors(self) -> Mapping[str, frozenset[int]]:
        """By table the rows that hold an error."""
        bad: dict[str, set[int]] = defaultdict(set)
        for (rule, table), rows in self.noted.items():
            if _is_error(rule):
                bad[table].update(rows)
        return {table: frozenset(rows - {NO_ROW}) for table, rows in bad.items()}

    @property
    def rows_lost(self) -> int:
        """Rows that hold an error, those included that never became rows of a table."""
        unmade = sum(rows.count(NO_ROW) for (rule, _table), rows in self.noted.items() if _is_error(rule))
        return unmade + sum(len(rows) for rows in self.rows_with_errors().values())

    def findings(self, feeder: Callable[[str, int], str] | None = None) -> tuple[Finding, ...]:
        """All that was told and a last line for what was only counted; errors first, then by file.

        ``feeder`` names the feeder of (table, row).
        """
        told = [
            replace(found, feeder=feeder(*row)) if feeder and row[0] and row[1] != NO_ROW else found
            for found, row in self.told
        ]
        return tuple(sorted([*told, *self._counted()], key=_worst_first))

    def _counted(self) -> Iterator[Finding]:
        first = {(told.rule, row[0] or told.place): told.place for told, row in reversed(self.told)}
        for key, rows in self.noted.items():
            if len(rows) > self.most:
                yield Finding(key[0], place=first[key], more=len(rows) - self.most)


def _is_error(rule: str) -> bool:
    return RULES[rule].severity is Severity.ERROR


def _worst_first(finding: Finding) -> tuple[bool, str, str, float]:
    line = float("inf") if finding.line is None else finding.line
    return finding.severity is not Severity.ERROR, finding.place, finding.rule, line
