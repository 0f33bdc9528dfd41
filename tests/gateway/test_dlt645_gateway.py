"""645 frames passed through MQTT on the running gateway, from a foreign client: stored and told."""

import time
from decimal import Decimal
from pathlib import Path

from gateway.contract.topics import DLT645, topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from telemetry.evidence import EvidenceKind
from tests.gateway import golden
from tests.gateway.running import Installation, await_true, mosquitto

METER = "123456789012"


def test_wrapped_frames_from_mosquitto_pub(
    site: Installation, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """As bytes, as hexadecimal text, in JSON; an active report overtakes, nonsense is a dead letter."""
    site.start()
    address = terminal_address(site.settings)
    raw, report = tmp_path / "raw", tmp_path / "report"
    raw.write_bytes(golden.golden_frame("dlt645", "one_poll").body)
    report.write_bytes(golden.golden_frame("dlt645", "status_word_power_down").body)
    text = golden.golden_frame("dlt645", "loss_records").body.hex(" ")
    began_ms = time.time_ns() // 1_000_000
    for said in (["-f", str(raw)], ["-f", str(report)], ["-m", text], ["-m", '{"frame":"68 16"}']):
        done = mosquitto("mosquitto_pub", address, "-q", "1", "-t", topic("T1", DLT645), *said)
        assert done.returncode == 0, done.stderr
    await_true(lambda: site.settled(4), "four frames")
    [reading] = site.readings.latest([METER]).values()
    assert reading.values["energy_import_kwh"] == Decimal("123456.78")
    assert reading.values["current_b_a"] == Decimal("-2.5")
    assert reading.terminal == "T1"
    assert began_ms <= reading.at_ms <= reading.received_ms
    facts = [row.evidence for row in site.evidence.read(0)]
    assert sorted(fact.kind for fact in facts if fact.kind != EvidenceKind.ALIVE) == sorted(
        [EvidenceKind.POWER_OFF] * 3 + [EvidenceKind.POWER_ON] * 2
    )
    assert {fact.source for fact in facts} == {"T1"}
    assert [letter.body for letter in site.dead_letters.listed()] == [b'{"frame":"68 16"}']
