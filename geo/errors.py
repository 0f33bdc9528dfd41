"""What can be wrong with a network, as values and as one exception tree.

GeoError
├── NetworkRefused      an import whose report holds errors
├── UnknownElement      an id that the network does not know
├── SnapshotDamaged     stored bytes that are not the promised network (geo.snapshot)
├── ReachesUnsupplied   a switch closed towards nodes that the known tree does not hold (geo.switching)
└── DatabaseTooOld      a SQLite library that may lose data (geo.adapters.database)
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a network, told so that its owner can mend it.

    ``rule`` is the short name of the check, ``place`` the file (or table) and ``line`` its line,
    1-based and counting the header, or None where the source has no lines.
    """

    severity: Severity
    rule: str
    message: str
    element: str = ""
    place: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}: " if self.line else f"{self.place}: " if self.place else ""
        what = f"{self.element}: " if self.element else ""
        return f"{where}{self.severity.value}: {what}{self.message} [{self.rule}]"


class GeoError(Exception):
    """Root of what this package raises."""


class NetworkRefused(GeoError):
    """The network was not imported; ``findings`` says why, worst first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"network refused: {errors[0] if errors else 'no reason given'}{more}")


class UnknownElement(GeoError):
    """No node, edge, meter, terminal, sensor or customer carries this id."""

    def __init__(self, element: str) -> None:
        self.element = element
        super().__init__(f"unknown element: {element!r}")
