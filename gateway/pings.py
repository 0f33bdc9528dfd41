"""Pings under way: which wish goes out when, what counts as an answer, and who stayed silent. Pure.

A terminal on a thin line must not be flooded: so many wishes at once, so many a minute. A wish that waited
too long is dropped, not asked late: nothing is known, nothing is said. All times are epoch milliseconds.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from telemetry.evidence import Evidence, EvidenceKind
from telemetry.pings import LoggedWish, PingWish

MAX_WAITING: Final = 10_000
ANSWERS: Final = frozenset(
    {
        EvidenceKind.ALIVE,
        EvidenceKind.POWER_ON,
        EvidenceKind.POWER_OFF,
        EvidenceKind.VOLTAGE,
        EvidenceKind.SILENT,
    }
)
"""After any of these there is nothing left to ask."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Per terminal."""

    at_once: int = 2
    per_minute: int = 12
    timeout_ms: int = 30_000


@dataclass(slots=True)
class Open:
    """A wish that was asked and is not answered in full."""

    source: str
    logged: LoggedWish
    asked_ms: int
    left: set[str]

    @property
    def wish(self) -> PingWish:
        return self.logged.wish


@dataclass(slots=True)
class Agenda:
    """All wishes that are not done. Not for several threads."""

    limits: Limits
    waiting: deque[tuple[str, LoggedWish]] = field(default_factory=deque)
    open: dict[str, Open] = field(default_factory=dict)
    """By key."""
    done_until: dict[str, int] = field(default_factory=dict)
    """Per source the id up to which it was read."""
    expired: int = 0
    answered: int = 0
    _sent_ms: dict[str, deque[int]] = field(default_factory=dict)

    def room(self) -> int:
        """How many more wishes may be read."""
        return MAX_WAITING - len(self.waiting)

    def add(self, source: str, wishes: Iterable[LoggedWish]) -> None:
        """Wishes read from a source, in its order."""
        for logged in wishes:
            self.done_until[source] = logged.id
            if logged.wish.key not in self.open:
                self.waiting.append((source, logged))

    def next(self, now_ms: int) -> tuple[tuple[str, LoggedWish], ...]:
        """Wishes to ask now, in order; those that expired are dropped, those that must wait stay."""
        asked: list[tuple[str, LoggedWish]] = []
        at_once: dict[str, int] = {}
        for one in self.open.values():
            at_once[one.wish.terminal] = at_once.get(one.wish.terminal, 0) + 1
        kept: deque[tuple[str, LoggedWish]] = deque()
        for source, logged in self.waiting:
            terminal = logged.wish.terminal
            if now_ms >= logged.wish.expires_ms:
                self.expired += 1
            elif at_once.get(terminal, 0) < self.limits.at_once and self._may(terminal, now_ms):
                at_once[terminal] = at_once.get(terminal, 0) + 1
                self._sent_ms.setdefault(terminal, deque()).append(now_ms)
                asked.append((source, logged))
            else:
                kept.append((source, logged))
        self.waiting = kept
        return tuple(asked)

    def _may(self, terminal: str, now_ms: int) -> bool:
        sent = self._sent_ms.get(terminal)
        if sent is None:
            return True
        while sent and now_ms - sent[0] >= 60_000:
            sent.popleft()
        if not sent:
            del self._sent_ms[terminal]
            return True
        return len(sent) < self.limits.per_minute

    def put_back(self, source: str, logged: LoggedWish) -> None:
        """It could not be sent now."""
        self.waiting.appendleft((source, logged))

    def asked(self, source: str, logged: LoggedWish, now_ms: int) -> None:
        """It went out."""
        self.open[logged.wish.key] = Open(source, logged, now_ms, set(logged.wish.devices))

    def hear(self, facts: Sequence[Evidence]) -> None:
        """New evidence: whoever is named in it after being asked needs no waiting for."""
        for fact in facts:
            if fact.kind not in ANSWERS:
                continue
            named = set(fact.devices)
            for one in self.open.values():
                if fact.received_ms >= one.asked_ms:
                    one.left -= named
        for key in [key for key, one in self.open.items() if not one.left]:
            del self.open[key]
            self.answered += 1

    def overdue(self, now_ms: int) -> tuple[Open, ...]:
        """Asked and not answered in time."""
        return tuple(one for one in self.open.values() if now_ms - one.asked_ms >= self.limits.timeout_ms)

    def close(self, key: str) -> None:
        """Its outcome is told."""
        self.open.pop(key, None)

    def position(self, source: str) -> int:
        """Id up to which all wishes of a source are done: where reading begins after a restart."""
        undone = [logged.id for named, logged in self.waiting if named == source]
        undone += [one.logged.id for one in self.open.values() if one.source == source]
        newest = self.done_until.get(source, 0)
        return min(undone) - 1 if undone else newest
