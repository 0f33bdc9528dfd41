"""Frames in their usual form, a group at a time: what the general way says of each, or it is asked."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs.own import decode
from gateway.codecs.own_plain import PlainReadings
from gateway.frames import MQTT, Decoded, Frame

RECEIVED_MS = 1_790_000_000_000
TOPIC = "gridcrew/v1/T1/readings"
QUANTITIES = ("voltage_a_v", "current_a_a", "energy_import_kwh", "nobody_knows")
NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9).map(lambda whole: str(whole / 1000)),
    st.integers(-600, 600).map(str),
    st.sampled_from(
        ["null", "230.1", "0.0", "-0.50", "1e3", '"7"', "12345678.25", "0.123456789", "01", "9" * 17]
    ),
)
BLANKS = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A frame much as a terminal writes it, sometimes with bytes changed, lost or doubled."""
    blank = draw(BLANKS)
    meters = [f"m{number}" for number in range(draw(st.integers(1, 4)))]
    quantities = draw(st.permutations(QUANTITIES))[: draw(st.integers(1, 4))]
    rows = [f"{blank},".join(draw(NUMBERS) for _ in quantities) for _ in meters]
    head = f'{{"v":1,{blank}"boot"{blank}:"b 1","seq":{draw(st.integers(0, 10**19))},"at":{RECEIVED_MS},'
    head = head.replace("b 1", draw(st.sampled_from(["b1", "b1", "b1", "b 1", 'b\\"1', "b/1", "ü"])))
    roster = (
        f'"meters":{json.dumps(meters)},{blank}"quantities":{json.dumps(quantities)},{blank}"values":{blank}'
    )
    body = f"{head}{roster}[[{f'],{blank}['.join(rows)}]]}}".encode()
    for place, change in draw(
        st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(-256, 255)), max_size=2)
    ):
        body = body[:place] + (bytes([change]) if change >= 0 else b"") + body[place + (change > -128) :]
    return body


@settings(max_examples=300, deadline=None)
@given(st.lists(bodies(), min_size=1, max_size=6))
@example(
    [b'{"v":1,"boot":"b","seq":1,"at":5,"meters":["m"],"seq":2,"quantities":["voltage_a_v"],"values":[[1]]}']
)
@example([b'{"v":1,"boot":"b","seq":1,"at":5,"meters":["m"],"quantities":["voltage_a_v"],"values":[[1]]}x'])
@example([b'{"v":1,"boot":"b","seq":1,"at":5,"meters":["m"],"quantities":[],"values":[[]]}'])
@example([b'{"v":1,"boot":"b","seq":1,"at":5,"meters":["m"],"quantities":["voltage_a_v"],"values":[[1]]'] * 2)
def test_both_ways_say_the_same(group: list[bytes]) -> None:
    frames = [Frame(TOPIC, body, RECEIVED_MS) for body in group]
    plain = PlainReadings()
    for _ in range(2):  # The second time every form is known.
        for frame, found in zip(frames, plain(frames), strict=True):
            if found is not None:
                assert told(found) == told(decode(frame))


def test_the_usual_frame_takes_this_way() -> None:
    frames = [
        usual(seq, values)
        for seq, values in enumerate(["[[230.1, 5.25]]", "[[null,-0.001]]", "[[ 7 ,0.0001]]"])
    ]
    assert all(PlainReadings()(frames))


def test_a_frame_of_another_door_or_topic_is_left_to_the_general_way() -> None:
    ours = usual(1, "[[230.1,5.25]]")
    others = [
        dataclasses.replace(ours, door=f"{MQTT}:observed"),
        dataclasses.replace(ours, topic="gridcrew/v1/T1/events"),
        dataclasses.replace(ours, topic="/v1/T1/readings"),
    ]
    assert PlainReadings()(others) == [None] * 3


def test_more_forms_than_are_remembered_do_no_harm() -> None:
    frames = [usual(seq, "[[230.1,5.25]]", f"m{seq % 9}") for seq in range(40)]
    assert [told(one) for one in PlainReadings()(frames)] == [told(decode(frame)) for frame in frames]


def usual(seq: int, values: str, meter: str = "m1") -> Frame:
    body = (
        f'{{"v":1,"boot":"b","seq":{seq},"at":{RECEIVED_MS},"meters":["{meter}"],'
        f'"quantities":["voltage_a_v","current_a_a"],"values":{values}}}'
    )
    return Frame(TOPIC, body.encode(), RECEIVED_MS)


def told(decoded: Decoded | None) -> Sequence[object]:
    """All that it says, comparable."""
    assert decoded is not None
    batches = [
        [
            value.tolist() if isinstance(value, np.ndarray) else value
            for value in (getattr(batch, field.name) for field in dataclasses.fields(batch))
        ]
        for batch in decoded.batches
    ]
    return dataclasses.replace(decoded, batches=()), batches
