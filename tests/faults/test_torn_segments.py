"""Fault 13: bytes of the spool are lost or changed while the gateway is down."""

import os
from pathlib import Path

from gateway.adapters.delivery.service import spool_folder
from gateway.adapters.delivery.spool import SegmentSpool
from gateway.frames import Frame, Lane
from tests.faults.history import DAMAGED, History, event_body
from tests.gateway.running import START_S, WAIT_S, Installation, await_true, readings_body


def spooled(site: Installation, history: History, lane: Lane, first: int, last: int) -> Path:
    """A segment as a gateway that was killed left it: acknowledged, not yet drained."""
    spool = SegmentSpool(spool_folder(site.folder, lane))
    frames = []
    for seq in range(first, last):
        events = lane is Lane.EVENTS
        history.send(f"T1/b1/{seq}", readings=not events, acknowledged=True)
        body = event_body(seq) if events else readings_body(seq, ["m1"])
        topic = f"gridcrew/v1/T1/{'events' if events else 'readings'}"
        frames.append(Frame(topic, body, 1_795_400_000_000 + seq))
    spool.append(frames)
    spool.close()
    return max(spool_folder(site.folder, lane).iterdir())


def test_damage_costs_exactly_the_damaged_records(site: Installation) -> None:
    """A bit in a readings frame, the tail of an events segment; a later segment follows each."""
    history = History()
    bulk = spooled(site, history, Lane.BULK, 0, 40)
    victim = history.chance.randrange(40)
    content = bytearray(bulk.read_bytes())
    place = content.find(b'"seq": %d,' % victim)
    content[place + history.chance.randrange(9)] ^= 1 << history.chance.randrange(8)
    bulk.write_bytes(content)
    events = spooled(site, history, Lane.EVENTS, 100, 110)
    os.truncate(events, events.stat().st_size - history.chance.randrange(1, 90))
    spooled(site, history, Lane.BULK, 40, 50)
    spooled(site, history, Lane.EVENTS, 110, 115)
    history.acknowledged -= {f"T1/b1/{victim}", "T1/b1/109"}
    site.start(ready=False)  # without a broker it never is
    await_true(lambda: site.records.counters().dead == 2, "the damaged records", START_S + WAIT_S)
    history.check(site)
    dead = site.dead_letters.listed()
    assert all(letter.key.startswith(DAMAGED) for letter in dead)
    assert sorted("checksum" in letter.problem for letter in dead) == [False, True]
    assert next(letter.body for letter in dead if letter.body), "what is left of it can be looked at"
