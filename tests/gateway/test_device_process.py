"""The whole gateway as a process: who is believed, what is shown of doors, what the log may not tell."""

import json
import re

from gateway.contract.topics import topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from telemetry.adapters.completeness_records import SqlCompleteness
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.adapters.gateway_board import SqlGatewayBoard
from telemetry.completeness import day_of
from telemetry.devices import Approval
from tests.gateway.running import Installation, Publisher, await_true, readings_body

AT_MS = 1_795_300_000_000
PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")


def publish(site: Installation, *bodies: bytes) -> None:
    publisher = Publisher(terminal_address(site.settings), "T1")
    for number, body in enumerate(bodies):
        publisher.publish(number, topic("T1", "readings"), body)
    publisher.flush()
    publisher.close()


def test_nothing_of_a_terminal_is_lost_before_somebody_approves_it(
    site: Installation, broker: EmbeddedBroker
) -> None:
    site.start(GRIDCREW_GATEWAY__APPROVE="none")
    publish(site, *(readings_body(seq, ["m1", "m2"], at_ms=AT_MS + seq * 60_000) for seq in range(20)))
    await_true(lambda: site.settled(20), "twenty frames")
    assert site.records.counters().dead == 20
    assert site.readings.series("m1", 0, 2**52) == ()
    registry = SqlDeviceRegistry(site.engine)
    assert registry.get(["T1"])["T1"].approval is Approval.PENDING
    registry.decide("T1", Approval.APPROVED, "li", AT_MS)
    await_true(lambda: site.records.counters().dead == 0, "the replay")
    publish(site, readings_body(99, ["m1", "m2"], at_ms=AT_MS + 3_600_000))
    await_true(lambda: site.records.counters().stored == 21, "all stored")
    assert len(site.readings.series("m1", 0, 2**52)) == 21
    stored = SqlCompleteness(site.engine).meters(["m1"], day_of(AT_MS))["m1"]
    assert stored[:2].sum() == 21
    assert len(site.evidence.read(0)) == 21


def test_doors_and_room_are_written_down(site: Installation, broker: EmbeddedBroker) -> None:
    site.start()
    board = SqlGatewayBoard(site.engine)
    await_true(lambda: any(door.ready for door in board.doors()), "a door that is ready")
    gauges = board.gauges()
    assert {door.name for door in board.doors()} >= {"mqtt:events", "mqtt:bulk"}
    assert gauges["board_ms"] > AT_MS - 10**12
    assert {"capacity_s", "pressure", "spool_bytes.events"} <= gauges.keys()


def test_the_log_of_a_run_holds_no_person(site: Installation, broker: EmbeddedBroker) -> None:
    """Frames that nobody understands carry numbers of people; what the gateway logs of them does not."""
    site.start(GRIDCREW_LOG__FORMAT="json")
    publish(
        site,
        b'{"v": 13812345678}',
        b'{"v": 1, "boot": "13912345678 11010519491231002X", "seq": 1}',
        b'{"v":1,"boot":"call/13712345678","seq":1,"at":1,"meters":[],"quantities":[],"values":[]}',
    )
    await_true(lambda: site.records.counters().dead == 3, "three dead letters")
    site.end()
    log = (site.folder / "gateway.log").read_text(encoding="utf-8")
    lines = [json.loads(text) for text in log.splitlines()]
    assert any("dead letters" in told["message"] for told in lines)
    assert any("13712345678" in letter.problem for letter in site.dead_letters.listed()), "the test can fail"
    assert not PHONE.search(log)
    assert "11010519491231002X" not in log
