"""The spool keeps raw frames, rolls its segments, and survives damage record by record."""

import os
import time
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.delivery.spool import OFFSET_BITS, SegmentSpool
from gateway.adapters.delivery.spool_former import FormerSpoolDamaged, take_over
from gateway.frames import Frame, Lane, SpooledFrame
from gateway.ports import SpoolUnavailable


def frames(first: int, last: int, size: int = 3_000) -> list[Frame]:
    return [
        Frame(f"gridcrew/v1/T{number}/readings", b"<%06d>" % number + os.urandom(size), 1_000 + number)
        for number in range(first, last)
    ]


def drained(spool: SegmentSpool, after: int = 0, limit: int = 7) -> list[SpooledFrame]:
    found: list[SpooledFrame] = []
    while group := spool.read(found[-1].position if found else after, limit):
        found.extend(group)
    return found


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    spool = SegmentSpool(tmp_path)
    sent = frames(0, 20)
    assert spool.read(0) == ()
    newest = [spool.append(sent[:12]), spool.append(sent[12:])][-1]
    found = drained(spool)
    assert [each.frame for each in found] == sent
    assert found[-1].position == newest
    assert not any(each.damage for each in found)
    assert (spool.pending(0), spool.pending(found[4].position), spool.pending(newest)) == (20, 15, 0)
    assert spool.read(newest) == ()
    spool.close()


def test_a_reader_beside_the_writer_sees_what_was_committed(tmp_path: Path) -> None:
    writer, reader = SegmentSpool(tmp_path), SegmentSpool(tmp_path)
    sent = frames(0, 30)
    seen: list[SpooledFrame] = []
    for start in range(0, 30, 3):
        position = writer.append(sent[start : start + 3])
        seen.extend(drained(reader, seen[-1].position if seen else 0))
        assert seen[-1].position == position
    assert [each.frame for each in seen] == sent
    writer.close()
    reader.close()


def test_a_page_holds_so_many_bytes_but_at_least_one_frame(tmp_path: Path) -> None:
    spool = SegmentSpool(tmp_path)
    sent = [*frames(0, 6), *frames(6, 7, size=20_000), *frames(7, 9)]
    spool.append(sent)
    pages, after = [], 0
    while page := spool.read(after, 100, most_bytes=10_000):
        pages.append([each.frame for each in page])
        after = page[-1].position
    assert [frame for page in pages for frame in page] == sent
    assert [len(page) for page in pages] == [3, 3, 1, 2]
    spool.close()


def test_segments_roll_by_size_and_age_and_are_unlinked_whole(tmp_path: Path) -> None:
    spool = SegmentSpool(tmp_path, segment_bytes=10_000)
    sent = frames(0, 20)
    for each in sent:
        spool.append([each])
    names = sorted(tmp_path.glob("*.frames"))
    assert len(names) == 5
    found = drained(spool)
    assert [each.frame for each in found] == sent
    assert spool.pending(0) == 20
    assert spool.forget(found[9].position, keep_s=3600) == 0, "stored, but not yet old"
    for name in names:
        os.utime(name, (time.time() - 7200, time.time() - 7200))
    assert spool.forget(found[9].position, keep_s=3600) == 2, "only what lies wholly before the position"
    assert [each.frame for each in drained(spool)] == sent[8:]
    spool.close()


def test_a_new_process_begins_a_new_segment(tmp_path: Path) -> None:
    first = SegmentSpool(tmp_path)
    position = first.append(frames(0, 3))
    second = SegmentSpool(tmp_path, segment_s=0.0)
    assert second.append(frames(3, 5)) >> OFFSET_BITS == (position >> OFFSET_BITS) + 1
    assert second.append(frames(5, 6)) >> OFFSET_BITS == (position >> OFFSET_BITS) + 2, "by age"
    assert len(drained(second)) == 6
    first.close()
    second.close()


def _flip(file: Path, mark: bytes) -> None:
    content = bytearray(file.read_bytes())
    place = content.find(mark)
    assert place > 0
    content[place + 20] ^= 0x40
    file.write_bytes(content)


