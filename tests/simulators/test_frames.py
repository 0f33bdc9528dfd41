"""Frames as the contract has them, each within the broker's limit (fault 21)."""

import msgspec

from gateway.contract.payloads import Event, Events, Readings, Status
from gateway.contract.topics import MAX_FRAME_BYTES
from simulators import frames
from simulators.frames import Boot
from simulators.metering import EMPTY_ROW, QUANTITIES


def test_a_large_batch_is_split_into_numbered_frames_within_the_limit() -> None:
    boot = Boot("b")
    ids = [f"meter-with-a-long-name-{number:06d}" for number in range(1_500)]
    row = tuple(230.1234 + number for number in range(len(QUANTITIES)))
    bodies = list(frames.readings(boot, 5, ids, [row] * len(ids)))
    assert len(bodies) > 2
    assert max(map(len, bodies)) <= MAX_FRAME_BYTES
    found = [msgspec.json.decode(body, type=Readings) for body in bodies]
    assert [meter for frame in found for meter in frame.meters] == ids
    assert [frame.seq for frame in found] == list(range(len(found)))
    assert boot.next_seq == len(found)


def test_a_silent_meter_is_a_row_of_nulls() -> None:
    (body,) = frames.readings(Boot("b"), 5, ["m"], [EMPTY_ROW])
    assert msgspec.json.decode(body, type=Readings).values == (EMPTY_ROW,)


def test_all_channels_share_one_sequence_and_the_last_will_has_none() -> None:
    boot = Boot("b")
    will = msgspec.json.decode(frames.status(boot, "offline", 1), type=Status)
    beat = msgspec.json.decode(frames.status(boot, "online", 2), type=Status)
    told = msgspec.json.decode(frames.events(boot, [Event(3, "m", "power_off")]), type=Events)
    assert (will.seq, beat.seq, told.seq) == (None, 0, 1)
    assert (will.state, beat.state) == ("offline", "online")
    assert told.events == (Event(3, "m", "power_off"),)
