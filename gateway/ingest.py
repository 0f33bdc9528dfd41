"""What becomes of frames once they are decoded: new or seen before, stored or dead. Pure; conservation holds.

received = new + duplicate; new = stored + dead (+ pending, what the spool still holds).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.frames import Decoded, SpooledFrame

SAME_CONTENT_MS: Final = 10 * 60_000
"""Frames without a name of their own are the same if they are equal and arrived within this time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A spooled frame and what it said."""

    spooled: SpooledFrame
    decoded: Decoded
    refused: tuple[str, ...] = ()
    """Parts that a store will never take; the rest of the frame is stored."""
    repeated: bool = False
    """An earlier copy was settled: what came since may be newer than what it says, so it is only counted."""

    @property
    def problem(self) -> str:
        """Why this frame is dead; empty when it is of use."""
        return self.spooled.damage or self.decoded.refusal

    @property
    def received_ms(self) -> int:
        return self.spooled.frame.received_ms

    def names(self) -> tuple[str, ...]:
        """Under which this frame may be known already; the first is its own."""
        if self.spooled.damage:
            return (f"!{self.spooled.position}",)
        if not self.decoded.named_by_content:
            return (self.decoded.key,)
        span = self.received_ms // SAME_CONTENT_MS
        return tuple(f"{self.decoded.key}@{near}" for near in (span, span - 1, span + 1))


@dataclass(frozen=True, slots=True)
class Sorted:
    """Frames sorted out, each group in the order of receipt."""

    stored: tuple[Entry, ...]
    dead: tuple[Entry, ...]
    duplicate: int

    @property
    def new(self) -> int:
        return len(self.stored) + len(self.dead)


def sort_out(entries: Sequence[Entry], seen: Mapping[str, int]) -> Sorted:
    """Sort entries by what is already seen: ``seen`` is name → received_ms of earlier frames."""
    known = dict(seen)
    stored: list[Entry] = []
    dead: list[Entry] = []
    for entry in entries:
        names = entry.names()
        if _is_known(entry, names, known):
            continue
        known[names[0]] = entry.received_ms
        (dead if entry.problem else stored).append(entry)
    return Sorted(tuple(stored), tuple(dead), len(entries) - len(stored) - len(dead))


def with_repeated(entries: Sequence[Entry], seen: Mapping[str, int]) -> list[Entry]:
    """The entries, those marked that are already ``seen`` (as for ``sort_out``)."""
    if not seen:
        return list(entries)
    return [
        replace(entry, repeated=True) if _is_known(entry, entry.names(), seen) else entry for entry in entries
    ]


def _is_known(entry: Entry, names: tuple[str, ...], known: Mapping[str, int]) -> bool:
    if len(names) == 1:
        return names[0] in known
    return any(name in known and abs(known[name] - entry.received_ms) <= SAME_CONTENT_MS for name in names)


@dataclass(frozen=True, slots=True)
class Balance:
    """The counters as the ledger keeps them; each is counted by itself."""

    received: int
    duplicate: int
    stored: int
    dead: int

    def broken(self) -> str:
        """What does not add up; empty when everything received is accounted for."""
        kept = self.duplicate + self.stored + self.dead
        if self.received == kept:
            return ""
        return (
            f"{self.received} received, but {self.duplicate} duplicate + {self.stored} stored"
            f" + {self.dead} dead = {kept}"
        )