def test_a_flipped_bit_costs_one_record(tmp_path: Path) -> None:
    """Fault 13: only the damaged record is set aside; what lies before and behind is delivered."""
    writer = SegmentSpool(tmp_path)
    sent = frames(0, 20)
    writer.append(sent)
    writer.close()
    (file,) = tmp_path.glob("*.frames")
    _flip(file, b"<000007>")
    reader = SegmentSpool(tmp_path)
    found = drained(reader)
    assert [number for number, each in enumerate(found) if each.damage] == [7]
    assert "checksum" in found[7].damage
    assert [each.frame for each in found if not each.damage] == sent[:7] + sent[8:]
    reader.close()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_byte_of_a_segment_can_stop_the_rest(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any page overwritten: every frame comes back either whole or named as damaged, in order."""
    folder = tmp_path_factory.mktemp("spool")
    writer = SegmentSpool(folder)
    sent = frames(0, 30, size=600)
    writer.append(sent)
    writer.close()
    (file,) = folder.glob("*.frames")
    content = bytearray(file.read_bytes())
    page = data.draw(st.integers(0, len(content) // 4096 - 1), label="page")
    content[page * 4096 : page * 4096 + 4096] = data.draw(st.sampled_from([b"\xff", b"\x00"])) * 4096
    file.write_bytes(content)
    later = SegmentSpool(folder)
    more = frames(30, 33)
    later.append(more)
    found = drained(later)
    whole = [each.frame for each in found if not each.damage]
    assert whole[-3:] == more, "the next segment is reached"
    assert set(whole) <= set(sent + more)
    assert whole == sorted(whole, key=lambda each: each.received_ms)
    lost = len(sent) + len(more) - len(whole)
    assert lost <= 12, "one page holds few records"
    later.close()


def test_a_torn_tail_costs_one_record(tmp_path: Path) -> None:
    """Fault 13: while its writer may live, a half-written record is waited for; then it is named, once."""
    writer = SegmentSpool(tmp_path)
    sent = frames(0, 10)
    writer.append(sent)
    (file,) = tmp_path.glob("*.frames")
    os.truncate(file, file.stat().st_size - 100)
    reader = SegmentSpool(tmp_path)
    assert [each.frame for each in drained(reader)] == sent[:9]
    assert reader.pending(0) == 9
    later = SegmentSpool(tmp_path)
    more = frames(10, 12)
    later.append(more)
    assert reader.pending(0) == 12
    found = drained(reader)
    assert [number for number, each in enumerate(found) if each.damage] == [9]
    assert [each.frame for each in found if not each.damage] == sent[:9] + more
    for spool in (writer, reader, later):
        spool.close()


@pytest.mark.parametrize("again", [0, 1], ids=["reading on", "after a restart"])
def test_a_damaged_head_costs_one_record(tmp_path: Path, again: int) -> None:
    """Fault 13: the length itself is damaged; a false head inside a body is not taken for the next one."""
    writer = SegmentSpool(tmp_path)
    sent = frames(0, 12, size=900)
    ends = [writer.append([each]) & (1 << OFFSET_BITS) - 1 for each in sent]
    (file,) = tmp_path.glob("*.frames")
    content = bytearray(file.read_bytes())
    content[ends[4] + 16] ^= 0x10
    head = content[ends[7] : ends[7] + 40]
    content[ends[5] + 200 : ends[5] + 240] = head[:8] + b"x" * 32
    file.write_bytes(content)
    reader = SegmentSpool(tmp_path)
    found = drained(reader, limit=5)
    if again:
        reader = SegmentSpool(tmp_path)
        found = [*found[:5], *drained(reader, after=found[4].position)]
    assert [number for number, each in enumerate(found) if each.damage] == [5, 6]
    assert len({each.position for each in found}) == 12
    assert reader.pending(found[4].position) == 7
    assert [each.frame for each in found[7:]] == sent[7:]
    writer.close()
    reader.close()


def test_a_failed_group_leaves_nothing_and_no_position_is_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader may have seen before it was taken back must not hide what comes later."""
    spool = SegmentSpool(tmp_path)
    first = spool.append(frames(0, 2))
    monkeypatch.setattr(os, "fdatasync", _refuse)
    with pytest.raises(SpoolUnavailable, match="input/output"):
        spool.append(frames(2, 40))
    monkeypatch.undo()
    sent = frames(40, 42)
    assert spool.append(sent) >> OFFSET_BITS > first >> OFFSET_BITS
    assert [each.frame for each in drained(spool)][-2:] == sent
    assert len(drained(spool)) == 4, "the refused group left nothing behind"
    assert spool.size_bytes() == sum(file.stat().st_size for file in tmp_path.iterdir())
    spool.close()


def _refuse(_descriptor: int) -> None:
    raise OSError(5, "input/output error")


def test_numbers_are_not_given_again_in_an_emptied_folder(tmp_path: Path) -> None:
    spool = SegmentSpool(tmp_path)
    cursor = spool.append(frames(0, 2))
    spool.close()
    for file in tmp_path.iterdir():
        file.unlink()
    time.sleep(1.1)
    again = SegmentSpool(tmp_path)
    again.append(frames(2, 3))
    assert len(drained(again, after=cursor)) == 1
    again.close()


def test_a_record_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    spool = SegmentSpool(tmp_path)
    sent = [Frame("t", os.urandom(9 * 2**20), 5), Frame("\udcff/x", b"", -1, "file:läge")]
    spool.append(sent)
    assert [each.frame for each in drained(spool)] == sent
    spool.close()


def _former_segment(file: Path, rows: list[tuple[int, str, bytes]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite.connect(file)
    connection.execute(
        "CREATE TABLE frames (row INTEGER PRIMARY KEY, topic TEXT NOT NULL, received_ms INTEGER NOT NULL, "
        "crc32 INTEGER NOT NULL, body BLOB NOT NULL)"
    )
    connection.executemany(
        "INSERT INTO frames VALUES (?, ?, 5, 0, ?)", [(row, topic, body) for row, topic, body in rows]
    )
    connection.commit()
    connection.close()


def test_frames_of_an_earlier_version_are_taken_over_once(tmp_path: Path) -> None:
    """An update of the program loses nothing that waited in the former spool."""
    events, readings = "gridcrew/v1/T1/events", "gridcrew/v1/T1/readings"
    _former_segment(tmp_path / "0000000001.spool", [(1, readings, b"stored")])
    _former_segment(
        tmp_path / "0000000002.spool", [(1, readings, b"stored"), (2, readings, b"r"), (3, events, b"e")]
    )
    _former_segment(tmp_path / "0000000003.spool", [(1, readings, b"last")])
    spools = {lane: SegmentSpool(tmp_path / lane) for lane in Lane}
    state = {"cursor": 2 << OFFSET_BITS | 1}
    assert take_over(tmp_path, spools, state) == 3
    assert [each.frame.body for each in drained(spools[Lane.BULK])] == [b"r", b"last"]
    assert [each.frame for each in drained(spools[Lane.EVENTS])] == [Frame(events, b"e", 5)]
    assert take_over(tmp_path, spools, state) == 0
    (tmp_path / "0000000004.spool").write_bytes(b"no database" * 1000)
    with pytest.raises(FormerSpoolDamaged, match="0000000004"):
        take_over(tmp_path, spools, state)
    for spool in spools.values():
        spool.close()
