"""Devices and completeness in the ledger's transaction, on both databases."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from gateway.adapters.ledger.devices import DeviceLedger
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.codecs.own import decode
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from gateway.registry import ApproveRule
from telemetry.adapters.completeness_records import SqlCompleteness, fold
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.adapters.gateway_board import SqlGatewayBoard
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords
from telemetry.adapters.gateway_tables import arrivals, dead_letters, device_decisions
from telemetry.completeness import DAY_MS, Expectations, Outcome, day_of, day_start_ms
from telemetry.device_watch import DeviceWatch
from telemetry.devices import Approval, DeviceKind, DeviceNote, LostBy
from telemetry.gateway_ports import DeviceFilter
from telemetry.ports import ReadingStore
from telemetry.readings import Quality
from tests.conftest import DatabaseFactory
from tests.gateway.running import readings_body

NOON_MS = day_start_ms(day_of(1_795_300_000_000)) + DAY_MS // 2
DAY = day_of(NOON_MS)


@pytest.fixture
def engine(database: DatabaseFactory) -> Engine:
    return database("gateway")


def frame(seq: int, meters: Sequence[str], at_ms: int, late_ms: int = 1_000, terminal: str = "T1") -> Entry:
    body = readings_body(seq, list(meters), at_ms=at_ms)
    taken = Frame(f"gridcrew/v1/{terminal}/readings", body, at_ms + late_ms)
    return Entry(SpooledFrame(seq + 1, taken), decode(taken))


def refused(seq: int, terminal: str = "T1", at_ms: int = NOON_MS) -> Entry:
    taken = Frame(f"gridcrew/v1/{terminal}/readings", b"{%d" % seq, at_ms)
    return Entry(SpooledFrame(seq + 1, taken), decode(taken))


def take(ledger: SqlLedger, *entries: Entry, lane: Lane = Lane.BULK) -> list[Entry]:
    screened = ledger.screen(lane, entries)
    ledger.commit(lane, screened, max(entry.spooled.position for entry in entries), 0)
    return screened


def sums(engine: Engine, meter: str, day: int = DAY) -> list[int]:
    counts = SqlCompleteness(engine).meters([meter], day)[meter]
    return [int(total) for total in counts.sum(axis=1)]


def test_meters_are_noted_with_their_terminal(engine: Engine) -> None:
    take(SqlLedger(engine, "1"), frame(1, ["m1", "m2"], NOON_MS), frame(2, ["m2", "m3"], NOON_MS))
    registry = SqlDeviceRegistry(engine)
    found = registry.listed(DeviceFilter(DeviceKind.METER))
    assert [(one.device, one.parent, one.approval) for one in found] == [
        (name, "T1", Approval.APPROVED) for name in ("m1", "m2", "m3")
    ]
    assert [one.device for one in registry.listed(DeviceFilter(), "m1", 2)] == ["m2", "m3"][:2]
    assert SqlCompleteness(engine).members("T1") == ("m1", "m2", "m3")


def test_a_meter_that_moves_keeps_what_both_terminals_counted(engine: Engine) -> None:
    ledger = SqlLedger(engine, "1")
    take(ledger, frame(1, ["m1"], NOON_MS))
    take(ledger, frame(1, ["m0", "m1"], NOON_MS + 900_000, terminal="T2"))
    assert SqlDeviceRegistry(engine).get(["m1"])["m1"].parent == "T2"
    assert sums(engine, "m1") == [2, 0, 0, 0]
    assert sums(engine, "m0") == [1, 0, 0, 0]


def test_a_meter_that_is_its_own_terminal_is_one_device(engine: Engine) -> None:
    take(SqlLedger(engine, "1"), frame(1, ["T1"], NOON_MS))
    (found,) = SqlDeviceRegistry(engine).listed(DeviceFilter())
    assert (found.kind, sums(engine, "T1")) == (DeviceKind.TERMINAL, [1, 0, 0, 0])


def test_every_reading_is_counted_under_what_became_of_it(engine: Engine) -> None:
    ledger = SqlLedger(engine, "1")
    first = frame(1, ["m1", "m2"], NOON_MS)
    take(ledger, first, frame(2, ["m1", "m2"], NOON_MS, late_ms=3_600_000), refused(3))
    take(ledger, first, refused(3))
    assert sums(engine, "m1") == sums(engine, "m2") == [1, 1, 1, 0]
    counts = SqlCompleteness(engine).unnamed("T1", DAY)
    assert counts[Outcome.DEAD].sum() == 1
    assert counts[Outcome.DEAD, 48] == 1


@pytest.mark.parametrize("counted_between", [False, True])
def test_what_was_dead_and_is_replayed_no_longer_counts_as_dead(
    engine: Engine, counted_between: bool
) -> None:
    """A frame of a terminal that waits for approval is dead; approved, it is tried again."""
    ledger = SqlLedger(engine, "1", DeviceLedger("none"))
    held = frame(1, ["m1", "m2"], NOON_MS)
    take(ledger, held, refused(2))
    records = SqlCompleteness(engine)
    assert (records.unnamed("T1", DAY)[Outcome.DEAD, 48], records.members("T1")) == (2, ())
    if counted_between:
        fold(engine)
    SqlDeviceRegistry(engine).decide("T1", Approval.APPROVED, "Li", NOON_MS)
    (letter,) = (letter for letter in ledger.asked_again(10) if letter.key == held.names()[0])
    ledger.settle(letter, ledger.screen(Lane.BACKFILL, [held])[0])
    for _ in range(2):
        assert (records.unnamed("T1", DAY)[Outcome.DEAD].sum(), sums(engine, "m1")) == (1, [1, 0, 0, 0])
        fold(engine)


def test_a_meter_without_an_answer_is_not_counted(engine: Engine) -> None:
    entry = frame(1, ["m1", "m2", "m3"], NOON_MS)
    batch = entry.decoded.batches[0]
    batch.scaled[1] = np.iinfo(np.int64).min
    take(SqlLedger(engine, "1"), entry)
    assert [sums(engine, name)[0] for name in ("m1", "m2", "m3")] == [1, 0, 1]


def test_counting_and_restarting_change_nothing_that_is_read(engine: Engine) -> None:
    for seq in range(12):
        ledger = SqlLedger(engine, "1")
        at_ms = NOON_MS + 900_000 * seq
        take(ledger, frame(seq, ["m1", "m2"], at_ms), frame(100 + seq, ["m9", "m1"], at_ms, terminal="T2"))
        if seq % 4 == 3:
            before = {name: sums(engine, name) for name in ("m1", "m2", "m9")}
            assert fold(engine) == 4
            assert fold(engine) == 0
            assert {name: sums(engine, name) for name in before} == before
    assert sums(engine, "m1") == [24, 0, 0, 0]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(arrivals)) == 0


def test_the_worst_terminal_comes_first(engine: Engine) -> None:
    ledger = SqlLedger(engine, "1")
    take(
        ledger,
        *(frame(seq, ["m1", "m2"], NOON_MS + seq * 900_000) for seq in range(4)),
        *(frame(seq, ["n1"], NOON_MS + seq * 900_000, terminal="T2") for seq in range(2)),
        frame(9, ["n2"], NOON_MS, terminal="T2"),
        refused(1, "T3"),
    )
    records = SqlCompleteness(engine)
    assert [(row.terminal, row.covered) for row in records.worst_terminals(DAY)] == [("T1", 0), ("T2", 0)]
    assert records.uncounted() == 8
    fold(engine)
    take(ledger, frame(1, ["s1"], NOON_MS - DAY_MS, terminal="T4"))
    fold(engine)
    rows = [
        (row.terminal, row.meters, row.covered, row.least, row.dead) for row in records.worst_terminals(DAY)
    ]
    assert rows == [("T3", 0, 0, 0, 1), ("T4", 1, 0, 0, 0), ("T2", 2, 3, 1, 0), ("T1", 2, 8, 4, 0)]
    assert [row.terminal for row in records.worst_terminals(DAY, limit=1, offset=3)] == ["T1"]


def watch(engine: Engine) -> DeviceWatch:
    """Without a store of readings: completeness asks none."""
    readings = cast("ReadingStore", None)
    return DeviceWatch(
        SqlDeviceRegistry(engine),
        SqlCompleteness(engine),
        SqlGatewayBoard(engine),
        readings,
        Expectations(96),
    )


def test_the_worst_meters_come_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One never heard that day, one that moved and is well, many that are equally bad, by pages."""
    monkeypatch.setattr("telemetry.device_watch.BLOCKS_AT_ONCE", 1)
    ledger, yesterday_ms = SqlLedger(engine, "1"), NOON_MS - DAY_MS
    crowd = [f"c{number:03}" for number in range(300)]
    take(ledger, frame(1, ["gone", "moved", "well"], yesterday_ms), frame(1, crowd, NOON_MS, terminal="T2"))
    quarters = [day_start_ms(DAY) + quarter * 900_000 for quarter in range(48)]
    take(ledger, *(frame(9 + seq, ["well"], at_ms) for seq, at_ms in enumerate(quarters)))
    take(ledger, *(frame(9 + seq, ["moved"], at_ms, terminal="T3") for seq, at_ms in enumerate(quarters)))
    take(ledger, frame(2, crowd[:299], NOON_MS + 900_000, terminal="T2"))
    fold(engine)
    looked = watch(engine)
    worst = looked.worst_meters(DAY, NOON_MS, 400)
    names = [(one.device, one.covered) for one in worst]
    assert names[:2] == [("gone", 0), ("c299", 1)]
    assert sorted(names[2:]) == [(name, 2) for name in crowd[:299]]
    pages = [looked.worst_meters(DAY, NOON_MS, limit)[limit - 1].device for limit in range(1, 302, 37)]
    assert pages == [one.device for one in worst][::37]
    assert looked.completeness.blocks(DAY)[0].least == 0


