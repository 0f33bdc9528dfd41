"""From a set of evidence to ``Observations``: newest instants, whatever the order or repetition.

Every cell is a maximum, so the fold is commutative and idempotent; rows are applied as array work on the
devices of a frame. A device clock that cannot be right is replaced by the time of receipt and counted.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, Bool, Int32, Network, Texts
from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.observations import NEVER, Observations, nothing_observed

FUTURE_MS: Final = 10 * 60_000
"""A device clock further ahead of the receipt than this is wrong."""
PAST_MS: Final = 30 * 86_400_000
"""So is one further behind: no backlog is that old."""
DEAD_VOLTS: Final = 30.0
"""Below this on every phase read, there is no supply; above, the device measured a living wire."""
MAX_UNKNOWN: Final = 1_000
"""Unknown ids that are told by name; the rest is only counted."""
MAX_ROSTERS: Final = 20_000

_RETURN: Final = "meter_return_ms"
_POWER_UP: Final = "meter_power_up_ms"
_OFF, _ALIVE, _SILENT = "off", "alive", "silent"
_SUPPLY_KINDS: Final[Mapping[EvidenceKind, str]] = {
    EvidenceKind.POWER_OFF: _OFF,
    EvidenceKind.POWER_ON: _ALIVE,
    EvidenceKind.ALIVE: _ALIVE,
    EvidenceKind.SILENT: _SILENT,
}
_EDGE_KINDS: Final[Mapping[EvidenceKind, str]] = {
    EvidenceKind.SWITCH_OPEN: "edge_open_ms",
    EvidenceKind.SWITCH_CLOSED: "edge_closed_ms",
    EvidenceKind.FAULT_PASSAGE: "edge_fault_passage_ms",
}
SWITCHING: Final = frozenset({EvidenceKind.SWITCH_OPEN, EvidenceKind.SWITCH_CLOSED})
SPEAKING: Final = frozenset({EvidenceKind.ALIVE, EvidenceKind.POWER_ON, EvidenceKind.VOLTAGE})
"""Kinds whose frame proves that its terminal lives; a last gasp may be its capacitor's last word."""


@dataclass(frozen=True, slots=True, eq=False)
class _Roster:
    """The rows behind the device ids of a frame."""

    meters: Int32
    terminals: Int32
    edges: Int32
    called: Int32
    """Meters of the customers, where the ids are customers'."""
    unknown: tuple[str, ...]


class Fold:
    """What is known so far; ``apply`` takes evidence in any order."""

    def __init__(self, network: Network, known: "Known | None" = None) -> None:
        known = known or nothing_known(network)
        self.network = network
        self.observations = known.observations
        self.return_ms = known.return_ms
        self.power_up_ms = known.power_up_ms
        self.unknown: Counter[str] = Counter()
        """Ids that no meter, terminal, sensor, edge or customer carries, and how often they came."""
        self.unknown_count = 0
        self.wrong_clocks = 0
        self._rosters: dict[tuple[str, ...], _Roster] = {}
        self._customer_meters = _grouped(network.meters.customer, len(network.customers))

    def apply(self, evidence: Evidence) -> None:
        """Take one row in; unknown devices are counted, never an error."""
        at_ms = self.sane_ms(evidence)
        roster = self._roster(evidence.devices)
        if roster.unknown:
            self._note_unknown(roster.unknown)
        if evidence.kind in _SUPPLY_KINDS:
            self._supply(roster, _SUPPLY_KINDS[evidence.kind], at_ms)
            if evidence.kind is EvidenceKind.POWER_ON:
                _raise(self.power_up_ms, roster.meters, at_ms)
        elif evidence.kind is EvidenceKind.VOLTAGE:
            self._voltage(evidence, at_ms)
        elif evidence.kind is EvidenceKind.CALL:
            _raise(self.observations.meter_call_ms, roster.called, at_ms)
        else:
            _raise(getattr(self.observations, _EDGE_KINDS[evidence.kind]), roster.edges, at_ms)
        source = self.network.terminal_row.get(evidence.source)
        if source is not None and evidence.kind in SPEAKING:
            cells = self.observations.terminal_alive_ms
            cells[source] = max(int(cells[source]), at_ms)

    @property
    def known(self) -> "Known":
        """What a snapshot keeps."""
        return Known(self.observations, self.return_ms, self.power_up_ms)

    def sane_ms(self, evidence: Evidence) -> int:
        """The device's time, or that of receipt where the clock cannot be right."""
        if -PAST_MS <= evidence.at_ms - evidence.received_ms <= FUTURE_MS:
            return evidence.at_ms
        self.wrong_clocks += 1
        return evidence.received_ms

    def meters_of(self, evidence: Evidence) -> Int32:
        """Rows of the meters that a row of evidence speaks of, by id or through their customer."""
        roster = self._roster(evidence.devices)
        return roster.called if evidence.kind is EvidenceKind.CALL else roster.meters

    def _supply(self, roster: _Roster, what: str, at_ms: int) -> None:
        _raise(getattr(self.observations, f"meter_{what}_ms"), roster.meters, at_ms)
        _raise(getattr(self.observations, f"terminal_{what}_ms"), roster.terminals, at_ms)
        if what != _SILENT:
            self._note_return(roster.meters, at_ms)

    def _note_return(self, meters: Int32, at_ms: int) -> None:
        """Keep the first proof of life after the newest last gasp; of a late last gasp, the newest known."""
        off_ms, alive_ms = self.observations.meter_off_ms[meters], self.observations.meter_alive_ms[meters]
        first_ms = self.return_ms[meters]
        stale = first_ms <= off_ms
        here = np.where((at_ms > off_ms) & (off_ms != NEVER), at_ms, alive_ms)
        earlier = np.where(stale, here, np.minimum(first_ms, here))
        self.return_ms[meters] = np.where((alive_ms > off_ms) & (off_ms != NEVER), earlier, NEVER)

    def _voltage(self, evidence: Evidence, at_ms: int) -> None:
        for device, volts in zip(evidence.devices, evidence.volts, strict=False):
            what = _life_in(volts)
            if what:
                self._supply(self._roster((device,)), what, at_ms)

    def _note_unknown(self, unknown: tuple[str, ...]) -> None:
        self.unknown_count += len(unknown)
        for identifier in unknown:
            if identifier in self.unknown or len(self.unknown) < MAX_UNKNOWN:
                self.unknown[identifier] += 1

    def _roster(self, devices: tuple[str, ...]) -> _Roster:
        roster = self._rosters.get(devices)
        if roster is None:
            if len(self._rosters) >= MAX_ROSTERS:
                self._rosters.clear()
            roster = self._rosters[devices] = self._looked_up(devices)
        return roster

    def _looked_up(self, devices: tuple[str, ...]) -> _Roster:
        network = self.network
        meters, terminals, edges, called, unknown = [], [], [], [], []
        for device in devices:
            if (row := network.meter_row.get(device)) is not None:
                meters.append(row)
            elif (row := network.terminal_row.get(device)) is not None:
                terminals.append(row)
            elif (row := network.sensor_row.get(device)) is not None:
                edges.append(int(network.sensors.edge[row]))
            elif (row := network.edge_row.get(device)) is not None:
                edges.append(row)
            elif device not in network.customer_row:
                unknown.append(device)
            # A customer may carry the id of their meter.
            if (row := network.customer_row.get(device)) is not None:
                called.extend(self._customer_meters[row].tolist())
        return _Roster(_rows(meters), _rows(terminals), _rows(edges), _rows(called), tuple(unknown))


