"""What every evidence log must do; each adapter joins by a line in ``LOGS``."""

import threading
import zlib
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert

from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_tables import evidence
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.ports import EvidenceLog
from tests.conftest import DatabaseFactory

LOGS: dict[str, Callable[[Engine], EvidenceLog]] = {"sql": SqlEvidenceLog}


def fact(key: str, received_ms: int = 1_000, kind: EvidenceKind = EvidenceKind.ALIVE) -> Evidence:
    return Evidence(
        kind=kind, at_ms=received_ms - 5, received_ms=received_ms, source="T1", devices=("m1", "m2"), key=key
    )


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, database: DatabaseFactory) -> EvidenceLog:
    return LOGS[request.param](database("gateway"))


def test_an_empty_log_is_empty(log: EvidenceLog) -> None:
    assert log.newest_id() == 0
    assert log.read(0) == ()
    assert log.first_id_since(0) == 1
    assert log.append([]) == 0


def test_what_was_appended_is_read_back_in_order(log: EvidenceLog) -> None:
    volts = ((229.9, None, 231.25), (0.1, 0.2, 0.30000000000000004))
    rich = Evidence(EvidenceKind.VOLTAGE, 1, 2, "终端", ("表\n1", 'm"2'), "k2", volts)
    assert log.append([fact("k1"), rich]) == 2
    first, second = log.read(0)
    assert (first.id, second.id) == (1, 2)
    assert first.evidence == fact("k1")
    assert second.evidence == rich
    assert [row.id for row in log.read(1)] == [2]


@pytest.mark.parametrize("count", [1, 3, 2_000])
def test_rosters_of_any_length_come_back(log: EvidenceLog, count: int) -> None:
    devices = tuple(f"表-{number}" for number in range(count))
    sent = Evidence(EvidenceKind.POWER_OFF, 1, 2, "T1", devices, "k")
    log.append([sent])
    assert [row.evidence for row in log.read(0)] == [sent]


def test_short_rosters_that_were_deflated_once_are_still_read(database: DatabaseFactory) -> None:
    engine = database("gateway")
    row = {"id": 1, "key": "k", "kind": "alive", "at_ms": 1, "received_ms": 2, "source": "T1"}
    with engine.begin() as connection:
        connection.execute(insert(evidence).values(**row, devices=zlib.compress(b'["m1"]', 1)))
    assert [row.evidence.devices for row in SqlEvidenceLog(engine).read(0)] == [("m1",)]


def test_the_same_key_is_the_same_fact(log: EvidenceLog) -> None:
    assert log.append([fact("a"), fact("a"), fact("b")]) == 2
    assert log.append([fact("b", kind=EvidenceKind.SILENT), fact("c")]) == 1
    assert [row.evidence.key for row in log.read(0)] == ["a", "b", "c"]
    assert log.read(1)[0].evidence.kind is EvidenceKind.ALIVE, "the first telling stays"


def test_reading_is_paged(log: EvidenceLog) -> None:
    log.append([fact(f"k{number}") for number in range(25)])
    assert [row.id for row in log.read(10, limit=5)] == [11, 12, 13, 14, 15]
    assert log.newest_id() == 25


def test_more_keys_than_one_query_takes(log: EvidenceLog) -> None:
    many = [fact(f"k{number}") for number in range(1_300)]
    assert log.append(many) == 1_300
    assert log.append(many) == 0


def test_first_id_since(log: EvidenceLog) -> None:
    log.append([fact("a", 100), fact("b", 300), fact("c", 200)])
    assert log.first_id_since(0) == 1
    assert log.first_id_since(150) == 2
    assert log.first_id_since(301) == 4


def test_ids_have_no_gap_in_commit_order_with_several_writers(log: EvidenceLog) -> None:
    """A consumer that has read up to id n never misses an id below n that commits later."""
    failures: list[str] = []

    def write(writer: int) -> None:
        for number in range(10):
            log.append([fact(f"{writer}-{number}-{part}") for part in range(3)])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in writers:
        thread.start()
    seen = 0
    while seen < 90 and not failures:
        rows = log.read(seen)
        if [row.id for row in rows] != list(range(seen + 1, seen + 1 + len(rows))):
            failures.append(f"after {seen}: {[row.id for row in rows]}")
        seen += len(rows)
        if not rows and not any(thread.is_alive() for thread in writers):
            seen = max(seen, log.newest_id())
    for thread in writers:
        thread.join()
    assert not failures
    assert log.newest_id() == 90
