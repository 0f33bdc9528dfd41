"""Any night again from the evidence log, with the same result; corrections and late words with it."""

from dataclasses import replace

import pytest

from telemetry.adapters.night_replay import NightReplay
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.night import Night as Compared
from telemetry.outages import OutageState
from telemetry.ports import DetectorPosition
from tests.conftest import DatabaseFactory
from tests.telemetry.nights import ALL, MODEL, T0, Night, under
from tests.telemetry.test_detector_service import Bench


@pytest.fixture
def bench(sqlite_database: DatabaseFactory) -> Bench:
    return Bench(sqlite_database)


def _script() -> list[Evidence]:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, under("A"), spread_s=0.4)
    night.gasp(60, under("C2"), spread_s=0.4)
    night.say(EvidenceKind.CUSTOMER_ON, 70, ["CC211"], source="desk:ann")
    night.power_up(300, under("A"), spread_s=0.4)
    night.frames(330, [m for m in ALL if not m.startswith("C2")])
    night.gasp(400, under("B11"), spread_s=0.4)
    night.say(EvidenceKind.INVALID, 430, ["LLB11"], source="desk:ann")
    return [row for _, row in sorted(night.script, key=lambda entry: entry[1].received_ms)]


def _live(bench: Bench, until_s: float) -> None:
    """As it was run: a tick each half second, evidence as it arrives, words of people in the desk's log."""
    service, rows = bench.service(), _script()
    for step in range(int(until_s * 2)):
        bench.now_ms = T0 + step * 500
        due = [row for row in rows if row.received_ms <= bench.now_ms]
        rows = rows[len(due) :]
        bench.desk.append([row for row in due if row.source.startswith("desk:")])
        bench.gateway.append([row for row in due if not row.source.startswith("desk:")])
        service.tick()


def _again(bench: Bench, from_s: float = -100, to_s: float = 600) -> Compared:
    logs = {"gateway": bench.gateway, "desk": bench.desk}
    night = NightReplay(logs, bench.log, bench.networks, DetectorRules(MODEL))
    return night.replay(T0 + round(from_s * 1000), T0 + round(to_s * 1000))


def test_a_night_replayed_comes_to_the_same_causes_intervals_and_customers(bench: Bench) -> None:
    _live(bench, 600)
    assert {r.state for r in bench.newest().values()} == {
        OutageState.RESTORED, OutageState.CONFIRMED, OutageState.RETRACTED
    }  # fmt: skip
    night = _again(bench)
    assert night.differences == ()
    assert night.same == len(night.published) == 2
    assert night.rows == len(_script())


def test_a_part_of_a_night_goes_on_from_what_was_open(bench: Bench) -> None:
    _live(bench, 600)
    night = _again(bench, from_s=200)
    assert night.differences == ()
    assert {r.state for r in night.published} >= {OutageState.RESTORED}


def test_a_replay_writes_nothing(bench: Bench) -> None:
    _live(bench, 300)
    before = bench.log.newest_id(), bench.gateway.newest_id()
    _again(bench, to_s=300)
    assert (bench.log.newest_id(), bench.gateway.newest_id()) == before


def test_what_was_published_otherwise_is_told(bench: Bench) -> None:
    _live(bench, 600)
    restored = next(r for r in bench.newest().values() if r.state is OutageState.RESTORED)
    forged = replace(restored, revision=restored.revision + 1, started_at_ms=restored.started_at_ms + 9_000)
    bench.log.publish([forged], DetectorPosition({}))
    night = _again(bench)
    assert [(d.outage_id, d.what) for d in night.differences] == [(restored.outage_id, "started_at")]


def test_evidence_that_was_lost_shows_as_a_missing_outage(bench: Bench) -> None:
    _live(bench, 600)
    empty = NightReplay({}, bench.log, bench.networks, DetectorRules(MODEL))
    night = empty.replay(T0 - 100_000, T0 + 600_000)
    assert {d.what for d in night.differences} == {"outage"}
    assert len(night.differences) == 2
