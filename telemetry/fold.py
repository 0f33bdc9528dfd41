"""From a set of evidence to ``Observations``: newest instants, whatever the order or repetition.

Every cell is a maximum, so the fold is commutative and idempotent; rows are gathered by column
(``telemetry.news``) and applied as array work. A device clock that cannot be right is replaced by the time
of receipt and counted. What people say is kept apart (``telemetry.corrections``).
"""

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, Bool, Int32, Network, Texts
from geo.row_sets import distinct
from telemetry.corrections import Corrections
from telemetry.evidence import CORRECTING, PLANNING, STANDING, Evidence, EvidenceKind, Volts
from telemetry.news import News
from telemetry.observations import NEVER, Observations, nothing_observed
from telemetry.phase_words import DEAD_VOLTS
from telemetry.planned_work import PlannedWords
from telemetry.rosters import Roster, Rosters
from telemetry.standing_words import StandingWords
from telemetry.voltage_news import VoltageNews

FUTURE_MS: Final = 10 * 60_000
"""A device clock further ahead of the receipt than this is wrong."""
PAST_MS: Final = 30 * 86_400_000
"""So is one further behind: no backlog is that old."""
MAX_UNKNOWN: Final = 1_000
"""Unknown ids that are told by name; the rest is only counted."""

_RETURN: Final = "meter_return_ms"
_POWER_UP: Final = "meter_power_up_ms"
_CORRECTIONS: Final = "corrections"
_STANDING: Final = "standing"
_PLANNED: Final = "planned"
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


