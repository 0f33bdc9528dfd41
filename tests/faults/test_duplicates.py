"""Fault 14: every frame three times, the same frame on two paths; it counts once."""

from gateway.adapters.delivery.service import spool_folder
from gateway.adapters.delivery.spool import SegmentSpool
from gateway.frames import Frame, Lane
from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, event_body
from tests.gateway.running import Installation, Publisher, await_true, readings_body

FRAMES = 60


def test_three_times_on_two_paths_is_once(site: Installation, broker: EmbeddedBroker) -> None:
    """By MQTT in any order, and once more as a backfill of the same days."""
    history = History()
    sent: list[tuple[str, bytes]] = []
    for seq in range(FRAMES):
        events = seq % 5 == 0
        history.send(f"T1/b1/{seq}", readings=not events, acknowledged=True)
        body = event_body(seq) if events else readings_body(seq, ["m1", "m2"])
        sent.append((f"gridcrew/v1/T1/{'events' if events else 'readings'}", body))
    again = 3 * sent
    history.chance.shuffle(again)
    backfill = SegmentSpool(spool_folder(site.folder, Lane.BACKFILL))
    backfill.append([Frame(topic, body, 1_795_400_000_000) for topic, body in sent])
    backfill.close()
    site.start()
    publisher = Publisher(terminal_address(site.settings), "T1")
    for number, (topic, body) in enumerate(again):
        publisher.publish(number, topic, body)
    publisher.flush()
    publisher.close()
    await_true(lambda: site.records.counters().received == 4 * FRAMES, "everything four times")
    history.check(site)
    counters = site.records.counters()
    assert (counters.stored, counters.duplicate) == (FRAMES, 3 * FRAMES)
    assert len(site.evidence.read(0)) == FRAMES, "one fact per frame"
    points = [reading.at_ms for reading in site.readings.series("m1", 0, 2**52)]
    assert len(points) == len(set(points)) == len(history.with_readings)
