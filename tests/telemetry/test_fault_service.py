"""Fault watching on real stores: readings in, alarms in the book; a restart loses and doubles nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.fault_service import DAY_MS, KEPT_MS, Calendar, FaultService
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.fault_rule import shipped_rules
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.ports import DetectorPosition
from telemetry.quantities import CATALOGUE
from telemetry.readings import ReadingBatch
from tests.conftest import DatabaseFactory
from tests.telemetry.nights import FEEDER

QUARTER = 15 * 60_000
START = 1_764_000_000_000 - 1_764_000_000_000 % DAY_MS


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


CALENDAR = Calendar(_day, lambda at_ms: at_ms - at_ms % DAY_MS)


class _House:
    """One installation on SQLite and the embedded store."""

    def __init__(self, folder: Path, database: DatabaseFactory) -> None:
        self.store = EmbeddedReadingStore(folder / "readings")
        self.feed = EmbeddedFeed(folder / "readings")
        self.networks = SqlNetworkStore(database("network"), None)
        self.networks.put(FEEDER, NetworkVersion(FEEDER.content_hash, 0, 0, "test"))
        self.outages = SqlOutageLog(database("outages"))
        self.desk = database("desk")
        self.now_ms = START
        self.write(self.now_ms, ("A111",), voltage_a_v="220.0")
        self.service = self.started()
        self.service.turn(self.now_ms)

    def started(self) -> FaultService:
        return FaultService(
            self.feed, self.store, SqlAlarmBook(self.desk), self.networks, self.outages, shipped_rules(),
            CALENDAR,
        )  # fmt: skip

    def write(self, at_ms: int, meters: tuple[str, ...], **values: str) -> None:
        decimals = tuple(CATALOGUE[name].decimals for name in values)
        row = [
            int(Decimal(value).scaleb(places))
            for value, places in zip(values.values(), decimals, strict=True)
        ]
        batch = ReadingBatch(
            meters[0], "b", at_ms, at_ms, at_ms, meters, tuple(values), decimals,
            np.array([row] * len(meters), np.int64),
        )  # fmt: skip
        self.store.write([batch])

    def hours(self, hours: float, meter: str, **values: str) -> None:
        for _ in range(round(hours * 4) + 1):
            self.write(self.now_ms, (meter,), **values)
            self.service.turn(self.now_ms)
            self.now_ms += QUARTER

    def standing(self) -> dict[tuple[str, str], str]:
        found = SqlAlarmBook(self.desk).listed(standing=True)
        return {one.alarm.key: one.alarm.swallowed_by for one in found}


@pytest.fixture
def house(tmp_path: Path, sqlite_database: DatabaseFactory) -> _House:
    return _House(tmp_path, sqlite_database)


def test_an_alarm_comes_and_goes(house: _House) -> None:
    house.hours(1, "A112", voltage_a_v="190.0")
    assert house.standing() == {("under_voltage", "A112"): ""}
    house.hours(0.5, "A112", voltage_a_v="221.0")
    assert house.standing() == {}
    (over,) = SqlAlarmBook(house.desk).listed(standing=False)
    assert over.cleared_ms == house.now_ms - QUARTER
    assert over.alarm.worst == pytest.approx(190.0)


def test_a_restart_in_the_middle_changes_nothing(house: _House) -> None:
    house.hours(0.5, "A112", voltage_a_v="190.0")
    house.service.finish(house.now_ms)
    house.service = house.started()
    house.hours(0.25, "A112", voltage_a_v="190.0")
    assert house.standing() == {("under_voltage", "A112"): ""}
    house.service = house.started()
    house.service.turn(house.now_ms)
    assert len(SqlAlarmBook(house.desk).listed(standing=False)) == 1


def test_what_was_stored_before_the_first_start_is_history(house: _House) -> None:
    assert SqlAlarmBook(house.desk).pass_rates("0000", "9999") == {}
    house.hours(0, "A112", voltage_a_v="190.0")
    house.service.finish(house.now_ms)
    (counted,) = SqlAlarmBook(house.desk).pass_rates("0000", "9999").values()
    assert (counted.monitored, counted.outside) == (1, 1)


def test_a_quiet_cycle_writes_nothing(house: _House) -> None:
    house.hours(2, "A111", voltage_a_v="190.0")
    house.service.turn(house.now_ms)
    written: list[str] = []

    def note(*told: object) -> None:
        written.append(str(told[2]))

    event.listen(house.desk, "before_cursor_execute", note)
    house.service.turn(house.now_ms + 60_000)
    assert written == []
    house.now_ms += QUARTER
    house.hours(0, "A111", voltage_a_v="190.0")
    assert any(statement.startswith("INSERT INTO fault_track") for statement in written)


def test_what_is_long_over_is_let_go_at_night(house: _House) -> None:
    house.hours(2, "A111", voltage_a_v="190.0")
    house.hours(3, "A111", voltage_a_v="220.0")
    book = SqlAlarmBook(house.desk)
    assert len(book.listed(standing=False)) == 1
    later_ms = START + KEPT_MS + DAY_MS
    for hour in (1, 2):
        house.service.turn(later_ms + hour * 3_600_000)
        assert len(book.listed(standing=False)) == 1, "not before the night's work"
    house.service.turn(later_ms + 4 * 3_600_000)
    house.service.turn(later_ms + 4 * 3_600_000 + 1)
    assert len(book.listed(standing=False)) == 0


def _outage(identifier: str, started_ms: int, state: OutageState = OutageState.CONFIRMED) -> OutageRevision:
    return OutageRevision(
        outage_id=identifier, revision=1, at_ms=started_ms, network_hash=FEEDER.content_hash, switches=(),
        state=state, cause=Cause("TA1", "transformer", ("TA1",)), started_at_ms=started_ms,
        restored_at_ms=None, probability=1.0, cut=("TA1",), restored=(), also_out=(), not_out=(), expected=8,
        low=8, high=8, reasons=(),
    )  # fmt: skip


def test_an_open_outage_explains_the_alarms_in_it(house: _House) -> None:
    house.outages.publish([_outage("O-1", house.now_ms)], DetectorPosition({}))
    house.hours(1, "A112", voltage_a_v="190.0")
    assert house.standing()[("under_voltage", "A112")] == "outage:O-1"


def test_two_outages_of_one_element_within_a_day_are_repeated_trips(house: _House) -> None:
    house.outages.publish([_outage("O-1", house.now_ms), _outage("O-0", house.now_ms, OutageState.RETRACTED)],
                          DetectorPosition({}))  # fmt: skip
    house.hours(0.5, "A111", voltage_a_v="220.0")
    assert house.standing() == {}
    house.outages.publish([replace(_outage("O-2", house.now_ms))], DetectorPosition({}))
    house.hours(0.25, "A111", voltage_a_v="220.0")
    assert [key for key in house.standing() if key[0] == "repeated_trips"] == [("repeated_trips", "TA1")]
    house.hours(25, "A111", voltage_a_v="220.0")
    assert [key for key in house.standing() if key[0] == "repeated_trips"] == []


@pytest.mark.parametrize(
    ("sold_kwh", "rule"), [("10.0", "line_loss"), ("13.5", "line_loss_negative"), ("12.0", "")]
)
def test_three_days_of_a_line_loss(house: _House, sold_kwh: str, rule: str) -> None:
    """The area of TA1 takes 100 kWh a day; its eight meters use the same each."""
    meters = tuple(meter for meter in FEEDER.meters.ids if meter.startswith("A1"))
    for day in range(5):
        late_ms = START + (day + 1) * DAY_MS - QUARTER
        house.write(late_ms, ("TT-A1",), energy_import_kwh=str(100 * day + 1000))
        house.write(late_ms + 1, meters, energy_import_kwh=str(Decimal(sold_kwh) * day + 50))
    for day in range(1, 6):
        for minute in range(3):
            house.service.turn(START + day * DAY_MS + 4 * 3_600_000 + minute * 60_000)
    found = {key for key in house.standing() if key[0].startswith("line_loss")}
    assert found == ({(rule, "TA1")} if rule else set())
