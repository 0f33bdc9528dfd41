"""The crosswalk: which of our elements a foreign id named at an instant.

A foreign id may name different elements in turn (a meter number used again elsewhere), and an element may
carry different foreign ids in turn (a meter exchange). At one instant one foreign id of one system names one
element: two rows that say otherwise are refused when the network is imported.

``from`` is included, ``to`` is not; an empty cell has no limit on that side. A date without a time is its
midnight in the company's zone, a time without a zone is meant in it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from geo.network import Identifiers

COMPANY_ZONE: Final = "Asia/Shanghai"
BEGINNING_MS: Final = -(2**62)
END_MS: Final = 2**62


class BadInstant(ValueError):
    """A ``from`` or ``to`` that is no time; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Span:
    """``own_id`` is meant from ``from_ms`` to before ``to_ms``; ``row`` is its row in the table."""

    from_ms: int
    to_ms: int
    own_id: str
    row: int = -1


def instant_ms(text: str, zone: ZoneInfo) -> int | None:
    """Epoch milliseconds of an ISO-8601 date or time, None for an empty cell; raises BadInstant."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        return round(local.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInstant(f"expected a date such as 2026-11-22 or empty, found {text[:40]!r}") from None


def spans(identifiers: Identifiers, zone: ZoneInfo) -> Iterator[tuple[tuple[str, str], Span | str]]:
    """Per row in order ((system, foreign id), its span, or what is wrong with it)."""
    columns = zip(
        identifiers.system, identifiers.foreign_id, identifiers.own_id,
        identifiers.valid_from, identifiers.valid_to, strict=True,
    )  # fmt: skip
    for row, (system, foreign_id, own_id, first, last) in enumerate(columns):
        yield (system, foreign_id), _span(row, own_id, first, last, zone)


def _span(row: int, own_id: str, first: str, last: str, zone: ZoneInfo) -> Span | str:
    try:
        from_ms, to_ms = instant_ms(first, zone), instant_ms(last, zone)
    except BadInstant as problem:
        return str(problem)
    span = Span(BEGINNING_MS if from_ms is None else from_ms, END_MS if to_ms is None else to_ms, own_id, row)
    if span.to_ms <= span.from_ms:
        return f"to is {last!r}, expected later than from ({first!r})"
    return span


def overlaps(identifiers: Identifiers, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Pairs of rows (later row, earlier row) by which one foreign id names two elements at one instant."""
    for group in _grouped(identifiers, zone).values():
        widest: Span | None = None
        for span in group:
            if widest is not None and span.from_ms < widest.to_ms and span.own_id != widest.own_id:
                yield max(span.row, widest.row), min(span.row, widest.row)
            widest = span if widest is None or span.to_ms > widest.to_ms else widest


def _grouped(identifiers: Identifiers, zone: ZoneInfo) -> Mapping[tuple[str, str], list[Span]]:
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for name, span in spans(identifiers, zone):
        if isinstance(span, Span):
            groups[name].append(span)
    for group in groups.values():
        group.sort(key=lambda span: (span.from_ms, span.row))
    return groups


@dataclass(frozen=True, slots=True)
class Resolver:
    """Foreign ids of one system → ours. Called with an id alone it answers for the newest span."""

    system: str
    known: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def find(self, foreign_id: str, at_ms: int) -> str | None:
        """Our id that was meant at that instant, or None."""
        for span in _before(self.known.get(foreign_id, ()), at_ms):
            if at_ms < span.to_ms:
                return span.own_id
        return None

    def __call__(self, foreign_id: str, at_ms: int = END_MS - 1) -> str:
        """As ``find``, but an id that the crosswalk does not hold at that instant stays as it is."""
        return self.find(foreign_id, at_ms) or foreign_id


def _before(known: Sequence[Span], at_ms: int) -> Iterator[Span]:
    """Spans that began by then, newest first."""
    return reversed(known[: bisect_right(known, at_ms, key=lambda span: span.from_ms)])


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """All systems' foreign ids of one network."""

    systems: Mapping[str, Resolver] = field(default_factory=dict)

    @classmethod
    def of(cls, identifiers: Identifiers, zone: str = COMPANY_ZONE) -> "Crosswalk":
        """The crosswalk of a network's table; rows that are wrong, which its import refuses, are skipped."""
        systems: dict[str, dict[str, Sequence[Span]]] = defaultdict(dict)
        for (system, foreign_id), group in _grouped(identifiers, ZoneInfo(zone)).items():
            systems[system][foreign_id] = tuple(group)
        return cls({system: Resolver(system, known) for system, known in systems.items()})

    def resolver(self, system: str) -> Resolver:
        """Of one system; one that holds nothing for a system that the table does not name."""
        return self.systems.get(system) or Resolver(system)

    def find(self, system: str, foreign_id: str, at_ms: int) -> str | None:
        """Our id that ``foreign_id`` of ``system`` meant at that instant, or None."""
        return self.resolver(system).find(foreign_id, at_ms)
