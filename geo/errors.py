"""What can be wrong with a network, as values and as one exception tree.

GeoError
├── NetworkRefused      an import whose report holds errors
├── UnknownElement      an id that the network does not know
├── SnapshotDamaged     stored bytes that are not the promised network (geo.snapshot)
├── ReachesUnsupplied   a switch closed towards nodes that the known tree does not hold (geo.switching)
└── DatabaseTooOld      a SQLite library that may lose data (geo.adapters.database)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from geo.rules import MORE_EN, MORE_ZH, RULES, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a network, told so that its owner can mend it.

    ``rule`` names an entry of ``geo.rules``, ``place`` the file (or table) and ``line`` its line, 1-based and
    counting the header, or None where the source has no lines (features are counted from 1).
    """

    rule: str
    element: str = ""
    place: str = ""
    line: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    feeder: str = ""
    """Id of the feeder that it concerns; '' for the network as a whole, stations, and where nobody knows."""
    more: int = 0
    """Not one finding but this many more of the same rule and place, which were only counted."""

    @property
    def severity(self) -> Severity:
        return RULES[self.rule].severity

    @property
    def message(self) -> str:
        """In English."""
        return MORE_EN.format(more=self.more) if self.more else RULES[self.rule].text(self.facts, "en")

    @property
    def message_zh(self) -> str:
        """In Chinese."""
        return MORE_ZH.format(more=self.more) if self.more else RULES[self.rule].text(self.facts, "zh")

    def __str__(self) -> str:
        return self.told(self.message)

    def told(self, message: str) -> str:
        """One line: where, how bad, what and by which rule."""
        where = f"{self.place}:{self.line}: " if self.line else f"{self.place}: " if self.place else ""
        what = f"{self.element}: " if self.element else ""
        return f"{where}{self.severity.value}: {what}{message} [{self.rule}]"


class GeoError(Exception):
    """Root of what this package raises, in English; ``code`` and ``facts`` are for other languages."""

    def __init__(self, message: str, code: str = "refused", /, **facts: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.facts = facts


class NetworkRefused(GeoError):
    """The network was not imported; ``findings`` says why, worst first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        told = f"network refused: {errors[0] if errors else 'no reason given'}{more}"
        super().__init__(told, "errors", count=len(errors))


class UnknownElement(GeoError):
    """No node, edge, meter, terminal, sensor or customer carries this id."""

    def __init__(self, element: str) -> None:
        self.element = element
        super().__init__(f"unknown element: {element!r}", "no_element", element=element)


class UnknownProposal(UnknownElement):
    """No proposed change of the network has this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"proposal {number}")
        self.code, self.facts = "no_proposal", {"proposal": str(number)}