class Fold:
    """What is known so far; ``take`` takes evidence in any order."""

    def __init__(self, network: Network, known: "Known | None" = None) -> None:
        known = known or nothing_known(network)
        self.network = network
        self.observations = known.observations
        self.return_ms = known.return_ms
        self.power_up_ms = known.power_up_ms
        self.corrections = known.corrections
        self.standing = known.standing
        self.planned = known.planned
        self.unknown: Counter[str] = Counter()
        """Ids that no meter, terminal, sensor, edge or customer carries, and how often they came."""
        self.unknown_count = 0
        self.wrong_clocks = 0
        self._rosters = Rosters(network)

    def apply(self, evidence: Evidence) -> News:
        """``take`` of one row."""
        return self.take((evidence,))

    def take(self, evidence: Iterable[Evidence]) -> News:
        """Take rows in; unknown devices are counted, never an error. Answers what they told, by column."""
        news, voltages = News(), VoltageNews(self.network)
        for row in evidence:
            if row.kind in CORRECTING:
                self.corrections.apply(row)
                news.corrected.extend(row.devices)
            elif row.kind in STANDING:
                self.standing.apply(row, self.sane_ms(row))
            elif row.kind in PLANNING:
                news.corrected.extend(self.planned.apply(row))
            elif row.kind is not EvidenceKind.CHECK:
                self._read(row, news, voltages)
        voltages.into(self.observations)
        for word in voltages.words():
            news.tell(*word)
        for column in news.columns:
            cells = self.power_up_ms if column == _POWER_UP else getattr(self.observations, column)
            np.maximum.at(cells, *news.of(column))
        self._note_losses(distinct(news.of("meter_off_ms")[0]))
        self._note_returns(*news.of("meter_alive_ms"))
        return news

    @property
    def known(self) -> "Known":
        """What a snapshot keeps."""
        return Known(
            self.observations, self.return_ms, self.power_up_ms, self.corrections, self.standing, self.planned
        )

    def sane_ms(self, evidence: Evidence) -> int:
        """The device's time, or that of receipt where the clock cannot be right."""
        if -PAST_MS <= evidence.at_ms - evidence.received_ms <= FUTURE_MS:
            return evidence.at_ms
        self.wrong_clocks += 1
        return evidence.received_ms

    def meters_of(self, evidence: Evidence) -> Int32:
        """Rows of the meters that a row of evidence speaks of, by id or through their customer."""
        if evidence.kind is EvidenceKind.CALL:
            return self._rosters.owned_by(evidence.devices)
        return self._rosters.of(evidence.devices).meters

    def _read(self, evidence: Evidence, news: News, voltages: VoltageNews) -> None:
        at_ms, kind, devices = self.sane_ms(evidence), evidence.kind, evidence.devices
        if kind in _SUPPLY_KINDS and len(devices) == 1 and devices[0] in self.network.meter_row:
            self._read_one(kind, self.network.meter_row[devices[0]], at_ms, news)
        else:
            self._read_roster(evidence, at_ms, news)
        if evidence.volts:
            self._voltages(evidence, at_ms, voltages)
        if kind in SPEAKING and (source := self.network.terminal_row.get(evidence.source)) is not None:
            news.tell_one("terminal_alive_ms", source, at_ms)

    def _read_one(self, kind: EvidenceKind, meter: int, at_ms: int, news: News) -> None:
        """A burst is mostly this."""
        news.tell_one(f"meter_{_SUPPLY_KINDS[kind]}_ms", meter, at_ms)
        if kind is EvidenceKind.POWER_ON:
            news.tell_one(_POWER_UP, meter, at_ms)

    def _read_roster(self, evidence: Evidence, at_ms: int, news: News) -> None:
        kind, roster = evidence.kind, self._rosters.of(evidence.devices)
        self._note_unknown(roster.unknown)
        if kind in _SUPPLY_KINDS:
            _tell_supply(roster, _SUPPLY_KINDS[kind], at_ms, news)
            if kind is EvidenceKind.POWER_ON:
                news.tell(_POWER_UP, roster.meters, at_ms)
        elif kind is EvidenceKind.VOLTAGE:
            self._voltage(evidence, at_ms, news)
        elif kind is EvidenceKind.CALL:
            news.tell("meter_call_ms", self._rosters.owned_by(evidence.devices), at_ms)
        else:
            news.tell(_EDGE_KINDS[kind], roster.edges, at_ms)

    def _note_losses(self, meters: Int32) -> None:
        """What lives again after its newest last gasp: since the first proof of life, or the newest known.

        A last gasp may come after later words of the meter; its power-up then dates the return better than
        its newest word.
        """
        off_ms, alive_ms = self.observations.meter_off_ms[meters], self.observations.meter_alive_ms[meters]
        first_ms = alive_ms
        for known_ms in (self.return_ms[meters], self.power_up_ms[meters]):
            first_ms = np.where(known_ms > off_ms, np.minimum(first_ms, known_ms), first_ms)
        self.return_ms[meters] = np.where(alive_ms > off_ms, first_ms, NEVER)

    def _note_returns(self, meters: Int32, at_ms: NDArray[np.int64]) -> None:
        """Keep the first proof of life after the newest last gasp."""
        after = (at_ms > self.observations.meter_off_ms[meters]) & (
            self.observations.meter_off_ms[meters] != NEVER
        )
        meters, at_ms = meters[after], at_ms[after]
        stale = meters[self.return_ms[meters] <= self.observations.meter_off_ms[meters]]
        self.return_ms[stale] = self.observations.meter_alive_ms[stale]
        np.minimum.at(self.return_ms, meters, at_ms)

    def _voltage(self, evidence: Evidence, at_ms: int, news: News) -> None:
        for device, volts in zip(evidence.devices, evidence.volts, strict=False):
            what = _life_in(volts)
            if what:
                _tell_supply(self._rosters.of((device,)), what, at_ms, news)

    def _voltages(self, evidence: Evidence, at_ms: int, voltages: VoltageNews) -> None:
        """One triple a device, or with ``alive`` the least of all: nobody of these lacks a phase."""
        if evidence.kind is not EvidenceKind.VOLTAGE:
            roster = self._rosters.of(evidence.devices)
            voltages.tell_good("meter", roster.meters, at_ms, evidence.volts[0])
            voltages.tell_good("terminal", roster.terminals, at_ms, evidence.volts[0])
            return
        said = list(zip(evidence.devices, evidence.volts, strict=False))
        for table, row_of in (("meter", self.network.meter_row), ("terminal", self.network.terminal_row)):
            known = [(row_of[device], triple) for device, triple in said if device in row_of]
            if known:
                rows = np.array([row for row, _ in known], np.int32)
                voltages.tell(table, rows, at_ms, np.array([triple for _, triple in known], np.float64))

    def _note_unknown(self, unknown: tuple[str, ...]) -> None:
        self.unknown_count += len(unknown)
        for identifier in unknown:
            if identifier in self.unknown or len(self.unknown) < MAX_UNKNOWN:
                self.unknown[identifier] += 1


