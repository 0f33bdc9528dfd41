"""Devices as people see them: the registry joined with doors, readings, outages and the network in force."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.network import ABSENT, Network
from telemetry.completeness import INTERVALS, Expectations, MeterDay, Outcome, expected
from telemetry.devices import (
    Condition,
    DeviceKind,
    Hearing,
    Surroundings,
    meter_condition,
    terminal_condition,
)
from telemetry.gateway_ports import (
    CompletenessLedger,
    DeviceRecord,
    DeviceRegistry,
    DoorState,
    GatewayBoard,
)
from telemetry.ports import ReadingStore

GATEWAY_DOWN_MS: Final = 30_000
"""The receiver writes its state down every two seconds; after this silence it counts as down."""
SILENT_INTERVALS: Final = 3
"""So many expected readings must be missing before a meter is missed."""
MAX_SIBLINGS: Final = 500
BLOCKS_AT_ONCE: Final = 8
MAX_LOOKED: Final = 400
"""Blocks of meters, in search of the worst."""

Outages = Callable[[Sequence[DeviceRecord]], Mapping[str, int]]
"""Since when an open outage covers each of these devices, of those that one covers."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device with what holds of it now."""

    record: DeviceRecord
    condition: Condition
    heard_ms: int | None
    transformer: str
    """Element id of the transformer that it belongs to; empty where the network does not know it."""


@dataclass(frozen=True, slots=True)
class DeviceWatch:
    """Looks at devices; nothing is remembered between two looks."""

    registry: DeviceRegistry
    completeness: CompletenessLedger
    board: GatewayBoard
    readings: ReadingStore
    expectations: Expectations

    def views(
        self, records: Sequence[DeviceRecord], network: Network | None, outages: Outages, now_ms: int
    ) -> tuple[DeviceView, ...]:
        """Each of the devices, in order."""
        parents = self._with_parents(records)
        everyone = tuple({one.device: one for one in (*records, *parents.values())}.values())
        look = _Look(now_ms, parents, self._surroundings(everyone, outages, now_ms), {})
        heard = self._heard(records)
        return tuple(
            DeviceView(
                record=record,
                condition=self._condition(record, heard.get(record.device), look),
                heard_ms=heard.get(record.device),
                transformer=transformer_of(network, record),
            )
            for record in records
        )

    def meter_days(self, records: Sequence[DeviceRecord], day: int, now_ms: int) -> list[MeterDay]:
        """How complete each of these meters is on that day, in order."""
        counts = self.completeness.meters([record.device for record in records], day)
        nothing = np.zeros((len(Outcome), INTERVALS), dtype=np.int64)
        return [
            MeterDay(
                record.device,
                day,
                expected(self.expectations.per_day(record.model, record.parent, record.door), day, now_ms),
                counts.get(record.device, nothing),
            )
            for record in records
        ]

    def worst_meters(self, day: int, now_ms: int, limit: int) -> list[MeterDay]:
        """Meters that are not complete, those heard in the fewest quarter-hours first, at most ``limit``.

        Blocks of meters are looked at in the order of their worst, until no other can hold a worse one; at
        most ``MAX_LOOKED`` blocks.
        """
        found: dict[str, MeterDay] = {}
        blocks = self.completeness.blocks(day)[:MAX_LOOKED]
        for start in range(0, len(blocks), BLOCKS_AT_ONCE):
            worst = sorted(found.values(), key=lambda one: one.covered)[:limit]
            if len(worst) == limit and worst[-1].covered <= blocks[start].least:
                return worst
            names = self.completeness.block_meters(blocks[start : start + BLOCKS_AT_ONCE])
            known = self.registry.get(names)
            days = self.meter_days([known[name] for name in names if name in known], day, now_ms)
            # Equally bad ones stay in the order of their blocks, so that pages follow each other.
            found = {one.device: one for one in (*worst, *days) if one.share < 1}
        return sorted(found.values(), key=lambda one: one.covered)[:limit]

    def _with_parents(self, records: Iterable[DeviceRecord]) -> dict[str, DeviceRecord]:
        return self.registry.get(sorted({record.parent for record in records if record.parent}))

    def _surroundings(
        self, records: Sequence[DeviceRecord], outages: Outages, now_ms: int
    ) -> dict[str, Surroundings]:
        covered, doors = outages(records), self.board.doors()
        board_ms = self.board.gauges().get("board_ms")
        return {
            record.device: Surroundings(_down_ms(record, doors, board_ms, now_ms), covered.get(record.device))
            for record in records
        }

    def _heard(self, records: Sequence[DeviceRecord]) -> dict[str, int]:
        """When each was last heard; of meters by their newest reading."""
        meters = [record.device for record in records if record.kind is not DeviceKind.TERMINAL]
        newest = self.readings.latest(meters) if meters else {}
        heard = {name: reading.received_ms for name, reading in newest.items()}
        terminals = (record for record in records if record.kind is DeviceKind.TERMINAL)
        return heard | {record.device: record.last_seen_ms for record in terminals}

    def _condition(self, record: DeviceRecord, heard_ms: int | None, look: "_Look") -> Condition:
        around, parent = look.around[record.device], look.parents.get(record.parent)
        if record.kind is DeviceKind.TERMINAL or parent is None:
            return terminal_condition(around, record.last_seen_ms, record.lost_by)
        of_parent = terminal_condition(look.around[parent.device], parent.last_seen_ms, parent.lost_by)
        per_day = self.expectations.per_day(record.model, record.parent, record.door)
        hearing = Hearing(look.now_ms, SILENT_INTERVALS * 86_400_000 // per_day, heard_ms, None)
        if hearing.silent(heard_ms):
            hearing = replace(hearing, siblings_heard_ms=self._siblings(record, look))
        return meter_condition(around, of_parent, hearing)

    def _siblings(self, record: DeviceRecord, look: "_Look") -> int | None:
        """When the newest of the terminal's other meters was heard."""
        newest = look.members.get(record.parent)
        if newest is None:
            names = self.completeness.members(record.parent, limit=MAX_SIBLINGS)
            latest = self.readings.latest(names)
            newest = sorted((reading.received_ms, name) for name, reading in latest.items())[-2:]
            look.members[record.parent] = newest
        return max((heard_ms for heard_ms, name in newest if name != record.device), default=None)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at some devices shares."""

    now_ms: int
    parents: Mapping[str, DeviceRecord]
    around: Mapping[str, Surroundings]
    members: dict[str, list[tuple[int, str]]]
    """The two newest (instant, meter) of each terminal that was asked for."""


def _down_ms(
    record: DeviceRecord, doors: Sequence[DoorState], board_ms: int | None, now_ms: int
) -> int | None:
    """Since when nothing can be heard of the device, or None while it can."""
    if board_ms is None:
        return record.last_seen_ms
    if now_ms - board_ms > GATEWAY_DOWN_MS:
        return board_ms
    own = [door for door in doors if door.name == record.door or door.name.startswith(f"{record.door}:")]
    if not own or any(door.ready for door in own):
        return None
    return max(door.since_ms for door in own)


def transformer_of(network: Network | None, record: DeviceRecord) -> str:
    """The transformer that a terminal (of a meter: its terminal) watches; empty where nobody knows."""
    if network is None:
        return ""
    name = record.device if record.kind is DeviceKind.TERMINAL else record.parent
    row = network.terminal_row.get(name)
    if row is None:
        meter = network.meter_row.get(record.device)
        row = None if meter is None else int(network.meters.terminal[meter])
    if row is None or row == ABSENT:
        return ""
    return network.edges.ids[int(network.terminals.edge[row])]
