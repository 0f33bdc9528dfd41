"""DL/T 645 frames: what they must become (``cases/dlt645``), and what no stretch of bytes may do."""

import pytest
from dlt645.protocol.protocol import DLT645Protocol
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.codecs import dlt645, dlt645_wrapped
from gateway.codecs.dlt645_frames import LONGEST_FRAME, build, build_read, build_read_next, find_frames
from gateway.codecs.dlt645_items import ITEMS, read_digits
from gateway.contract.topics import DLT645, topic
from gateway.frames import Frame
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING
from tests.gateway import golden

ADDRESS = "123456789012"


@pytest.mark.parametrize("case", golden.cases("dlt645"))
def test_golden(case: str) -> None:
    assert golden.has_source("dlt645", case)
    decoded = dlt645.decode(golden.golden_frame("dlt645", case))
    assert golden.plain(decoded) == golden.expected("dlt645", case)


@pytest.mark.parametrize("case", golden.cases("dlt645_wrapped"))
def test_golden_wrapped(case: str) -> None:
    assert golden.has_source("dlt645_wrapped", case)
    decoded = dlt645_wrapped.decode(golden.golden_frame("dlt645_wrapped", case), "T1")
    assert golden.plain(decoded) == golden.expected("dlt645_wrapped", case)


def test_requests_are_those_of_the_foreign_library() -> None:
    """Golden request of the domain facts (section 4.1), and the library's own reading of ours."""
    ua = bytes.fromhex("FEFEFEFE6812907856341268110433343435 6B16")
    assert build_read(ADDRESS, 0x02010100) == ua
    frame = DLT645Protocol.deserialize(build_read_next(ADDRESS, 0x0201FF00, 3))
    assert frame is not None
    assert (frame.ctrl_code, bytes(frame.data)) == (0x12, bytes.fromhex("00ff010203"))


@given(st.binary(max_size=40), st.binary(max_size=60), st.binary(max_size=255), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
@example(b"", b"", b"", 0)
def test_a_frame_is_found_between_any_bytes(before: bytes, behind: bytes, data: bytes, preamble: int) -> None:
    """Resynchronisation: whatever precedes a frame costs at most bytes that might have been one."""
    wire = build(ADDRESS, 0x91, data, preamble)
    found = find_frames(before.replace(b"\x68", b"") + wire + behind)
    assert found.frames[0].address == ADDRESS
    assert found.frames[0].data == data
    whole = sum(map(len, found.raw))
    assert whole + found.skipped + len(found.rest) <= len(before) + len(wire) + len(behind)
    assert len(found.rest) <= LONGEST_FRAME


@given(st.binary(max_size=20), st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.data())
@settings(max_examples=100, deadline=None)
def test_a_stream_in_pieces_is_the_same_stream(
    noise: bytes, bodies: list[bytes], data: st.DataObject
) -> None:
    stream = noise.replace(b"\x68", b"") + b"".join(build(ADDRESS, 0x91, body) for body in bodies)
    rest = b""
    heard: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found = find_frames(rest + stream[:size])
        heard += [frame.data for frame in found.frames]
        rest, stream = found.rest, stream[size:]
    assert heard == bodies


def test_a_false_start_does_not_hide_the_frame_behind_it() -> None:
    """68 … 68 with length FFh promises 267 bytes that never come; the library's own parser waits for them."""
    false = bytes.fromhex("68 00 00 00 00 00 00 68 91 ff".replace(" ", ""))
    stream = false + build(ADDRESS, 0x91, b"\x01")
    assert DLT645Protocol.deserialize_with_remaining(stream)[1] is None
    assert [frame.data for frame in find_frames(stream).frames] == [b"\x01"]


@given(st.integers(0, 79_999_999))
def test_digits_are_exact_both_ways(number: int) -> None:
    raw = bytearray(bytes.fromhex(f"{number:08d}")[::-1])
    assert read_digits(bytes(raw), signed=True) == number
    raw[-1] |= 0x80
    assert read_digits(bytes(raw), signed=True) == -number


def test_the_table_fits_the_catalogue() -> None:
    """Every item is a quantity, and as fine as the catalogue keeps it: no value is rounded."""
    for items in ITEMS.values():
        for item in items:
            assert not item.quantity or item.decimals == CATALOGUE[item.quantity].decimals
    assert read_digits(b"\xff\xff") == MISSING
    assert read_digits(b"\x0a\x00") is None


def test_a_loss_record_read_twice_or_on_two_paths_is_one_fact() -> None:
    direct = golden.golden_frame("dlt645", "loss_records")
    passed_on = Frame(topic("T9", DLT645), direct.body.hex().encode(), golden.RECEIVED_MS + 99_000)
    one, other = dlt645.decode(direct), dlt645_wrapped.decode(passed_on, "T9")
    losses = [{fact.key for fact in told.evidence if fact.kind != "alive"} for told in (one, other)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 4


def test_addresses_become_the_networks_ids() -> None:
    frame = golden.golden_frame("dlt645", "one_poll")
    decoded = dlt645.decode(frame, lambda address: f"meter-{address[-2:]}")
    assert decoded.batches[0].meters == ("meter-12",)
    assert decoded.devices[0].foreign_id == ADDRESS


def test_two_polls_with_the_same_answers_are_two_frames() -> None:
    frame = golden.golden_frame("dlt645", "one_poll")
    later = Frame(frame.topic, frame.body, frame.received_ms + 60_000)
    assert dlt645.decode(frame).key != dlt645.decode(later).key
    assert dlt645.decode(frame).key == dlt645.decode(frame).key


def test_what_is_urgent_is_told_by_its_content() -> None:
    for case, urgent in (("json_named", True), ("json", False), ("bytes", False), ("odd_digits", False)):
        assert dlt645_wrapped.is_urgent(golden.golden_frame("dlt645_wrapped", case)) is urgent
