"""What every outage log promises, on SQLite and on PostgreSQL."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.ports import DetectorPosition, FoldSnapshot
from tests.conftest import DatabaseFactory

FIRST = OutageRevision(
    outage_id="O-20261122-abc123",
    revision=1,
    at_ms=1_764_000_003_000,
    network_hash="0123456789abcdef",
    switches=(("S7", False),),
    state=OutageState.SUSPECTED,
    cause=Cause("L1", "line", ("L1", "F1")),
    started_at_ms=1_764_000_000_000,
    restored_at_ms=None,
    probability=0.97,
    cut=("L1",),
    restored=(),
    also_out=("客户-9",),
    not_out=(),
    expected=36.5,
    low=33,
    high=37,
    reasons=("last_gasps=21",),
)
AT = DetectorPosition({"gateway": 17, "desk": 3})


def test_what_is_published_comes_back_whole(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    log.publish([FIRST], AT)
    (logged,) = log.read(0)
    assert (logged.id, logged.revision) == (1, FIRST)
    assert log.position() == AT


def test_an_empty_log(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    assert log.position() == DetectorPosition({})
    assert log.read(0) == log.current(open_only=False) == log.revisions("O-1") == ()
    assert (log.newest_id(), log.kept()) == (0, None)


def test_a_position_moves_without_revisions(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    log.publish([], AT)
    log.publish([], DetectorPosition({"gateway": 20}))
    assert log.position() == DetectorPosition({"gateway": 20, "desk": 3})


def test_a_repeated_revision_is_refused_with_all_that_came_with_it(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    log.publish([FIRST], AT)
    with pytest.raises(IntegrityError):
        log.publish([replace(FIRST, outage_id="O-other"), FIRST], DetectorPosition({"gateway": 99}))
    assert log.position() == AT
    assert log.revisions("O-other") == ()
    assert log.newest_id() == 1


def test_current_is_the_newest_of_each_newest_start_first(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    younger = replace(FIRST, outage_id="O-younger", started_at_ms=FIRST.started_at_ms + 1)
    over = replace(FIRST, revision=2, state=OutageState.RESTORED, restored_at_ms=FIRST.at_ms)
    log.publish([FIRST, younger], AT)
    log.publish([over], AT)
    assert [entry.revision for entry in log.current(open_only=False)] == [younger, over]
    assert [entry.revision for entry in log.current(open_only=True)] == [younger]
    assert [entry.revision for entry in log.revisions(FIRST.outage_id)] == [FIRST, over]


def test_reading_goes_on_where_it_stopped(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    log.publish([replace(FIRST, revision=n) for n in range(1, 8)], AT)
    assert [entry.id for entry in log.read(2, limit=3)] == [3, 4, 5]


def test_ids_have_no_gaps_under_two_writers(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))

    def write(name: str) -> None:
        for n in range(1, 11):
            log.publish([replace(FIRST, outage_id=name, revision=n)], DetectorPosition({name: n}))

    writers = [threading.Thread(target=write, args=(name,)) for name in ("O-a", "O-b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [entry.id for entry in log.read(0)] == list(range(1, 21))
    assert log.position() == DetectorPosition({"O-a": 10, "O-b": 10})


def test_the_newest_snapshot_replaces_the_one_before(database: DatabaseFactory) -> None:
    log = SqlOutageLog(database("outages"))
    for size in (3, 5):
        log.keep(FoldSnapshot("0123456789abcdef", {"gateway": size}, bytes(range(size))))
    assert log.kept() == FoldSnapshot("0123456789abcdef", {"gateway": 5}, b"\0\1\2\3\4")
