"""One lane from its spool into the stores: decode, readings first (idempotent), then the ledger.

The events lane has a thread of its own and never waits for a store of readings: what such frames say of
supply is announced at once, their readings are stored beside it. The other lanes have some groups on their
way.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy.exc import OperationalError

from gateway.adapters.delivery.fault_points import fault_point
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry, Sorted
from gateway.ports import PIECE_BYTES, Ledger, Spool
from telemetry.ports import ReadingsRefused, ReadingStore, ReadingWrite
from telemetry.readings import ReadingBatch

log = logging.getLogger(__name__)

GROUP_FRAMES: Final = 350
EVENT_FRAMES: Final = 2_000
"""Most frames of a group of events: a group costs a transaction and a sync, a frame with one event little."""
EVENT_BYTES: Final = 1024 * 1024
"""A burst of large frames is told piece by piece, so that the detector begins before all of it is stored."""
GROUP_BESIDE_EVENTS: Final = 50
GROUPS_ON_THEIR_WAY: Final = 3
MAX_FAILURES: Final = 3
MAX_REFUSED_NAMED: Final = 20
RETRY_S: Final = 1.0
AWAY: Final = (OSError, sqlite.OperationalError, OperationalError)
"""What a store raises when the same will do later; anything else is a refusal."""


@dataclass(frozen=True, slots=True)
class Group:
    """Frames on their way together; ``cursor`` is behind the last of them."""

    entries: list[Entry]
    cursor: int

    def batches(self) -> list[ReadingBatch]:
        """What the stores have not got yet: a copy that comes late would bring back what was restated."""
        fresh = (entry for entry in self.entries if not (entry.problem or entry.repeated))
        return [batch for entry in fresh for batch in entry.decoded.batches]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where frames go and how they are understood."""

    readings: ReadingStore
    ledger: Ledger
    decode: Callable[[Frame], Decoded]
    noted: Callable[[Sorted], None]
    """Is told of every committed group."""
    decode_plain: Callable[[Sequence[Frame]], Sequence[Decoded | None]]
    """The same as ``decode`` of many at once, where it can; None where ``decode`` must."""
    events_come: Callable[[], bool] = lambda: False
    """Events came just now: they wait for a group that is being committed, so groups are small."""


class LaneDrain:
    """Moves one lane's frames, one group at a time. Belongs to one thread."""

    group_frames = GROUP_FRAMES
    group_bytes = PIECE_BYTES

    def __init__(self, lane: Lane, spool: Spool, stores: Stores) -> None:
        self.lane = lane
        self.pending = 0
        """Frames that wait behind the last committed one."""
        self.oldest_ms = 0
        """When the first frame that is not committed was received; 0 while there is none."""
        self.trouble = ""
        self.cursor = stores.ledger.cursor(lane)
        self._spool = spool
        self._stores = stores
        self._limit = self.group_frames
        self._tried = 0
        self._failures = 0

    def step(self) -> int:
        """Take one group through; how many frames it had. Raises what a store raises."""
        group = self._group(self.cursor)
        if group is None:
            return 0
        self._store(group)
        return len(group.entries)

    def failed(self, problem: Exception) -> bool:
        """``step`` raised this. True if it is the store that is away, not these frames that it refuses."""
        self._abandon()
        self.trouble = f"{type(problem).__name__}: {problem}"
        self.pending = self._spool.pending(self.cursor)
        if isinstance(problem, AWAY):
            return True
        if self._tried > 1:
            # Some frame of the group is refused: halve until it stands alone.
            self._limit = self._tried // 2
        else:
            self._failures += 1
        return False

    @property
    def busy(self) -> bool:
        """There is something to do though ``step`` moved nothing."""
        return bool(self.trouble)

    def _abandon(self) -> None:
        """Forget what is on its way: it starts again from the cursor."""

    def _store(self, group: Group) -> None:
        try:
            self._stores.readings.write(group.batches())
        except ReadingsRefused as problem:
            group = _with_refused(group, problem)
        self._commit(group)

    def _most(self) -> int:
        """Frames of one group."""
        return self._limit

    def _group(self, after: int) -> Group | None:
        spooled = self._spool.read(after, self._most(), self.group_bytes)
        if not spooled:
            return None
        self._tried = len(spooled)
        if after == self.cursor:
            self.oldest_ms = spooled[0].frame.received_ms
        entries = [Entry(*pair) for pair in zip(spooled, self._decoded_all(spooled), strict=True)]
        return Group(self._stores.ledger.screen(self.lane, entries), spooled[-1].position)

    def _decoded_all(self, spooled: Sequence[SpooledFrame]) -> Iterable[Decoded]:
        if self._failures >= MAX_FAILURES:
            return map(self._decoded, spooled)
        plain = self._decoded_plain([one.frame for one in spooled])
        return (known or self._decoded(one) for known, one in zip(plain, spooled, strict=True))

    def _decoded_plain(self, frames: Sequence[Frame]) -> Sequence[Decoded | None]:
        try:
            return self._stores.decode_plain(frames)
        except Exception:
            # Each alone is decoded the general way, so that none holds up the others.
            log.exception("a group could not be decoded at once")
            return [None] * len(frames)

    def _commit(self, group: Group) -> None:
        fault_point("after_readings")
        pending = self._spool.pending(group.cursor)
        result = self._stores.ledger.commit(self.lane, group.entries, group.cursor, pending)
        fault_point("after_ledger")
        self.cursor, self.pending = group.cursor, pending
        self.oldest_ms = group.entries[-1].received_ms if pending else 0
        self._failures, self.trouble = 0, ""
        self._limit = min(self.group_frames, 2 * self._limit)
        self._stores.noted(result)

    def _decoded(self, spooled: SpooledFrame) -> Decoded:
        """Decoding is a pure function: what fails once fails always, so it is not tried again."""
        try:
            decoded = self._stores.decode(spooled.frame)
        except Exception as problem:
            log.exception("the decoder failed at spool position %d", spooled.position)
            decoded = Decoded(f"!{spooled.position}", refusal=f"decoder: {type(problem).__name__}: {problem}")
        if self._failures >= MAX_FAILURES:
            return replace(decoded, batches=(), evidence=(), refusal=f"store: {self.trouble}")
        return decoded


