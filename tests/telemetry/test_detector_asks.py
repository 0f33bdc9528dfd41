"""The detector's service asks and explains beside its conclusions: what it writes, when it is silent."""

from dataclasses import dataclass, field

import pytest

from telemetry.adapters.detector_service import Aside, DetectorService
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inquiry import Inquiry
from telemetry.outages import OutageState
from telemetry.verification import Limits
from tests.conftest import DatabaseFactory
from tests.telemetry.nights import ALL, MODEL, T0, under
from tests.telemetry.test_detector_service import Bench


@dataclass
class Asking:
    """A bench whose service asks and explains."""

    bench: Bench
    wishes: SqlPingWishes
    explanations: SqlExplanations
    pings: bool = True
    limits: Limits = field(default_factory=Limits)

    def service(self) -> DetectorService:
        bench = self.bench
        return DetectorService(
            {"gateway": bench.gateway, "desk": bench.desk}, bench.log, bench.log, bench.networks,
            DetectorRules(MODEL), lambda: bench.now_ms,
            Aside(Inquiry(self.limits), self.explanations, self.wishes if self.pings else None),
        )  # fmt: skip

    def tell(self, at_s: float, kind: EvidenceKind, *devices: str) -> None:
        self.bench.now_ms = T0 + round(at_s * 1000)
        now_ms = self.bench.now_ms
        rows = [Evidence(kind, now_ms, now_ms, "", (each,), f"{kind}{each}{now_ms}") for each in devices]
        (self.bench.desk if kind is EvidenceKind.CHECK else self.bench.gateway).append(rows)

    def asked(self) -> list[str]:
        return [device for logged in self.wishes.read(0) for device in logged.wish.devices]


@pytest.fixture
def asking(sqlite_database: DatabaseFactory) -> Asking:
    bench, outages = Bench(sqlite_database), sqlite_database("outages")
    bench.gateway.append([Evidence(EvidenceKind.ALIVE, T0 - 60_000, T0 - 60_000, "", ALL, "before")])
    return Asking(bench, SqlPingWishes(outages), SqlExplanations(outages))


def test_a_lone_last_gasp_is_asked_in_the_round_that_takes_it_in(asking: Asking) -> None:
    service = asking.service()
    service.tick()
    asking.tell(10, EvidenceKind.POWER_OFF, "B113")
    service.tick()
    assert asking.asked() == ["B113"]
    (logged,) = asking.wishes.read(0)
    assert logged.wish.terminal == "TT-B1"
    assert logged.wish.expires_ms > logged.wish.asked_ms == T0 + 10_000


def test_a_restart_does_not_ask_the_same_again(asking: Asking) -> None:
    asking.tell(10, EvidenceKind.POWER_OFF, "B113")
    asking.service().tick()
    asking.bench.now_ms += 2_000
    asking.service().tick()
    assert asking.asked() == ["B113"]


def test_without_pings_everything_else_goes_on(asking: Asking) -> None:
    asking.pings = False
    service = asking.service()
    asking.tell(10, EvidenceKind.POWER_OFF, "A111", "A112")
    for _ in range(4):
        service.tick()
        asking.bench.now_ms += 1_000
    assert asking.asked() == []
    (revision,) = asking.bench.newest().values()
    explanation = asking.explanations.of(revision.outage_id)
    assert explanation is not None
    assert explanation.settling, "what would settle it is still told, for people"


def test_a_backlog_is_history_and_asks_nobody(asking: Asking) -> None:
    asking.tell(10, EvidenceKind.POWER_OFF, "B113")
    asking.bench.now_ms = T0 + 7_200_000
    asking.service().tick()
    assert asking.asked() == []


def test_each_revision_is_explained_and_so_is_the_end(asking: Asking) -> None:
    service = asking.service()
    asking.tell(10, EvidenceKind.POWER_OFF, *under("A"))
    service.tick()
    for _ in range(8):
        asking.bench.now_ms += 1_000
        service.tick()
    asking.tell(60, EvidenceKind.POWER_ON, *under("A"))
    for _ in range(40):
        service.tick()
        asking.bench.now_ms += 1_000
    (last,) = asking.bench.newest().values()
    assert last.state is OutageState.RESTORED
    for logged in asking.bench.log.read(0):
        kept = asking.explanations.of(logged.revision.outage_id, logged.revision.revision)
        assert kept is not None
        assert kept.probability == logged.revision.probability


def test_a_wish_of_the_desk_makes_the_detector_ask(asking: Asking) -> None:
    service = asking.service()
    asking.tell(10, EvidenceKind.POWER_OFF, *under("A"))
    service.tick()
    asking.bench.now_ms += 5_000
    service.tick()
    (revision,) = asking.bench.newest().values()
    before = len(asking.asked())
    asking.tell(20, EvidenceKind.CHECK, revision.outage_id)
    service.tick()
    assert len(asking.asked()) - before >= 4
    assert {meter[0] for meter in asking.asked()} == {"A"}


def test_the_limits_hold_over_a_storm_of_lone_signs(asking: Asking) -> None:
    asking.limits = Limits(per_terminal_minute=1, per_minute=3)
    service = asking.service()
    asking.tell(10, EvidenceKind.POWER_OFF, "A111", "A112", "A211", "B111", "B211", "C111")
    for _ in range(20):
        service.tick()
        asking.bench.now_ms += 1_000
    assert len(asking.asked()) == 3