def test_nothing_is_counted_of_a_group_that_failed(engine: Engine) -> None:
    ledger = SqlLedger(engine, "1")
    broken = frame(2, ["m2"], NOON_MS)
    screened = ledger.screen(Lane.BULK, [frame(1, ["m1"], NOON_MS), broken])
    object.__setattr__(screened[1].decoded, "evidence", (object(),))
    with pytest.raises(AttributeError):
        ledger.commit(Lane.BULK, screened, 2, 0)
    assert SqlDeviceRegistry(engine).listed(DeviceFilter()) == ()
    take(ledger, frame(1, ["m1"], NOON_MS))
    assert sums(engine, "m1") == [1, 0, 0, 0]


@pytest.mark.parametrize(("rule", "known"), [("none", False), ("listed", False), ("listed", True)])
def test_nobody_is_believed_unseen_where_the_rule_says_so(
    engine: Engine, rule: ApproveRule, known: bool
) -> None:
    ledger = SqlLedger(engine, "1", DeviceLedger(rule, lambda _: known))
    take(ledger, frame(1, ["m1"], NOON_MS))
    (terminal,) = SqlDeviceRegistry(engine).listed(DeviceFilter(DeviceKind.TERMINAL))
    assert terminal.approval is (Approval.APPROVED if known else Approval.PENDING)
    counters = SqlGatewayRecords(engine).counters()
    assert (counters.stored, counters.dead) == ((1, 0) if known else (0, 1))


