"""Collects findings while a network is read; a million equal mistakes make a report of readable length."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from geo.errors import Finding, Severity

MOST_PER_RULE: Final = 100
"""Findings told one by one for each rule and file; the rest is counted."""


@dataclass(slots=True)
class Report:
    """Findings in the order in which they were met; ``findings`` answers them errors first."""

    _told: list[Finding] = field(default_factory=list)
    _counts: Counter[tuple[Severity, str, str]] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Note one finding; from the hundred-and-first of its rule and file on it is only counted."""
        key = (finding.severity, finding.rule, finding.place)
        self._counts[key] += 1
        if self._counts[key] <= MOST_PER_RULE:
            self._told.append(finding)

    def error(
        self, rule: str, message: str, element: str = "", place: str = "", line: int | None = None
    ) -> None:
        self.add(Finding(Severity.ERROR, rule, message, element, place, line))

    def warning(
        self, rule: str, message: str, element: str = "", place: str = "", line: int | None = None
    ) -> None:
        self.add(Finding(Severity.WARNING, rule, message, element, place, line))

    @property
    def refused(self) -> bool:
        """Whether any finding is an error."""
        return any(severity is Severity.ERROR for severity, _rule, _place in self._counts)

    def findings(self) -> tuple[Finding, ...]:
        """All that was told and a last line for what was only counted; errors first, then by file."""
        more = [
            Finding(severity, rule, f"and {count - MOST_PER_RULE} more like these", "", place)
            for (severity, rule, place), count in self._counts.items()
            if count > MOST_PER_RULE
        ]
        return tuple(sorted([*self._told, *more], key=_worst_first))


def _worst_first(finding: Finding) -> tuple[bool, str, str, float]:
    line = float("inf") if finding.line is None else finding.line
    return finding.severity is not Severity.ERROR, finding.place, finding.rule, line