class PipelinedDrain(LaneDrain):
    """Decodes the next group while the store still writes, and the ledger commits, the ones before."""

    def __init__(self, lane: Lane, spool: Spool, stores: Stores) -> None:
        super().__init__(lane, spool, stores)
        self._begun: deque[tuple[Group, ReadingWrite]] = deque()
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix=f"decode-{lane}")
        self._ahead: tuple[int, Future[Group | None]] | None = None

    def _most(self) -> int:
        return min(self._limit, GROUP_BESIDE_EVENTS) if self._stores.events_come() else self._limit

    def step(self) -> int:
        """Begin what there is, wait for the oldest, commit it."""
        most = GROUPS_ON_THEIR_WAY if self._limit == GROUP_FRAMES else 1
        while len(self._begun) < most:
            group = self._next(self._begun[-1][0].cursor if self._begun else self.cursor)
            if group is None:
                break
            self._begun.append((group, self._stores.readings.begin(group.batches())))
        if not self._begun:
            return 0
        group, writing = self._begun[0]
        try:
            writing.result()
        except ReadingsRefused as problem:
            group = _with_refused(group, problem)
        self._commit(group)
        self._begun.popleft()
        return len(group.entries)

    def _next(self, after: int) -> Group | None:
        """The group behind ``after``; while a backlog lasts, the one behind that is decoded meanwhile."""
        ahead, self._ahead = self._ahead, None
        group = ahead[1].result() if ahead is not None and ahead[0] == after else self._group(after)
        if group is not None and len(group.entries) == self._most() == GROUP_FRAMES and not self.trouble:
            self._ahead = group.cursor, self._decoder.submit(self._group, group.cursor)
        return group

    def _abandon(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            wait([ahead[1]])
        begun, self._begun = self._begun, deque()
        for _, writing in begun:
            # Whatever became of it, the same is written again.
            _outcome(writing)


class EventsDrain(LaneDrain):
    """Frames with readings are announced, then stored beside the thread; all others are committed at once."""

    group_frames = EVENT_FRAMES
    group_bytes = EVENT_BYTES

    def __init__(self, lane: Lane, spool: Spool, stores: Stores) -> None:
        super().__init__(lane, spool, stores)
        self._beside: tuple[Group, Future[int]] | None = None
        self._told = self.cursor
        self._again_at_s = 0.0
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="events-readings")

    def step(self) -> int:
        """Commit, or announce; how many frames were moved or told of."""
        if self._beside is None:
            return self._take() if time.monotonic() >= self._again_at_s else self._tell()
        group, future = self._beside
        if not future.done():
            return self._tell()
        try:
            future.result()
        except ReadingsRefused as problem:
            group = _with_refused(group, problem)
        self._commit(group)
        self._beside = None
        return len(group.entries)

    def _take(self) -> int:
        group = self._group(self.cursor)
        if group is None:
            return 0
        batches = group.batches()
        if not batches:
            self._commit(group)
            self._told = max(self._told, self.cursor)
            return len(group.entries)
        if group.cursor > self._told:
            self._stores.ledger.announce(group.entries)
            self._told = group.cursor
        self._beside = group, self._storer.submit(self._stores.readings.write, batches)
        return len(group.entries)

    def _tell(self) -> int:
        """The store takes its time: what came after is told of, and stored when it is its turn."""
        group = self._group(max(self._told, self.cursor))
        if group is None:
            return 0
        self._stores.ledger.announce(group.entries)
        self._told = group.cursor
        return len(group.entries)

    @property
    def busy(self) -> bool:
        """A store is at work beside us, or left to itself for a moment."""
        return self._beside is not None or time.monotonic() < self._again_at_s

    def _abandon(self) -> None:
        self._beside = None
        self._again_at_s = time.monotonic() + RETRY_S


def _outcome(writing: ReadingWrite) -> str:
    try:
        writing.result()
    except Exception as problem:  # noqa: BLE001 (the first failure was reported)
        return str(problem)
    return ""


def _with_refused(group: Group, problem: ReadingsRefused) -> Group:
    """The group with what the store refused noted at its frames."""
    reasons: dict[tuple[str, str, int], list[str]] = {}
    for refused in problem.refused:
        name = refused.terminal, refused.boot, refused.seq
        reasons.setdefault(name, []).append(f"{refused.meter}: {refused.reason}")
    return Group([_noted(entry, reasons) for entry in group.entries], group.cursor)


def _noted(entry: Entry, reasons: dict[tuple[str, str, int], list[str]]) -> Entry:
    named = [(batch.terminal, batch.boot, batch.seq) for batch in entry.decoded.batches]
    texts = _limited([text for name in named for text in reasons.get(name, ())])
    return replace(entry, refused=texts) if texts and not entry.problem else entry


def _limited(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) <= MAX_REFUSED_NAMED:
        return tuple(texts)
    return (*texts[:MAX_REFUSED_NAMED], f"and {len(texts) - MAX_REFUSED_NAMED} more")