def test_what_was_held_back_is_asked_for_again_once_approved(engine: Engine) -> None:
    ledger, registry = SqlLedger(engine, "1", DeviceLedger("none")), SqlDeviceRegistry(engine)
    take(ledger, frame(1, ["m1"], NOON_MS), frame(1, ["m5"], NOON_MS, terminal="T2"), refused(7))
    problems = [letter.problem for letter in SqlDeadLetters(engine).listed()]
    assert problems[0] == "held back: terminal T1 is pending approval"
    decided = registry.decide("T1", Approval.APPROVED, "li", 99)
    assert decided is not None
    assert (decided.approval, decided.decided_by, decided.decided_ms) == (Approval.APPROVED, "li", 99)
    with engine.connect() as connection:
        query = select(dead_letters.c.problem).where(dead_letters.c.replay_asked_ms == 99)
        assert connection.scalars(query).all() == problems[:1]
        assert connection.scalar(select(func.count()).select_from(device_decisions)) == 1
    assert not take(ledger, frame(2, ["m1"], NOON_MS))[0].problem
    registry.decide("T1", Approval.BLOCKED, "li", 100)
    assert "T1 is blocked" in take(ledger, frame(3, ["m1"], NOON_MS))[0].problem
    assert registry.decide("T9", Approval.APPROVED, "li", 101) is None


def test_a_network_that_lists_a_waiting_terminal_is_enough(engine: Engine) -> None:
    listed: set[str] = set()
    ledger = SqlLedger(engine, "1", DeviceLedger("listed", lambda name: name in listed))
    take(ledger, frame(1, ["m1"], NOON_MS), frame(1, ["m5"], NOON_MS, terminal="T2"))
    listed.add("T1")
    take(ledger, frame(2, ["m1"], NOON_MS), frame(2, ["m5"], NOON_MS, terminal="T2"))
    found = SqlDeviceRegistry(engine).get(["T1", "T2"])
    assert (found["T1"].approval, found["T1"].decided_by) == (Approval.APPROVED, "rule: listed")
    assert found["T2"].approval is Approval.PENDING
    with engine.connect() as connection:
        query = select(dead_letters.c.problem).where(dead_letters.c.replay_asked_ms.is_not(None))
        assert connection.scalars(query).all() == ["held back: terminal T1 is pending approval"]