def _tell_supply(roster: Roster, what: str, at_ms: int, news: News) -> None:
    news.tell(f"meter_{what}_ms", roster.meters, at_ms)
    news.tell(f"terminal_{what}_ms", roster.terminals, at_ms)


def _life_in(volts: Volts) -> str:
    read = [value for value in volts if value is not None]
    if not read:
        return ""
    return _ALIVE if max(read) >= DEAD_VOLTS else _OFF


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What the fold holds: the newest instants, and when each meter first lived again."""

    observations: Observations
    return_ms: NDArray[np.int64]
    """[meters] first proof of life after the newest last gasp; NEVER where there is none."""
    power_up_ms: NDArray[np.int64]
    """[meters] newest report that supply returned, by the meter itself."""
    corrections: Corrections = field(default_factory=Corrections)
    standing: StandingWords = field(default_factory=StandingWords)
    planned: PlannedWords = field(default_factory=PlannedWords)


def nothing_known(network: Network) -> Known:
    """The fold of no evidence."""
    meters = len(network.meters)
    return Known(
        nothing_observed(network), np.full(meters, NEVER, np.int64), np.full(meters, NEVER, np.int64)
    )


def _columns(known: Known) -> dict[str, NDArray[np.int64] | Bool]:
    names = [each.name for each in fields(Observations)]
    columns: dict[str, NDArray[np.int64] | Bool] = {name: getattr(known.observations, name) for name in names}
    return {**columns, _RETURN: known.return_ms, _POWER_UP: known.power_up_ms}


def pack(known: Known) -> bytes:
    """As bytes for a snapshot; ``unpack`` reads them back."""
    out = io.BytesIO()
    said = {
        _CORRECTIONS: known.corrections.packed(),
        _STANDING: known.standing.packed(),
        _PLANNED: known.planned.packed(),
    }
    words = {name: np.frombuffer(body, np.uint8) for name, body in said.items()}
    np.savez_compressed(out, allow_pickle=False, **_columns(known), **words)
    return out.getvalue()


def unpack(body: bytes) -> Known:
    """The way back from ``pack``; raises ValueError for bytes that are none."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
            returned, power_up = columns.pop(_RETURN), columns.pop(_POWER_UP)
            corrections = Corrections.unpacked(columns.pop(_CORRECTIONS).tobytes())
            standing = StandingWords.unpacked(columns.pop(_STANDING, np.empty(0, np.uint8)).tobytes())
            planned = PlannedWords.unpacked(columns.pop(_PLANNED, np.empty(0, np.uint8)).tobytes())
            return Known(Observations(**columns), returned, power_up, corrections, standing, planned)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise ValueError(f"not a snapshot of observations: {problem}") from problem


def carried_over(known: Known, old: Network, new: Network) -> Known:
    """What was known of devices of the old network, on the rows of the new one; others start unknown."""
    carried = replace(
        nothing_known(new), corrections=known.corrections, standing=known.standing, planned=known.planned
    )
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
            if name.startswith(prefix) and name != "meter_can_gasp":  # that is the new network's to say
                target[name][place[kept]] = source[name][kept]
    return carried