def _rows(rows: list[int]) -> Int32:
    return np.unique(np.array(rows, np.int32))


def _raise(cells: NDArray[np.int64], rows: Int32, at_ms: int) -> None:
    cells[rows] = np.maximum(cells[rows], at_ms)


def _life_in(volts: Volts) -> str:
    read = [value for value in volts if value is not None]
    if not read:
        return ""
    return _ALIVE if max(read) >= DEAD_VOLTS else _OFF


def _grouped(owner: Int32, owners: int) -> list[Int32]:
    """Rows of the table by what they belong to."""
    order = np.argsort(owner, kind="stable").astype(np.int32)
    bounds = np.searchsorted(owner[order], np.arange(owners + 1))
    return [order[bounds[n] : bounds[n + 1]] for n in range(owners)]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the fold holds: the newest instants, and when each meter first lived again."""

    observations: Observations
    return_ms: NDArray[np.int64]
    """[meters] first proof of life after the newest last gasp; NEVER where there is none."""
    power_up_ms: NDArray[np.int64]
    """[meters] newest report that supply returned, by the meter itself."""


def nothing_known(network: Network) -> Known:
    """The fold of no evidence."""
    meters = len(network.meters)
    return Known(
        nothing_observed(network), np.full(meters, NEVER, np.int64), np.full(meters, NEVER, np.int64)
    )


def _columns(known: Known) -> dict[str, NDArray[np.int64] | Bool]:
    names = [field.name for field in fields(Observations)]
    columns: dict[str, NDArray[np.int64] | Bool] = {name: getattr(known.observations, name) for name in names}
    return {**columns, _RETURN: known.return_ms, _POWER_UP: known.power_up_ms}


def pack(known: Known) -> bytes:
    """As bytes for a snapshot; ``unpack`` reads them back."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **_columns(known))
    return out.getvalue()


def unpack(body: bytes) -> Known:
    """The way back from ``pack``; raises ValueError for bytes that are none."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
            returned, power_up = columns.pop(_RETURN), columns.pop(_POWER_UP)
            return Known(Observations(**columns), returned, power_up)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise ValueError(f"not a snapshot of observations: {problem}") from problem


def carried_over(known: Known, old: Network, new: Network) -> Known:
    """What was known of devices of the old network, on the rows of the new one; others start unknown."""
    carried = nothing_known(new)
    source, target = _columns(known), _columns(carried)
    tables: tuple[tuple[str, Texts, Mapping[str, int]], ...] = (
        ("meter_", old.meters.ids, new.meter_row),
        ("terminal_", old.terminals.ids, new.terminal_row),
        ("edge_", old.edges.ids, new.edge_row),
    )
    for prefix, old_ids, new_row in tables:
        place = np.array([new_row.get(identifier, ABSENT) for identifier in old_ids], np.int32)
        kept = np.flatnonzero(place != ABSENT)
        for name in source:
            if name.startswith(prefix):
                target[name][place[kept]] = source[name][kept]
    return carried
