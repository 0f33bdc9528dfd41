"""The ledger on both databases: one transaction, counters that balance, what readers see."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.adapters.drain import Drain
from gateway.adapters.ledger import SqlLedger
from gateway.adapters.spool import SegmentSpool
from gateway.codecs.own import decode
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from gateway.registry import Registry
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords
from telemetry.evidence import Evidence, EvidenceKind
from tests.conftest import DatabaseFactory
from tests.gateway.running import readings_body


@pytest.fixture
def engine(database: DatabaseFactory) -> Engine:
    return database("gateway")


def entry(position: int, key: str, terminal: str = "T1", *, online: bool = True, refusal: str = "") -> Entry:
    received_ms = 1_000 * position
    fact = Evidence(EvidenceKind.ALIVE, received_ms, received_ms, terminal, ("m1",), f"{key}/alive")
    decoded = (
        Decoded(key, terminal, refusal=refusal, named_by_content=True)
        if refusal
        else Decoded(key, terminal, (), (fact,), online=online)
    )
    return Entry(SpooledFrame(position, Frame("gridcrew/v1/T1/readings", b"body\x00", received_ms)), decoded)


def test_a_group_is_written_whole(engine: Engine) -> None:
    ledger = SqlLedger(engine, "9.9")
    assert (ledger.cursor(Lane.BULK), ledger.online()) == (0, ())
    result = ledger.commit(
        Lane.BULK, [entry(1, "a"), entry(2, "b", "T2"), entry(3, "c", refusal="bad\x00 shape")], 3, 5
    )
    assert (len(result.stored), len(result.dead), result.duplicate) == (2, 1, 0)
    assert (ledger.cursor(Lane.BULK), ledger.online()) == (3, ("T1", "T2"))
    counters = SqlGatewayRecords(engine).counters()
    assert (counters.received, counters.duplicate, counters.stored, counters.dead, counters.pending) == (
        8,
        0,
        2,
        1,
        5,
    )
    assert counters.received == counters.stored + counters.dead + counters.duplicate + counters.pending
    (letter,) = SqlDeadLetters(engine).listed()
    assert (letter.id, letter.body, letter.problem, letter.code_version) == (
        1,
        b"body\x00",
        "bad� shape",
        "9.9",
    )
    assert SqlDeadLetters(engine).count() == 1
    assert SqlDeadLetters(engine).listed(after_id=1) == ()


def test_the_same_frames_again_only_count(engine: Engine) -> None:
    ledger = SqlLedger(engine, "9.9")
    group = [entry(1, "a"), entry(2, "b"), entry(3, "c", refusal="bad")]
    ledger.commit(Lane.BULK, group, 3, 0)
    result = ledger.commit(Lane.BULK, [*group, entry(4, "d")], 7, 0)
    assert (len(result.stored), result.duplicate) == (1, 3)
    assert [row.evidence.key for row in SqlEvidenceLog(engine).read(0)] == ["a/alive", "b/alive", "d/alive"]
    assert SqlDeadLetters(engine).count() == 1
    counters = SqlGatewayRecords(engine).counters()
    assert (counters.received, counters.duplicate, counters.stored, counters.dead) == (7, 3, 3, 1)


def test_terminals_come_go_and_fall_silent(engine: Engine) -> None:
    ledger, records = SqlLedger(engine, "9.9"), SqlGatewayRecords(engine)
    ledger.commit(Lane.BULK, [entry(1, "a"), entry(2, "b", "T2"), entry(3, "c")], 3, 0)
    ledger.commit(Lane.BULK, [entry(4, "d", "T2", online=False)], 4, 0)
    first, second = records.terminals()
    assert (first.device, first.first_seen_ms, first.last_seen_ms, first.online) == ("T1", 1000, 3000, True)
    assert (second.device, second.last_seen_ms, second.online) == ("T2", 4000, False)
    assert [state.device for state in records.terminals(after="T1", limit=5)] == ["T2"]
    for _ in range(2):
        ledger.report_silent(["T1"], now_ms=99_000)
    assert ledger.online() == ()
    silent = SqlEvidenceLog(engine).read(4)
    assert [(row.evidence.kind, row.evidence.devices, row.evidence.at_ms) for row in silent] == [
        (EvidenceKind.SILENT, ("T1",), 99_000)
    ]


def test_nothing_is_written_when_a_part_fails(engine: Engine) -> None:
    ledger = SqlLedger(engine, "9.9")
    broken = entry(2, "b")
    object.__setattr__(broken.decoded, "terminal", object())
    with pytest.raises(Exception, match=r".+"):
        ledger.commit(Lane.BULK, [entry(1, "a"), broken], 2, 0)
    assert (ledger.cursor(Lane.BULK), SqlEvidenceLog(engine).newest_id()) == (0, 0)
    assert SqlGatewayRecords(engine).counters().received == 0


def test_names_are_forgotten_after_their_time(engine: Engine) -> None:
    ledger = SqlLedger(engine, "9.9")
    ledger.commit(Lane.BULK, [entry(1, "a"), entry(2, "b")], 2, 0)
    assert ledger.forget_seen(before_ms=2000) == 1
    assert ledger.commit(Lane.BULK, [entry(3, "b")], 3, 0).duplicate == 1


def test_a_frame_no_store_takes_goes_to_the_dead_letters(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 6: it never blocks the next."""
    spools = {lane: SegmentSpool(tmp_path / lane) for lane in Lane}
    spool = spools[Lane.BULK]
    spool.append([Frame("gridcrew/v1/T1/readings", readings_body(seq, ["m1"]), 1_000) for seq in range(3)])
    readings = EmbeddedReadingStore(tmp_path / "readings")
    written = readings.write

    def refusing(batches: list[object]) -> int:
        if any(getattr(batch, "seq", None) == 1 for batch in batches):
            raise ValueError("poison")
        return written(batches)  # type: ignore[arg-type]

    monkeypatch.setattr(readings, "write", refusing)
    drain = Drain(spools, readings, SqlLedger(engine, "9.9"), Registry(90), decode)
    for _ in range(12):
        drain.step()
    counters = SqlGatewayRecords(engine).counters()
    assert (counters.stored, counters.dead, counters.pending) == (2, 1, 0)
    assert "poison" in SqlDeadLetters(engine).listed()[0].problem
    assert len(readings.series("m1", 0, 2**52)) == 2
    readings.close()
    spool.close()
