"""DL/T 698.45 frames: what they must become (``cases/dlt698``), and what terminals are answered."""

from dataclasses import replace

import pytest
from dlt698.codec import decode_apdu, decode_frame
from dlt698.protocol import LinkResponse, ReportResponse

from gateway.codecs import dlt698
from tests.gateway import golden


@pytest.mark.parametrize("case", golden.cases("dlt698"))
def test_golden(case: str) -> None:
    assert golden.has_source("dlt698", case)
    decoded = dlt698.decode(golden.golden_frame("dlt698", case))
    assert golden.plain(decoded) == golden.expected("dlt698", case)


def test_a_stream_in_pieces_with_noise_and_false_starts() -> None:
    frames = [golden.golden_frame("dlt698", case).body for case in ("login", "meters_lost_supply", "logout")]
    stream = b"\x68\x00\x68\xff\xff" + frames[0] + b"\x16\x68" + frames[1] + frames[2] + b"\x68\x17"
    rest = b""
    heard: list[bytes] = []
    for at in range(0, len(stream), 7):
        found, rest, _ = dlt698.find_frames(rest + stream[at : at + 7])
        heard += found
    assert heard == frames
    assert rest == b"\x68\x17"


def test_a_log_in_is_answered_with_our_clock() -> None:
    call = dlt698.read_call(golden.golden_frame("dlt698", "login").body)
    assert isinstance(call, dlt698.Call)
    link = decode_frame(dlt698.answer_to(call, golden.RECEIVED_MS, golden.RECEIVED_MS + 5))
    answer = decode_apdu(link.payload)
    assert link.control == 0x01
    assert link.server.bytes[::-1].hex() == "000123456789"
    assert isinstance(answer, LinkResponse)
    assert answer.result == 0x80
    # 1 795 300 001 s = 2026-11-22 06:26:41 in Shanghai, a Sunday.
    assert answer.received_at.value == [7, 0xEA, 11, 22, 0, 6, 26, 41, 0, 0]


@pytest.mark.parametrize(("case", "choice", "objects"), [
    ("voltages_of_the_terminal", 1, [0x2000, 0x2001, 0x2004]), ("meters_lost_supply", 2, [0x3011]),
])  # fmt: skip
def test_a_report_is_confirmed_by_its_objects(case: str, choice: int, objects: list[int]) -> None:
    call = dlt698.read_call(golden.golden_frame("dlt698", case).body)
    assert isinstance(call, dlt698.Call)
    answer = decode_apdu(decode_frame(dlt698.answer_to(call, 0, 0)).payload)
    assert isinstance(answer, ReportResponse)
    assert (answer.choice, [oad.oi for oad in answer.attributes]) == (choice, objects)


def test_losses_and_log_ins_go_before_readings() -> None:
    urgent = {"login": True, "meters_lost_supply": True, "terminal_off_and_on": True, "minute_curve": False}
    for case, wanted in urgent.items():
        call = dlt698.read_call(golden.golden_frame("dlt698", case).body)
        assert isinstance(call, dlt698.Call)
        assert call.urgent is wanted


def test_heart_beats_that_are_all_the_same_all_count() -> None:
    frame = golden.golden_frame("dlt698", "login")
    later = replace(frame, received_ms=frame.received_ms + 300_000)
    assert dlt698.decode(frame).key != dlt698.decode(later).key
    assert not dlt698.decode(frame).named_by_content
