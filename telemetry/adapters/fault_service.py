"""Watching for faults as a service: readings in the order of their storing, alarms into the book.

A round takes what is new and keeps alarms, tracks and positions together, so that a restart goes on where
the book ends; where nothing changed, nothing is written. Once a night the line loss of every area is
computed, a few areas a round, and alarms long over are let go.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from geo.areas import Areas
from geo.network import Network
from geo.ports import NetworkStore
from telemetry.alarm_ports import AlarmBook, ReadingFeed, Watched
from telemetry.fault_rule import FaultRule, Measure
from telemetry.fault_watch import FaultWatch, Key
from telemetry.faults import Track
from telemetry.line_loss import area_day, used_kwh
from telemetry.measured_frames import Frames
from telemetry.outages import OutageRevision, OutageState
from telemetry.ports import OutageLog, ReadingsAway, ReadingStore
from telemetry.scopes import Scopes
from telemetry.voltage_quality import VoltageTally

BATCHES_A_ROUND: Final = 2_000
KEEP_EVERY_MS: Final = 10_000
NETWORK_EVERY_MS: Final = 5_000
AREAS_A_ROUND: Final = 20
NIGHT_MS: Final = 3 * 3_600_000
"""After local midnight: yesterday's last frames are in."""
DAY_MS: Final = 86_400_000
KEPT_MS: Final = 400 * DAY_MS
READINGS, LOSSES = "readings", "line_loss"
_COUNTED: Final = frozenset({OutageState.CONFIRMED, OutageState.RESTORED})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local days, as the company counts them."""

    day_of: Callable[[int], str]
    midnight_ms: Callable[[int], int]
    """The beginning of the local day that the instant lies in."""


class FaultService:
    """One watch on its stores; ``turn`` does one round and is called again after a pause."""

    def __init__(
        self,
        feed: ReadingFeed,
        readings: ReadingStore,
        book: AlarmBook,
        networks: NetworkStore,
        outages: OutageLog,
        rules: tuple[FaultRule, ...],
        calendar: Calendar,
    ) -> None:
        self._feed = feed
        self._readings = readings
        self._book = book
        self._networks = networks
        self._outages = outages
        self._rules = rules
        self._calendar = calendar
        self._positions: dict[str, int] = {}
        self._site: _Site | None = None
        self._trips: dict[str, tuple[str, int]] = {}
        self._outages_read: int | None = None
        self._looked_ms = self._kept_ms = 0
        self._kept: Watched | None = None

    def turn(self, now_ms: int) -> int:
        """Take in what is new; how many batches that was."""
        self._follow_network(now_ms)
        if self._site is None:
            return 0
        taken = self._take(self._site)
        self._lose(self._site, now_ms)
        if now_ms - self._kept_ms >= KEEP_EVERY_MS:
            self._count_trips(self._site, now_ms)
            self._keep(self._site, now_ms)
        return taken

    def finish(self, now_ms: int) -> None:
        """Keep what was found since: a clean stop."""
        if self._site is not None:
            self._keep(self._site, now_ms)

    def _follow_network(self, now_ms: int) -> None:
        if now_ms - self._looked_ms < NETWORK_EVERY_MS:
            return
        self._looked_ms = now_ms
        version = self._networks.effective(now_ms)
        if version is None or (self._site and self._site.network.content_hash == version.content_hash):
            return
        if self._site is not None:
            self._keep(self._site, now_ms)
        tracks, self._positions = self._book.resume()
        self._positions.setdefault(READINGS, self._feed.newest())
        network = self._networks.get(version.content_hash)
        self._site = _Site.of(Areas(network), self._rules, tracks)

    def _take(self, site: "_Site") -> int:
        try:
            batches = self._feed.after(self._positions[READINGS], BATCHES_A_ROUND)
        except ReadingsAway as away:
            log.debug("the store of readings is away: %s", away)
            return 0
        for position, batch in batches:
            frame = site.frames.of(batch)
            site.watch.look(frame)
            site.tally.count(frame, self._calendar.day_of(batch.at_ms))
            self._positions[READINGS] = position
        return len(batches)

    def _count_trips(self, site: "_Site", now_ms: int) -> None:
        """Outages of one element within 24 hours, from what the detector published since the last look."""
        if self._outages_read is None:
            logged = self._outages.current(open_only=False)
        else:
            logged = self._outages.read(self._outages_read)
        self._note_trips((one.revision for one in logged), now_ms)
        self._outages_read = max((one.id for one in logged), default=self._outages_read or 0)
        counts = Counter(element for element, _ in self._trips.values())
        standing = {subject for rule, subject in site.watch.tracks if rule in site.trip_rules}
        for element in standing | {element for element, count in counts.items() if count > 1}:
            site.watch.sample(Measure.TRIPS_A_DAY, element, now_ms, float(counts[element]))

    def _note_trips(self, revisions: Iterable[OutageRevision], now_ms: int) -> None:
        for revision in revisions:
            if revision.state in _COUNTED:
                self._trips[revision.outage_id] = revision.cause.element, revision.started_at_ms
            else:
                self._trips.pop(revision.outage_id, None)
        fresh = {key: trip for key, trip in self._trips.items() if trip[1] > now_ms - DAY_MS}
        self._trips = fresh

    def _lose(self, site: "_Site", now_ms: int) -> None:
        """Line losses of yesterday, some areas a round."""
        today_ms = self._calendar.midnight_ms(now_ms)
        if now_ms < today_ms + NIGHT_MS or site.lost_ms == today_ms:
            return
        if self._positions.get(LOSSES) == today_ms:
            site.lost_ms = today_ms
            return
        some = site.areas_left(today_ms)[:AREAS_A_ROUND]
        for area in some:
            self._lose_area(site, area, today_ms)
        if not some:
            self._positions[LOSSES] = today_ms
            self._book.forget_before(now_ms - KEPT_MS)

    def _lose_area(self, site: "_Site", area: int, today_ms: int) -> None:
        yesterday_ms = self._calendar.midnight_ms(today_ms - 1)
        site.done.add(area)
        supplied = self._used(site.terminal_of_area.get(area), yesterday_ms, today_ms)
        if supplied is None:
            return
        customers = (self._used(meter, yesterday_ms, today_ms) for meter in site.meters_of(area))
        loss = area_day(supplied, customers).loss_percent
        if loss is not None:
            site.watch.sample(Measure.LINE_LOSS_PERCENT, site.network.edges.ids[area], today_ms, loss)

    def _used(self, meter: str | None, begin_ms: int, end_ms: int) -> Decimal | None:
        if meter is None:
            return None
        try:
            days = self._readings.aggregated(meter, begin_ms - DAY_MS, end_ms, DAY_MS, begin_ms)
        except ReadingsAway:
            return None
        by_begin = {day.begin_ms: day for day in days}
        return used_kwh(by_begin.get(begin_ms - DAY_MS), by_begin.get(begin_ms))

    def _keep(self, site: "_Site", now_ms: int) -> None:
        self._kept_ms = now_ms
        alarms = site.watch.alarms(now_ms, self._dark(site))
        cleared_ms, site.watch.cleared_ms = site.watch.cleared_ms, {}
        tracks, positions = dict(site.watch.tracks), dict(self._positions)
        watched = Watched(alarms, tracks, cleared_ms, site.tally.taken(), positions)
        if watched != self._kept:
            self._book.keep(watched, now_ms)
            self._kept = replace(watched, cleared_ms={}, voltage={})

    def _dark(self, site: "_Site") -> Mapping[str, str]:
        """Transformer → open outage that it lies in; only asked for while anything stands."""
        if not any(track.raised_ms is not None for track in site.watch.tracks.values()):
            return {}
        logged = self._outages.current(open_only=True)
        newest = tuple(one.id for one in logged)
        if site.dark is None or site.dark[0] != newest:
            site.dark = newest, site.transformers_in([one.revision for one in logged])
        return site.dark[1]


@dataclass(slots=True)
class _Site:
    """One network and what watches it."""

    watch: FaultWatch
    scopes: Scopes
    frames: Frames
    tally: VoltageTally
    terminal_of_area: dict[int, str]
    """Row of the transformer's edge → who measures it."""
    trip_rules: frozenset[str]
    done: set[int]
    """Areas whose line loss was computed in ``done_of_ms``'s night."""
    done_of_ms: int = 0
    dark: tuple[tuple[int, ...], Mapping[str, str]] | None = None
    """Of these open revisions: transformer → outage that it lies in."""
    lost_ms: int = 0

    @classmethod
    def of(cls, areas: Areas, rules: tuple[FaultRule, ...], tracks: dict[Key, Track]) -> "_Site":
        network, watch = areas.network, FaultWatch(areas, rules, tracks)
        terminals = dict(zip(network.terminals.edge.tolist(), network.terminals.ids, strict=True))
        trips = frozenset(rule.id for rule in watch.rules if rule.measure is Measure.TRIPS_A_DAY)
        tally = VoltageTally(areas)
        return cls(watch, Scopes(network), Frames(network), tally, terminals, trips, set())

    @property
    def network(self) -> Network:
        return self.watch.network

    def areas_left(self, today_ms: int) -> list[int]:
        """Measured areas that were not looked at tonight."""
        if self.done_of_ms != today_ms:
            self.done, self.done_of_ms = set(), today_ms
        return sorted(self.terminal_of_area.keys() - self.done)

    def transformers_in(self, revisions: Iterable[OutageRevision]) -> Mapping[str, str]:
        """Transformer → outage that it lies in, of the outages on this network."""
        dark: dict[str, str] = {}
        for revision in revisions:
            if revision.network_hash == self.network.content_hash:
                rows = self.scopes.of(revision).transformer_rows.tolist()
                dark.update(dict.fromkeys((self.network.edges.ids[row] for row in rows), revision.outage_id))
        return dark

    def meters_of(self, area: int) -> list[str]:
        rows = self.watch.areas.meters_in(area).tolist()
        return [self.network.meters.ids[row] for row in rows]
