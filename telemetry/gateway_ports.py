"""What others may ask of the gateway's records: devices, completeness, doors. The gateway fills them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from telemetry.completeness import MeterBlock, TerminalDay
from telemetry.devices import Approval, DeviceKind, LostBy


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What the registry keeps of a device; empty texts were never told."""

    device: str
    kind: DeviceKind
    parent: str
    """Who speaks for it; empty for a terminal."""
    approval: Approval
    decided_by: str
    """A rule or a person."""
    decided_ms: int | None
    online: bool | None
    lost_by: LostBy
    first_seen_ms: int
    last_seen_ms: int
    """Of a terminal: when it was last heard; of a meter: its first contact."""
    door: str
    model: str
    maker: str
    firmware: str
    foreign_id: str
    clock_offset_ms: int | None
    """How far its clock is behind (negative: ahead); None: not known yet."""
    certificate_state: str
    certificate_serial: str
    certificate_until_ms: int | None


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """None: any."""

    kind: DeviceKind | None = None
    approval: Approval | None = None
    parent: str | None = None


class DeviceRegistry(Protocol):
    """Terminals, meters and sensors that ever spoke."""

    def get(self, devices: Sequence[str]) -> dict[str, DeviceRecord]:
        """Those of them that are known."""

    def listed(self, wanted: DeviceFilter, after: str = "", limit: int = 100) -> tuple[DeviceRecord, ...]:
        """Devices by id, those after ``after``, at most ``limit`` (10,000)."""

    def decide(self, device: str, approval: Approval, decided_by: str, now_ms: int) -> DeviceRecord | None:
        """A person approves or blocks a terminal; None: nobody knows it.

        Who decided what is kept for ever. What was held back is replayed once it is approved.
        """

    def counts(self) -> Mapping[tuple[DeviceKind, Approval, bool | None, LostBy], int]:
        """How many devices there are by kind and, of terminals, approval, online and how they were lost."""


class CompletenessLedger(Protocol):
    """What arrived of each meter, day and interval; ``counts[outcome, interval]``."""

    def meters(self, meters: Sequence[str], day: int) -> dict[str, NDArray[np.int64]]:
        """Of each meter that any terminal ever spoke for, over all of these."""

    def unnamed(self, terminal: str, day: int) -> NDArray[np.int64]:
        """Of frames of the terminal that named no meter, by time of receipt."""

    def members(self, terminal: str, after: str = "", limit: int = 1000) -> tuple[str, ...]:
        """Meters that the terminal ever spoke for, by id."""

    def blocks(self, day: int) -> tuple[MeterBlock, ...]:
        """All meters ever heard, in blocks; those with the least covered meter first, of what is counted."""

    def block_meters(self, blocks: Sequence[MeterBlock]) -> tuple[str, ...]:
        """Their meters, block by block."""

    def worst_terminals(self, day: int, limit: int = 100, offset: int = 0) -> tuple[TerminalDay, ...]:
        """Terminals whose meters were covered least on that day, of what is counted (see ``uncounted``)."""

    def uncounted(self) -> int:
        """Batches that arrived and are not yet in ``blocks`` and ``worst_terminals``."""


@dataclass(frozen=True, slots=True)
class DoorState:
    """What a door says of itself."""

    name: str
    ready: bool
    trouble: str
    counters: Mapping[str, int]
    since_ms: int
    """Since when it is ready, or not."""


class GatewayBoard(Protocol):
    """The gateway's own state, as it writes it down every few seconds."""

    def doors(self) -> tuple[DoorState, ...]:
        """By name."""

    def gauges(self) -> Mapping[str, int]:
        """Counters, cursors and gauges by name; ``board_ms`` is when the receiver last wrote."""


@dataclass(frozen=True, slots=True)
class SecurityRecord:
    """What one source tried within one hour, and was refused."""

    id: int
    threat: str
    source: str
    """A terminal id, an address; never a person."""
    door: str
    finding: str
    times: int
    first_ms: int
    last_ms: int


class SecurityRecords(Protocol):
    """The record of refusals."""

    def newest(self, before_id: int | None = None, limit: int = 100) -> tuple[SecurityRecord, ...]:
        """Newest first, those with id < ``before_id``, at most ``limit`` (10,000)."""

    def counts(self) -> Mapping[str, int]:
        """How often each threat was tried, of all that is kept."""
