"""Fault 15 at the gateway: in any order, however often, in whatever groups, the same facts come out."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.mqtt.door import BrokerAddress
from gateway.adapters.mqtt.observer_files import ObserverBook
from gateway.codecs.foreign import no_terminal
from gateway.codecs.mqtt_frames import MqttDecoder
from gateway.contract.payloads import Event, Events
from gateway.frames import Frame, SpooledFrame
from gateway.ingest import Entry, sort_out
from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History
from tests.gateway.running import Publisher, await_true, installation, readings_body

AT_MS = 1_795_300_000_000
DECODE = MqttDecoder(ObserverBook(Path("/nowhere"), lambda _: str, no_terminal).own, lambda _: None)


def event(seq: int, kind: str, device: str, at_ms: int) -> Frame:
    body = msgspec.json.encode(Events(1, "b1", seq, (Event(at_ms, device, kind),)))
    return Frame("gridcrew/v1/T1/events", body, AT_MS)


def envelope(mid: int, device: str, data: dict[str, object], at_ms: int) -> Frame:
    param = {"deviceId": device, "data": data}
    body = {"mid": mid, "type": "EVENT_DATA_ALARM", "timestamp": at_ms, "param": param}
    return Frame("/v1/TTU1/service/event", json.dumps(body).encode(), AT_MS)


def carrier(seq: int, data: str, at_ms: int) -> Frame:
    body = {"v": 1, "boot": "b1", "seq": seq, "at": at_ms, "data": data}
    return Frame("gridcrew/v1/T2/hplc", json.dumps(body).encode(), AT_MS)


NIGHT = (
    event(1, "power_off", "m1", AT_MS),
    event(2, "power_on", "m1", AT_MS + 90_000),
    event(3, "alive", "m2", AT_MS + 1_000),
    # Hours late, from a second path, partial and repeated sets of the carrier network.
    envelope(4, "m3", {"PwrOffAlm": 1}, AT_MS - 7_200_000),
    envelope(5, "m3", {"PwrOnAlm": 1}, AT_MS - 3_600_000),
    carrier(6, "01040D01230100000000240100000000", AT_MS),
    carrier(7, "01040701230100000000", AT_MS + 5_000),
    carrier(8, "01040702240100000000", AT_MS + 60_000),
    Frame("gridcrew/v1/T1/readings", readings_body(9, ["m1", "m2"]), AT_MS),
    Frame("gridcrew/v1/T1/readings", b"{broken", AT_MS),
)


def taken(frames: Sequence[Frame], group: int) -> tuple[set[str], int, int]:
    """(evidence keys, new frames, duplicates) after taking the frames group by group."""
    seen: dict[str, int] = {}
    keys: set[str] = set()
    new = duplicate = 0
    for start in range(0, len(frames), group):
        entries = [
            Entry(SpooledFrame(place, frame), DECODE(frame))
            for place, frame in enumerate(frames[start : start + group], start)
        ]
        result = sort_out(entries, seen)
        seen |= {entry.names()[0]: entry.received_ms for entry in (*result.stored, *result.dead)}
        keys |= {fact.key for entry in result.stored for fact in entry.decoded.evidence}
        new, duplicate = new + result.new, duplicate + result.duplicate
    return keys, new, duplicate


EXPECTED = taken(NIGHT, 1)[0]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 7), st.integers(0, 12))
def test_any_order_and_repetition_gives_the_same_evidence(
    data: st.DataObject, group: int, again: int
) -> None:
    order = data.draw(st.permutations(NIGHT))
    repeated = data.draw(st.lists(st.sampled_from(NIGHT), min_size=again, max_size=again))
    mixed = [*order, *repeated]
    data.draw(st.randoms(use_true_random=False)).shuffle(mixed)
    keys, new, duplicate = taken(mixed, group)
    assert keys == EXPECTED
    assert (new, duplicate) == (len(NIGHT), again)


def test_a_shuffled_night_through_the_running_gateway(tmp_path: Path) -> None:
    """Three copies of everything in a random order."""
    chance = History().chance
    frames = list(NIGHT) * 3
    with installation(tmp_path / "var") as site, EmbeddedBroker(site.settings):
        site.start()
        _publish(terminal_address(site.settings), frames, chance)
        await_true(lambda: site.records.counters().received >= len(frames), "all frames")
        await_true(lambda: site.settled(len(NIGHT)), "their taking up")
        counters = site.records.counters()
        assert (counters.stored, counters.dead) == (len(NIGHT) - 1, 1)
        assert counters.duplicate == 2 * len(NIGHT)
        assert {row.evidence.key for row in site.evidence.read(0)} == EXPECTED


def _publish(address: BrokerAddress, frames: list[Frame], chance: random.Random) -> None:
    publisher = Publisher(address, f"T{chance.randrange(10**6)}")
    chance.shuffle(frames)
    for number, frame in enumerate(frames):
        publisher.publish(number, frame.topic, frame.body)
    publisher.flush()
    publisher.close()
