"""What to read in which requests, and when: the rules of polling. Pure; monotonic seconds are arguments.

Entries close together become one block. A block that the device refuses is cut into its entries; an entry
that is refused alone is left out, named once, and tried again after an hour or with another configuration.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from gateway.backpressure import Pressure
from gateway.modbus.device_models import Place, Reading, Table

RETRY_REFUSED_S: Final = 3600.0
SILENT_AFTER: Final = 2
"""Polls without an answer after which a device is called silent: one lost answer proves nothing."""
TELL_SILENT_S: Final = 300.0
TELL_ALIVE_S: Final = 60.0
LONGEST_BACKOFF_S: Final = 300.0
FIRST_POLL_WITHIN_S: Final = 2.0
_SLOWER: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """One request: ``count`` registers (or bits) of ``table`` from ``address`` on."""

    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        return self.address + self.count


def block_of(entry: Place) -> Block:
    """The smallest request that reads this entry."""
    return Block(entry.where, entry.address, entry.end - entry.address)


def plan(
    entries: Iterable[Place],
    reading: Reading,
    single: Collection[Block] = (),
    refused: Collection[Block] = (),
) -> tuple[Block, ...]:
    """Fewest requests for these entries, within what the device bears.

    ``single``: entries that must be asked alone, for a block around them was refused; ``refused``: entries
    that the device refuses even alone, which are left out.
    """
    wanted = {block_of(entry) for entry in entries} - set(refused)
    alone = wanted & set(single)
    blocks: list[Block] = []
    for block in sorted(wanted - alone):
        if blocks and _joins(blocks[-1], block, reading):
            end = max(blocks[-1].end, block.end)
            blocks[-1] = Block(block.table, blocks[-1].address, end - blocks[-1].address)
        else:
            blocks.append(block)
    return tuple(sorted((*blocks, *alone)))


def _joins(before: Block, block: Block, reading: Reading) -> bool:
    if before.table != block.table:
        return False
    most = reading.most_bits if block.table.of_bits else reading.most_registers
    end = max(before.end, block.end)
    gap = block.address - before.end
    crossed = any(first < end and last >= before.address for first, last in reading.forbidden)
    return end - before.address <= most and gap <= reading.hole and (block.table.of_bits or not crossed)


def inside(block: Block, entries: Iterable[Place]) -> tuple[Block, ...]:
    """The entries that a block was made of."""
    parts = {block_of(entry) for entry in entries}
    return tuple(
        sorted(
            part
            for part in parts
            if part.table == block.table and block.address <= part.address and part.end <= block.end
        )
    )


def phase(device: str) -> float:
    """Where in its interval a device is polled, 0 to 1: evenly spread over devices, always the same."""
    return int.from_bytes(blake2b(device.encode(), digest_size=7).digest(), "big") / 2**56


def first_due_s(device: str, every_s: float, now_s: float) -> float:
    """Soon, but not all at once."""
    return now_s + phase(device) * min(every_s, FIRST_POLL_WITHIN_S)


def next_due_s(device: str, every_s: float, now_s: float) -> float:
    """The next place of the device's own grid after ``now_s``: no drift, however long a poll took."""
    shift = phase(device) * every_s
    return (math.floor((now_s - shift) / every_s) + 1) * every_s + shift


def missed(due_s: float, every_s: float, now_s: float) -> int:
    """How many places of the grid after ``due_s`` have passed by ``now_s``."""
    return max(0, math.floor((now_s - due_s) / every_s))


def backoff_s(failures: int, every_s: float, jitter: float) -> float:
    """How long a device that did not answer ``failures`` times is left alone; ``jitter`` is 0 to 1.

    The first time it is asked again at its next turn; then twice as long each time, to five minutes at most.
    """
    longest = max(LONGEST_BACKOFF_S, every_s)
    wait = min(every_s * 2.0 ** min(max(failures - 1, 0), 20), longest)
    return wait * (0.75 + 0.5 * jitter)


def interval_s(every_s: float, pressure: Pressure) -> float | None:
    """The interval under back-pressure; None = stop polling."""
    if pressure >= Pressure.HOLD_BULK:
        return None
    return every_s * _SLOWER if pressure is Pressure.SLOW else every_s


@dataclass(slots=True)
class Attempts:
    """Whether a device answers, and what of that must be told; ``now_s`` is monotonic."""

    failures: int = 0
    told_silent_s: float | None = None
    told_alive_s: float | None = None

    def answered(self, now_s: float) -> bool:
        """True where it must be told that the device lives: after silence, at first, then each minute."""
        told = self.told_alive_s
        due = self.failures >= SILENT_AFTER or told is None or now_s - told >= TELL_ALIVE_S
        self.failures, self.told_silent_s = 0, None
        if due:
            self.told_alive_s = now_s
        return due

    def unanswered(self, now_s: float) -> bool:
        """True where it must be told that the device is silent: at the change, then each five minutes."""
        self.failures += 1
        self.told_alive_s = None
        if self.failures < SILENT_AFTER:
            return False
        if self.told_silent_s is not None and now_s - self.told_silent_s < TELL_SILENT_S:
            return False
        self.told_silent_s = now_s
        return True

    @property
    def silent(self) -> bool:
        return self.failures >= SILENT_AFTER


@dataclass(slots=True)
class Refusals:
    """Which entries of one device are refused, and since when."""

    single: dict[Block, float]
    refused: dict[Block, float]

    @classmethod
    def none(cls) -> "Refusals":
        return cls({}, {})

    def cut(self, parts: Sequence[Block], now_s: float) -> None:
        """A block around these was refused: ask them alone."""
        self.single.update(dict.fromkeys(parts, now_s))

    def refuse(self, part: Block, now_s: float) -> bool:
        """This entry was refused alone; True the first time, when it is to be named."""
        fresh = part not in self.refused
        self.refused[part] = now_s
        return fresh

    def forget_old(self, now_s: float) -> bool:
        """After an hour everything is tried again; True where something was forgotten."""
        before = len(self.single) + len(self.refused)
        self.single = {part: at for part, at in self.single.items() if now_s - at < RETRY_REFUSED_S}
        self.refused = {part: at for part, at in self.refused.items() if now_s - at < RETRY_REFUSED_S}
        return len(self.single) + len(self.refused) < before
