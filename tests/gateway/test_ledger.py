"""The ledger on both databases: one transaction, counters that balance, what readers see."""

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.adapters.delivery.drain import Drain, Signals
from gateway.adapters.delivery.drain_house import Housekeeping, Retention
from gateway.adapters.delivery.spool import SegmentSpool
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.codecs.own import content_key, decode
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from gateway.registry import Registry
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.ports import ReadingsAway
from telemetry.readings import ReadingBatch
from tests.conftest import DatabaseFactory
from tests.faults.history import event_body
from tests.gateway.running import await_true, readings_body

NOW_MS = time.time_ns() // 1_000_000


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


def test_a_dead_letter_is_tried_again_after_a_fix(engine: Engine, tmp_path: Path) -> None:
    """Rule 6: in one transaction it leaves the dead with what it says; in vain, it gets its new problem."""
    spools = {lane: SegmentSpool(tmp_path / lane) for lane in Lane}
    good, bad = readings_body(1, ["m1"]), b"{broken"
    spools[Lane.BULK].append([Frame("gridcrew/v1/T1/readings", body, NOW_MS) for body in (good, bad)])
    readings, ledger = EmbeddedReadingStore(tmp_path / "readings"), SqlLedger(engine, "9.9")
    fixed = False

    def decode_when_fixed(frame: Frame) -> Decoded:
        if fixed:
            return decode(frame)
        return Decoded(content_key(frame), refusal="a fault of ours", named_by_content=True)

    house = Housekeeping(spools, readings, ledger, decode_when_fixed, Retention(), (tmp_path,))
    drain = Drain(spools, readings, ledger, Registry(90), decode_when_fixed, house)
    while drain.step():
        pass
    letters, records = SqlDeadLetters(engine), SqlGatewayRecords(engine)
    assert (records.counters().dead, letters.count()) == (2, 2)
    fixed = True
    assert letters.ask_again(NOW_MS, problem="fault of ours") == 2
    house.beat(tuple(drain.lanes.values()))
    counters = records.counters()
    assert (counters.received, counters.stored, counters.dead, counters.duplicate) == (2, 1, 1, 0)
    (left,) = letters.listed()
    assert (left.body, left.asked_again) == (bad, False)
    assert "malformed" in left.problem
    assert len(readings.series("m1", 0, 2**52)) == 1
    assert len(SqlEvidenceLog(engine).read(0)) == 1
    assert ledger.audit() == ""
    spools[Lane.BULK].append([Frame("gridcrew/v1/T1/readings", good, NOW_MS + 1)])
    while drain.step():
        pass
    assert records.counters().duplicate == 1, "it is known by its own name now"
    assert ledger.forget_dead(before_ms=NOW_MS + 10) == 1
    assert ledger.audit() == ""
    readings.close()
    for spool in spools.values():
        spool.close()


def _reaches(log: SqlEvidenceLog, wanted: int) -> bool:
    return log.newest_id() == wanted


def test_an_event_does_not_wait_for_a_store_that_is_away(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames with readings are announced at once; their readings follow when the store is back."""
    spool = SegmentSpool(tmp_path / Lane.EVENTS)
    spools = {lane: SegmentSpool(tmp_path / lane) for lane in Lane} | {Lane.EVENTS: spool}
    readings, away = EmbeddedReadingStore(tmp_path / "readings"), threading.Event()
    away.set()
    written = readings.write

    def sometimes(batches: Sequence[ReadingBatch]) -> int:
        if away.is_set():
            raise ReadingsAway("no answer")
        return written(batches)

    monkeypatch.setattr(readings, "write", sometimes)
    drain = Drain(spools, readings, SqlLedger(engine, "9.9"), Registry(90), decode)
    signals = Signals.new()
    thread = threading.Thread(target=drain.run, args=(signals,))
    thread.start()
    log = SqlEvidenceLog(engine)
    try:
        for seq in range(5):
            body = readings_body(seq, ["m1"]) if seq != 3 else event_body(seq)
            spool.append([Frame(f"gridcrew/v1/T1/{'events' if seq == 3 else 'readings'}", body, 1_000)])
            signals.wake[Lane.EVENTS].set()
            await_true(partial(_reaches, log, seq + 1), "what it says, though the store is away", 1)
        assert SqlGatewayRecords(engine).counters().stored == 0
        away.clear()
        await_true(
            lambda: SqlGatewayRecords(engine).counters().stored == 5, "everything, once it is back", 10
        )
    finally:
        signals.end()
        thread.join()
    assert log.newest_id() == 5
    assert len(readings.series("m1", 0, 2**52)) == 4
    readings.close()
    for each in spools.values():
        each.close()
