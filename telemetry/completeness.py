"""Completeness: the readings that each meter owed in each quarter of an hour, and what became of them.

A day is a day of China Standard Time (UTC+8, no summer time) and has 96 intervals, the raster of the load
curve that a meter freezes. Every reading that arrives is counted once, under exactly one outcome:
received = on time + late + duplicate + dead; stored = on time + late.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

INTERVALS: Final = 96
INTERVAL_MS: Final = 900_000
DAY_MS: Final = 86_400_000
_ZONE_MS: Final = 8 * 3_600_000
SHARD_METERS: Final = 256
"""So many meters of a terminal share a packed block."""
WHOLE_TERMINAL: Final = -1
"""The place of frames that name no meter (unreadable ones), and their shard."""
_MAX_COUNT: Final = 65_535
_MAX_BYTES: Final = 64 * 1024 * 1024

Counts = NDArray[np.uint16]
"""``counts[outcome, meter, interval]`` of one shard and day; stops at 65,535."""
Places = NDArray[np.int32]
"""``places[k] = (first, behind)``: runs of places of a terminal's meters."""


class Outcome(IntEnum):
    ON_TIME = 0
    LATE = 1
    DUPLICATE = 2
    DEAD = 3


REVIVED: Final = len(Outcome)
"""Arrives as an outcome does, of a frame that counted as dead and is of use now: takes one from DEAD."""
Arrival = Outcome | int
_ARRIVALS: Final[tuple[Arrival, ...]] = (*Outcome, REVIVED)


def raster(at_ms: int) -> int:
    """The number of the interval that holds this instant, counted from 1970-01-01 China time."""
    return (at_ms + _ZONE_MS) // INTERVAL_MS


def day_of(at_ms: int) -> int:
    """The number of the day (China time) that holds this instant."""
    return (at_ms + _ZONE_MS) // DAY_MS


def day_start_ms(day: int) -> int:
    """When that day begins."""
    return day * DAY_MS - _ZONE_MS


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    terminals: list[str]
    frames: bytes
    runs: bytes


_packed = msgspec.msgpack.Decoder(_Packed)


@dataclass(slots=True)
class Arrivals:
    """What arrived with some frames: terminal, interval, outcome, which of its meters."""

    _terminals: dict[str, int]
    _frames: list[int]
    _runs: list[NDArray[np.int32]]

    @classmethod
    def none(cls) -> "Arrivals":
        """Nothing arrived yet."""
        return cls({}, [], [])

    def add(self, terminal: str, at_ms: int, outcome: Arrival, places: Places) -> None:
        """One batch of readings, measured at that instant, of the meters at these places."""
        number = self._terminals.setdefault(terminal, len(self._terminals))
        self._frames += (number, raster(at_ms), outcome, len(places))
        self._runs.append(places)

    def __len__(self) -> int:
        return len(self._runs)

    def packed(self) -> bytes:
        """A few bytes per batch."""
        frames = np.array(self._frames, dtype="<i4").tobytes()
        runs = np.concatenate(self._runs).astype("<i4").tobytes() if self._runs else b""
        packed: bytes = zlib.compress(msgspec.msgpack.encode(_Packed(list(self._terminals), frames, runs)), 1)
        return packed


class ShardDay(NamedTuple):
    """Names a block of counts."""

    day: int
    terminal: str
    shard: int


class Arrived(NamedTuple):
    """One run of meters of one batch."""

    block: ShardDay
    interval: int
    outcome: Arrival
    first: int
    behind: int
    """Places within the block."""


def unpacked(body: bytes) -> Iterable[Arrived]:
    """What ``Arrivals.packed`` made, run by run, cut at the borders of shards."""
    packed = _packed.decode(zlib.decompressobj().decompress(body, _MAX_BYTES))
    runs = np.frombuffer(packed.runs, dtype="<i4").reshape(-1, 2).tolist()
    at = 0
    for number, place, outcome, size in np.frombuffer(packed.frames, dtype="<i4").reshape(-1, 4).tolist():
        day, interval = divmod(place, INTERVALS)
        for first, behind in runs[at : at + size]:
            yield from _cut(day, packed.terminals[number], interval, _ARRIVALS[outcome], first, behind)
        at += size


def _cut(
    day: int, terminal: str, interval: int, outcome: Arrival, first: int, behind: int
) -> Iterable[Arrived]:
    if 0 <= first < behind <= SHARD_METERS:
        yield Arrived(ShardDay(day, terminal, 0), interval, outcome, first, behind)
        return
    if first == WHOLE_TERMINAL:
        yield Arrived(ShardDay(day, terminal, WHOLE_TERMINAL), interval, outcome, 0, 1)
        return
    while first < behind:
        shard, within = divmod(first, SHARD_METERS)
        end = min(behind - shard * SHARD_METERS, SHARD_METERS)
        yield Arrived(ShardDay(day, terminal, shard), interval, outcome, within, end)
        first = (shard + 1) * SHARD_METERS


def no_counts(meters: int) -> Counts:
    """Nothing arrived of so many meters."""
    return np.zeros((len(Outcome), meters, INTERVALS), dtype=np.uint16)


Runs = Mapping[tuple[Arrival, int, int], Sequence[int]]
"""What arrived for one block: (outcome, first, behind) → the interval of each batch."""


