"""What every book of alarms promises, on SQLite and on PostgreSQL."""

from dataclasses import replace

from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.alarm_ports import Watched
from telemetry.fault_watch import Alarm
from telemetry.faults import Track
from telemetry.voltage_quality import Counted
from tests.conftest import DatabaseFactory

LOW = Alarm("under_voltage", "M1", "T1", 1_000, 2_000, 190.5)
AREA = Alarm("transformer_under_voltage", "T1", "T1", 1_000, 2_000, None, meters=7)
TRACK = Track(1_000, 2_000, 190.5, 2_000)


def _watched(*alarms: Alarm, **more: object) -> Watched:
    return replace(Watched({alarm.key: alarm for alarm in alarms}, {}, {}), **more)  # type: ignore[arg-type]


def test_what_is_kept_comes_back_once(database: DatabaseFactory) -> None:
    book = SqlAlarmBook(database("desk"))
    for _ in range(2):
        book.keep(_watched(LOW, AREA), 9_000)
    assert [(one.id, one.alarm, one.cleared_ms) for one in book.listed(standing=True)] == [
        (2, AREA, None),
        (1, LOW, None),
    ]


def test_what_changes_is_changed_and_what_ended_stays_listed(database: DatabaseFactory) -> None:
    book = SqlAlarmBook(database("desk"))
    book.keep(_watched(LOW, AREA), 9_000)
    worse = replace(LOW, worst=180.0, swallowed_by=AREA.rule)
    book.keep(_watched(worse), 10_000)
    assert [one.alarm for one in book.listed(standing=True)] == [worse]
    assert book.listed(standing=True, explained=False) == []
    book.keep(_watched(cleared_ms={LOW.key: 7_500}), 11_000)
    assert book.listed(standing=True) == []
    assert {one.alarm.rule: one.cleared_ms for one in book.listed(standing=False)} == {
        AREA.rule: 10_000,
        LOW.rule: 7_500,
    }
    book.keep(_watched(LOW), 12_000)
    assert [one.id for one in book.listed(standing=False)] == [3, 2, 1]
    assert [one.id for one in book.listed(standing=False, before_id=3, limit=1)] == [2]
    assert book.forget_before(8_000) == 1


def test_a_restart_goes_on_where_the_book_ends(database: DatabaseFactory) -> None:
    engine = database("desk")
    book = SqlAlarmBook(engine)
    book.keep(_watched(LOW, tracks={LOW.key: TRACK, AREA.key: TRACK}, positions={"readings": 5}), 1)
    again = SqlAlarmBook(engine)
    assert again.resume() == ({LOW.key: TRACK, AREA.key: TRACK}, {"readings": 5})
    moved = replace(TRACK, last_ms=3_000)
    again.keep(_watched(LOW, tracks={LOW.key: moved}, positions={"readings": 6}), 1)
    assert SqlAlarmBook(engine).resume() == ({LOW.key: moved}, {"readings": 6})


def test_voltage_counts_add_up_by_day(database: DatabaseFactory) -> None:
    book = SqlAlarmBook(database("desk"))
    for day in ("2026-11-21", "2026-11-22", "2026-11-22"):
        book.keep(_watched(voltage={("T1", day): Counted(100, 3)}), 1)
    assert book.pass_rates("2026-11-22", "2026-11-22") == {"T1": Counted(200, 6)}
    assert book.pass_rates("2026-11-01", "2026-11-22") == {"T1": Counted(300, 9)}
    assert book.pass_rates("2026-11-23", "2026-11-24") == {}
