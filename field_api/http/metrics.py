"""What Prometheus asks for, gathered from the ports when it asks. Counts only; no ids of devices or people.

Names, meanings and what to do about them: docs/operations.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from field_api.http.measures import Measures
from field_api.http.services import Services
from field_api.notices.notice import NoticeState
from field_api.people.users import WHOLE_COMPANY
from field_api.usecases.claim_revision import POSITION
from telemetry.device_watch import GATEWAY_DOWN_MS
from telemetry.devices import Approval, DeviceKind, LostBy

LANES: Final = ("events", "bulk", "backfill")
_OUTCOMES: Final = ("received", "duplicate", "stored", "dead")
_Samples = Iterable[tuple[tuple[str, ...], float]]


class CompanyCollector(Collector):
    """Asks the desk and the gateway's records at each scrape."""

    def __init__(self, services: Services, measures: Measures) -> None:
        self._services = services
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        """All families but those of the process."""
        yield from self._desk()
        yield from self._answers()
        yield from self._gateway()
        yield from self._doors()
        yield from self._devices()
        yield from self._detector()

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask a database."""
        return ()

    def _desk(self) -> Iterator[Metric]:
        with self._services.desk.reading() as session:
            orders = sum(session.orders.open_by_crew().values())
            outages = len(session.outages.listed(WHOLE_COMPANY, True, None, 10_000))
            notices = {(state.value,): float(session.outbox.count(state)) for state in NoticeState}
            feed, position = session.feed.newest_id(), session.positions.get(POSITION)
        waiting_ms = self._services.supply.waiting_ms(position, self._services.clock())
        yield _gauge("gridcrew_orders_open", "Repair orders that are not closed.", orders)
        yield _gauge("gridcrew_outages_open", "Outages suspected or confirmed.", outages)
        yield _gauges("gridcrew_notices", "Notices by state of delivery.", ("state",), notices.items())
        yield _gauge("gridcrew_feed_newest_id", "Newest change that pages were told of.", feed)
        yield _gauge("gridcrew_worker_lag_seconds", "Age of the oldest revision unhandled.", waiting_ms / 1e3)

    def _answers(self) -> Iterator[Metric]:
        name, text = "gridcrew_http_answers", "Requests answered by the web."
        family = CounterMetricFamily(name, text, labels=("operation", "status"))
        for (operation, status), count in sorted(self._measures.answers().items()):
            family.add_metric((operation, str(status)), count)
        yield family

    def _gateway(self) -> Iterator[Metric]:
        counters, state = self._services.gateway.counters(), self._services.watch.board.gauges()
        frames = {(name,): float(getattr(counters, name)) for name in _OUTCOMES}
        yield _counters("gridcrew_gateway_frames", "Frames by outcome.", ("outcome",), frames.items())
        balance = counters.received - sum(
            (counters.duplicate, counters.stored, counters.dead, counters.pending)
        )
        yield _gauge(
            "gridcrew_gateway_conservation_balance",
            "received - duplicate - stored - dead - pending; anything but 0 is a fault of the program.",
            balance,
        )
        yield from (_lane(name, text, state, stem, scale) for name, text, stem, scale in _LANE_GAUGES)
        yield from (
            _gauge(name, text, state[key] * scale)
            for name, text, key, scale in _GATEWAY_GAUGES
            if key in state
        )

    def _doors(self) -> Iterator[Metric]:
        board = self._services.watch.board
        doors, seen_ms = board.doors(), board.gauges().get("board_ms", 0)
        fresh = self._services.clock() - seen_ms <= GATEWAY_DOWN_MS
        ready = {(door.name,): float(door.ready and fresh) for door in doors}
        yield _gauges("gridcrew_gateway_door_ready", "1: frames can come in by it.", ("door",), ready.items())
        counts = {(door.name, what): float(n) for door in doors for what, n in door.counters.items()}
        text = "What a door counted since it started: polls, timeouts, reconnections, refused frames."
        yield _counters("gridcrew_gateway_door_events", text, ("door", "event"), counts.items())
        yield _counters(
            "gridcrew_gateway_security_events",
            "Attempts that were refused, by threat.",
            ("threat",),
            {(threat,): float(times) for threat, times in self._services.security.counts().items()}.items(),
        )

    def _devices(self) -> Iterator[Metric]:
        by_state: dict[tuple[str, ...], float] = {}
        for (kind, approval, online, lost_by), many in self._services.watch.registry.counts().items():
            labels = (kind.value, _state(kind, approval, online), _cause(kind, online, lost_by))
            by_state[labels] = by_state.get(labels, 0) + many
        text = "Devices by kind, state and, of those that were lost, how."
        yield _gauges("gridcrew_devices", text, ("kind", "state", "lost_by"), by_state.items())
        waiting = self._services.watch.completeness.uncounted()
        yield _gauge("gridcrew_completeness_uncounted_batches", "Arrived, not counted by meter yet.", waiting)

    def _detector(self) -> Iterator[Metric]:
        lag = {(name,): float(rows) for name, rows in self._services.detector_lag().items()}
        text = "Rows of evidence that the detector has not published from yet."
        yield _gauges("gridcrew_detector_lag_rows", text, ("log",), lag.items())


_LANE_GAUGES: Final = (
    ("gridcrew_gateway_pending_frames", "Frames on disk, not yet stored.", "pending", 1.0),
    ("gridcrew_gateway_oldest_pending_seconds", "Age of the oldest of them.", "oldest_pending_ms", 1e-3),
    ("gridcrew_gateway_spool_bytes", "Bytes of the lane's spool.", "spool_bytes", 1.0),
    ("gridcrew_gateway_store_away", "1: a store refuses or is away; frames wait.", "store_away", 1.0),
)
_GATEWAY_GAUGES: Final = (
    ("gridcrew_gateway_seen_timestamp_seconds", "When the receiver last wrote its state.", "board_ms", 1e-3),
    ("gridcrew_gateway_capacity_seconds", "Until the disk is full at the present rate.", "capacity_s", 1.0),
    ("gridcrew_gateway_pressure", "0 free, 1 slow, 2 bulk held, 3 events only.", "pressure", 1.0),
    ("gridcrew_gateway_disk_used_ratio", "Used share of the spool's disk.", "disk_used_permille", 1e-3),
    ("gridcrew_gateway_intake_bytes_per_second", "Spooled lately.", "intake_bytes_per_s", 1.0),
    ("gridcrew_gateway_ballast_missing", "1: the space kept in hand was given up.", "ballast_missing", 1.0),
    ("gridcrew_gateway_lost_frames", "Spooled and never counted by the drain: must be 0.", "lost", 1.0),
    ("gridcrew_gateway_problem_frames", "Stored frames of which parts were left out.", "partial", 1.0),
)


def registry_of(services: Services, measures: Measures) -> CollectorRegistry:
    """What one application's /metrics shows; nothing is asked before the first scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(CompanyCollector(services, measures))
    ProcessCollector(registry=registry)
    return registry


def metrics_text(registry: CollectorRegistry) -> bytes:
    """Prometheus' text format 0.0.4."""
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, labels: tuple[str, ...], samples: _Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in sorted(samples):
        family.add_metric(values, value)
    return family


def _counters(name: str, text: str, labels: tuple[str, ...], samples: _Samples) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in sorted(samples):
        family.add_metric(values, value)
    return family


def _lane(name: str, text: str, state: Mapping[str, int], stem: str, scale: float) -> Metric:
    samples = {(lane,): state.get(f"{stem}.{lane}", 0) * scale for lane in LANES}
    return _gauges(name, text, ("lane",), samples.items())


def _state(kind: DeviceKind, approval: Approval, online: bool | None) -> str:
    if approval is not Approval.APPROVED:
        return approval.value
    if online is None or kind is not DeviceKind.TERMINAL:
        return "known"
    return "online" if online else "offline"


def _cause(kind: DeviceKind, online: bool | None, lost_by: LostBy) -> str:
    return lost_by.value if kind is DeviceKind.TERMINAL and online is False else ""
