"""The spool keeps raw frames, rolls its segments, and survives damage record by record."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.spool import ROW_BITS, SqliteSpool
from gateway.frames import Frame, SpooledFrame
from gateway.ports import SpoolUnavailable


def frames(first: int, last: int, size: int = 3_000) -> list[Frame]:
    return [
        Frame(f"gridcrew/v1/T{number}/readings", b"<%06d>" % number + os.urandom(size), 1_000 + number)
        for number in range(first, last)
    ]


def drained(spool: SqliteSpool, after: int = 0, limit: int = 7) -> list[SpooledFrame]:
    found: list[SpooledFrame] = []
    while group := spool.read(found[-1].position if found else after, limit):
        found.extend(group)
    return found


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path)
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
    writer, reader = SqliteSpool(tmp_path), SqliteSpool(tmp_path)
    sent = frames(0, 30)
    seen: list[SpooledFrame] = []
    for start in range(0, 30, 3):
        position = writer.append(sent[start : start + 3])
        seen.extend(drained(reader, seen[-1].position if seen else 0))
        assert seen[-1].position == position
    assert [each.frame for each in seen] == sent
    writer.close()
    reader.close()


def test_segments_roll_by_size_and_age_and_are_unlinked_whole(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path, segment_bytes=10_000)
    sent = frames(0, 20)
    for each in sent:
        spool.append([each])
    names = sorted(tmp_path.glob("*.spool"))
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
    first = SqliteSpool(tmp_path)
    position = first.append(frames(0, 3))
    second = SqliteSpool(tmp_path, segment_s=0.0)
    assert second.append(frames(3, 5)) >> ROW_BITS == (position >> ROW_BITS) + 1
    assert second.append(frames(5, 6)) >> ROW_BITS == (position >> ROW_BITS) + 2, "by age"
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
    writer = SqliteSpool(tmp_path)
    sent = frames(0, 20)
    writer.append(sent)
    writer.close()
    (file,) = tmp_path.glob("*.spool")
    _flip(file, b"<000007>")
    reader = SqliteSpool(tmp_path)
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
    writer = SqliteSpool(folder)
    sent = frames(0, 30, size=600)
    writer.append(sent)
    writer.close()
    (file,) = folder.glob("*.spool")
    content = bytearray(file.read_bytes())
    page = data.draw(st.integers(2, len(content) // 4096 - 1), label="page")
    content[page * 4096 : page * 4096 + 4096] = data.draw(st.sampled_from([b"\xff", b"\x00"])) * 4096
    file.write_bytes(content)
    later = SqliteSpool(folder)
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


def test_a_full_disk_is_said_so_and_the_spool_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path)
    spool.append(frames(0, 2))
    assert spool._writer is not None
    spool._writer._connection.execute("PRAGMA max_page_count=4")
    with pytest.raises(SpoolUnavailable, match="full"):
        spool.append(frames(2, 40))
    sent = frames(40, 42)
    spool.append(sent)
    assert [each.frame for each in drained(spool)][-2:] == sent
    assert len(drained(spool)) == 4, "the refused group left nothing behind"
    spool.close()
