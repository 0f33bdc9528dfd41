"""What the telemetry room asks of its stores. One behaviour suite per port runs on every adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry.deadletters import DeadLetter
from telemetry.downsampling import Bucket
from telemetry.evidence import Evidence, LoggedEvidence
from telemetry.explanation import Explanation
from telemetry.outages import LoggedRevision, OutageRevision
from telemetry.pings import LoggedWish, PingWish
from telemetry.readings import Reading, ReadingBatch


class ReadingsAway(OSError):
    """The store of readings cannot be reached or is overloaded: the same write again later will do."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        """``retry_after_s``: how long the store itself asked us to wait, 0 if it did not say."""
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class RefusedReading:
    """One meter's values of a batch that the store will never take."""

    terminal: str
    boot: str
    seq: int
    meter: str
    reason: str


class ReadingsRefused(ValueError):
    """Raised after everything else was stored: these were not, and will not be."""

    def __init__(self, refused: Sequence[RefusedReading]) -> None:
        """``refused`` is not empty."""
        first = refused[0]
        super().__init__(f"{len(refused)} readings refused, first {first.meter}: {first.reason}")
        self.refused = tuple(refused)


class ReadingWrite(Protocol):
    """A write that is under way."""

    def result(self) -> int:
        """Wait until it is stored and answer how many batches were new; raises what ``write`` raises."""


class ReadingStore(Protocol):
    """Time series of meters. Writing the same batch again changes nothing."""

    def write(self, batches: Sequence[ReadingBatch]) -> int:
        """Store the batches durably; how many were new, as far as the store can tell.

        Raises ReadingsAway (nothing is known to be stored: write the same again) and ReadingsRefused
        (everything else is stored). Whatever it raises, writing again does no harm.
        """

    def begin(self, batches: Sequence[ReadingBatch]) -> ReadingWrite:
        """As ``write``, but answers while the batches are on their way, so that the caller can prepare more.

        Writes are begun by one thread; results are asked for in the order of beginning.
        """

    def latest(self, meters: Sequence[str]) -> dict[str, Reading]:
        """The newest reading by device time of each meter that has one."""

    def series(self, meter: str, from_ms: int, to_ms: int, limit: int = 10_000) -> tuple[Reading, ...]:
        """Readings of one meter with from_ms ≤ at < to_ms, oldest first, at most ``limit``."""

    def aggregated(
        self, meter: str, from_ms: int, to_ms: int, every_ms: int, origin_ms: int = 0
    ) -> tuple[Bucket, ...]:
        """Readings of one meter by spans of ``every_ms``, oldest first; spans without any are left out.

        Spans begin at ``origin_ms + k · every_ms`` (a local midnight, for local days); those that begin in
        from_ms ≤ begin < to_ms are answered, whole.
        """

    def forget_before(self, received_ms: int, limit: int = 10_000) -> int:
        """Let go of up to ``limit`` batches received before that instant, oldest first; how many.

        A server with a retention of its own needs no telling: 0.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class EvidenceLog(Protocol):
    """The ordered log. Ids grow by one in commit order; a key already present is dropped."""

    def append(self, evidence: Sequence[Evidence]) -> int:
        """Append all or none; how many were new."""

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedEvidence, ...]:
        """Rows with id > after_id, in order, at most ``limit``."""

    def first_id_since(self, received_ms: int) -> int:
        """Id of the first row received at or after that instant, or one past the newest."""

    def newest_id(self) -> int:
        """0 while empty."""


@dataclass(frozen=True, slots=True)
class DetectorPosition:
    """How far into each evidence log the published outages reach: log name → id."""

    positions: Mapping[str, int]


class OutageLog(Protocol):
    """Revisions in the order of publishing, with the detector's position in the same transaction."""

    def publish(self, revisions: Sequence[OutageRevision], position: DetectorPosition) -> None:
        """Append the revisions and move the position, all or none; (outage, revision) is unique."""

    def position(self) -> DetectorPosition:
        """Empty before the first publishing."""

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedRevision, ...]:
        """Rows with id > after_id, in order."""

    def current(self, open_only: bool) -> tuple[LoggedRevision, ...]:
        """The newest revision of every outage (of the open ones), newest start first."""

    def revisions(self, outage_id: str) -> tuple[LoggedRevision, ...]:
        """All revisions of one outage, oldest first; empty for an unknown id."""


@dataclass(frozen=True, slots=True)
class FoldSnapshot:
    """What the detector had folded of the evidence logs up to ``positions``, so that a restart reads on."""

    network_hash: str
    """The rows in ``body`` are rows of this network."""
    positions: Mapping[str, int]
    body: bytes
    """See ``telemetry.fold.pack``."""


class Explanations(Protocol):
    """Why each revision was believed; kept beside the outage log by the detector."""

    def keep(self, explanations: Sequence[Explanation]) -> None:
        """Keep them, each instead of an earlier one of the same revision."""

    def of(self, outage_id: str, revision: int | None = None) -> Explanation | None:
        """The newest kept of an outage, or that of one revision; None where none was kept."""

    def explained(self, outage_id: str) -> int | None:
        """The revision of the newest one."""


class FoldSnapshots(Protocol):
    """One snapshot; the newest replaces the one before."""

    def keep(self, snapshot: FoldSnapshot) -> None: ...

    def kept(self) -> FoldSnapshot | None: ...


class DeadLetters(Protocol):
    """What others see of the dead letters, and their wish to try some again; the gateway writes them."""

    def listed(self, after_id: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Oldest first."""

    def count(self) -> int:
        """How many are kept."""

    def get(self, letter_id: int) -> DeadLetter | None:
        """One by its id."""

    def ask_again(self, now_ms: int, letter_id: int | None = None, problem: str = "") -> int:
        """Let the gateway try again one of them, or all whose problem contains that text; how many."""


@dataclass(frozen=True, slots=True)
class GatewayCounters:
    """Conservation: received = new + duplicate; new = stored + dead + pending."""

    received: int
    duplicate: int
    stored: int
    dead: int
    pending: int


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What the registry knows of a terminal or meter."""

    device: str
    terminal: str
    first_seen_ms: int
    last_seen_ms: int
    online: bool
    door: str = ""
    """By what it came last, ``kind:name``."""


class GatewayRecords(Protocol):
    """What the API shows of the gateway."""

    def counters(self) -> GatewayCounters: ...

    def terminals(self, after: str = "", limit: int = 1000) -> tuple[DeviceState, ...]:
        """Terminals by id."""


class PingWishes(Protocol):
    """Wishes to know whether devices live, in the order of writing; the gateway keeps its position itself."""

    def wish(self, wishes: Sequence[PingWish]) -> int:
        """Append all or none; how many were new. Raises ValueError for a wish of no or too many devices."""

    def read(self, after_id: int, limit: int = 100) -> tuple[LoggedWish, ...]:
        """Rows with id > after_id, in order, at most ``limit``."""

    def newest_id(self) -> int:
        """0 while empty."""