def counted(counts: Counts, runs: Runs) -> Counts:
    """The counts with what arrived; ``counts`` itself is used again while it is large enough."""
    widest = max((behind for _, _, behind in runs), default=0)
    if counts.shape[1] < widest:
        wider = no_counts(widest)
        wider[:, : counts.shape[1]] = counts
        counts = wider
    # A frame dies before it is revived: where both lie in these runs, the death is counted first.
    for (outcome, first, behind), intervals in sorted(runs.items()):
        more = np.bincount(intervals, minlength=INTERVALS)
        if outcome == REVIVED:
            cells = counts[Outcome.DEAD, first:behind]
            np.maximum(cells - more, 0, out=cells, casting="unsafe")
        else:
            cells = counts[outcome, first:behind]
            np.minimum(cells + more, _MAX_COUNT, out=cells, casting="unsafe")
    return counts


def pack_counts(counts: Counts) -> bytes:
    """Outcomes that never occurred take no room; meters that all fared alike take that of one."""
    planes = [int(outcome) for outcome in Outcome if counts[outcome].any()]
    chosen = counts[planes]
    alike = bool((chosen == chosen[:, :1]).all())
    head = bytes([alike, len(planes), *planes]) + counts.shape[1].to_bytes(4, "little")
    packed: bytes = head + zlib.compress((chosen[:, :1] if alike else chosen).astype("<u2").tobytes(), 1)
    return packed


def unpack_counts(body: bytes) -> Counts:
    """What ``pack_counts`` made, to be written into."""
    alike, planes = bool(body[0]), list(body[2 : 2 + body[1]])
    behind = 2 + len(planes)
    meters = int.from_bytes(body[behind : behind + 4], "little")
    counts = no_counts(meters)
    raw = zlib.decompressobj().decompress(body[behind + 4 :], _MAX_BYTES)
    told = np.frombuffer(raw, dtype="<u2")
    counts[planes] = told.reshape(len(planes), 1 if alike else meters, INTERVALS)
    return counts


@dataclass(frozen=True, slots=True)
class ShardTotals:
    """What a list of the worst needs, without unpacking."""

    meters: int
    covered: int
    """(meter, interval) pairs with at least one reading stored."""
    least: int
    """Of the meter with the fewest of them."""
    late: int
    duplicate: int
    dead: int


def totals(counts: Counts) -> ShardTotals:
    """Sums of a block."""
    stored = (counts[Outcome.ON_TIME] | counts[Outcome.LATE]) > 0
    by_meter = np.count_nonzero(stored, axis=1)
    late, duplicate, dead = (
        int(counts[outcome].sum(dtype=np.int64)) if counts[outcome].any() else 0
        for outcome in (Outcome.LATE, Outcome.DUPLICATE, Outcome.DEAD)
    )
    return ShardTotals(counts.shape[1], int(by_meter.sum()), int(by_meter.min()), late, duplicate, dead)


def expected(per_day: int, day: int, now_ms: int) -> NDArray[np.int64]:
    """Readings expected in each interval of that day that has ended by now, evenly spread from its start."""
    border = -(-np.arange(INTERVALS + 1, dtype=np.int64) * per_day // INTERVALS)
    ended = (now_ms - day_start_ms(day)) // INTERVAL_MS
    every: NDArray[np.int64] = np.diff(border)
    every[max(0, min(INTERVALS, int(ended))) :] = 0
    return every


@dataclass(frozen=True, slots=True, eq=False)
class MeterDay:
    """One meter's day, interval by interval."""

    device: str
    day: int
    expected: NDArray[np.int64]
    counts: NDArray[np.int64]
    """``counts[outcome, interval]``"""

    @property
    def stored(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.counts[Outcome.ON_TIME] + self.counts[Outcome.LATE]
        return found

    @property
    def covered(self) -> int:
        """Intervals with at least one reading stored."""
        return int(np.count_nonzero(self.stored))

    @property
    def received(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.counts.sum(axis=0)
        return found

    @property
    def missing(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.maximum(self.expected - self.stored, 0)
        return found

    @property
    def share(self) -> float:
        """Of what was expected by now, how much is stored; 1 where nothing was."""
        wanted = int(self.expected.sum())
        return 1.0 if wanted == 0 else 1.0 - int(self.missing.sum()) / wanted


class MeterBlock(NamedTuple):
    """Names a block of a terminal's meters; ``least``: quarter-hours that the worst of them covered."""

    terminal: str
    shard: int
    least: int


@dataclass(frozen=True, slots=True)
class TerminalDay:
    """How complete a terminal's meters are on one day; ``dead`` counts its unreadable frames too."""

    terminal: str
    day: int
    meters: int
    """That it speaks for, heard on that day or not."""
    covered: int
    least: int
    late: int
    duplicate: int
    dead: int

    def share(self, intervals: int) -> float:
        """Of the (meter, interval) pairs, when each meter was to cover so many intervals by now."""
        wanted = self.meters * intervals
        return 1.0 if wanted == 0 else min(1.0, self.covered / wanted)


@dataclass(frozen=True, slots=True)
class ExpectRule:
    """Meters whose attributes match these patterns (``*``, ``?``) deliver so many readings a day."""

    per_day: int
    model: str = "*"
    terminal: str = "*"
    door: str = "*"


@dataclass(frozen=True, slots=True)
class Expectations:
    """How many readings a day a meter owes: the first rule that fits, else the default."""

    default: int
    rules: Sequence[ExpectRule] = ()

    def per_day(self, model: str = "", terminal: str = "", door: str = "") -> int:
        """Of a meter of that model, terminal and door."""
        return next((rule.per_day for rule in self.rules if _fits(rule, model, terminal, door)), self.default)


def _fits(rule: ExpectRule, model: str, terminal: str, door: str) -> bool:
    pairs = ((model, rule.model), (terminal, rule.terminal), (door, rule.door))
    return all(fnmatchcase(value, pattern) for value, pattern in pairs)