def test_a_decision_between_looking_and_writing_loses_nothing(engine: Engine) -> None:
    ledger, registry = SqlLedger(engine, "1", DeviceLedger("none")), SqlDeviceRegistry(engine)
    take(ledger, frame(1, ["m1"], NOON_MS))
    screened = ledger.screen(Lane.BULK, [frame(2, ["m1"], NOON_MS)])
    registry.decide("T1", Approval.APPROVED, "li", 99)
    ledger.commit(Lane.BULK, screened, 3, 0)
    with engine.connect() as connection:
        asked = connection.scalars(select(dead_letters.c.replay_asked_ms)).all()
    assert len(asked) == 2
    assert None not in asked


def test_what_frames_tell_of_devices_is_kept(engine: Engine) -> None:
    ledger, registry = SqlLedger(engine, "1"), SqlDeviceRegistry(engine)
    notes = (
        DeviceNote("T1", DeviceKind.TERMINAL, model="TTU-3", firmware="1.0"),
        DeviceNote("m7", DeviceKind.METER, "T1", maker="Hexing", foreign_id="0007", online=False),
    )
    for seq, firmware in enumerate(("1.0", "", "1.1")):
        told = (DeviceNote("T1", DeviceKind.TERMINAL, firmware=firmware), notes[1]) if seq else notes
        taken = Frame("gridcrew/v1/T1/status", b"", NOON_MS + seq)
        decoded = Decoded(f"T1/b/{seq}", "T1", online=True, devices=told)
        take(ledger, Entry(SpooledFrame(seq + 1, taken), decoded))
    terminal, meter = registry.get(["T1"])["T1"], registry.get(["m7"])["m7"]
    assert (terminal.model, terminal.firmware) == ("TTU-3", "1.1")
    assert (meter.maker, meter.foreign_id, meter.parent, meter.online) == ("Hexing", "0007", "T1", False)


def test_two_frames_of_one_group_that_tell_of_a_device_add_up(engine: Engine) -> None:
    """As a terminal's topology: what a meter is, then that it is online."""
    told = (
        DeviceNote("m7", DeviceKind.METER, "T1", model="DDZY"),
        DeviceNote("m7", DeviceKind.METER, "T1", online=True),
    )
    entries = [
        Entry(
            SpooledFrame(seq, Frame("gridcrew/v1/T1/status", b"", NOON_MS)),
            Decoded(f"T1/b/{seq}", "T1", online=True, devices=(note,)),
        )
        for seq, note in enumerate(told, start=1)
    ]
    take(SqlLedger(engine, "1"), *entries)
    meter = SqlDeviceRegistry(engine).get(["m7"])["m7"]
    assert (meter.model, meter.online, meter.parent) == ("DDZY", True, "T1")


def test_how_a_terminal_was_lost_is_known(engine: Engine) -> None:
    ledger, registry = SqlLedger(engine, "1"), SqlDeviceRegistry(engine)
    take(ledger, frame(1, ["m1"], NOON_MS))
    ledger.report_silent(["T1"], NOON_MS + 660_000)
    assert registry.get(["T1"])["T1"].lost_by is LostBy.OVERDUE
    gone = Frame("gridcrew/v1/T1/status", b"", NOON_MS + 5_000)
    take(ledger, Entry(SpooledFrame(5, gone), Decoded("will", "T1", online=False)), lane=Lane.EVENTS)
    assert registry.get(["T1"])["T1"].lost_by is LostBy.WILL
    late = frame(2, ["m1"], NOON_MS)
    take(ledger, late)
    assert not registry.get(["T1"])["T1"].online, "what waited in the bulk lane is older than the loss"
    take(ledger, frame(3, ["m1"], NOON_MS + 60_000))
    assert registry.get(["T1"])["T1"].lost_by is LostBy.NOTHING


def test_a_wrong_clock_is_noticed_and_noted(engine: Engine) -> None:
    ledger, ahead_ms = SqlLedger(engine, "1"), 3_600_000
    screened = [
        take(ledger, frame(seq, ["m1"], NOON_MS + seq * 900_000, late_ms=500 - ahead_ms))[0]
        for seq in range(4)
    ]
    assert all(Quality.CLOCK_SUSPECT in entry.decoded.batches[0].quality for entry in screened)
    assert SqlDeviceRegistry(engine).get(["T1"])["T1"].clock_offset_ms == 500 - ahead_ms
    assert SqlGatewayRecords(engine).counters().stored == 4
