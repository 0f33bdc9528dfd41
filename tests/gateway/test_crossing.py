"""Between zones: what arrives equals what was sent, whatever died, came late, twice, altered or never."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.files.crossing_export import CrossingExport, evidence_rows, readings_rows
from gateway.adapters.files.crossing_import import CrossingImport, checked
from gateway.adapters.files.crossing_spool import spooled_rows
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.codecs import crossing as codec
from gateway.crossing import (
    EVIDENCE,
    READINGS,
    SPOOLED_READINGS,
    CrossingRefused,
    Head,
    Received,
    evidence_line,
    pack_received,
    parse_numbers,
    read_evidence,
    read_readings,
    readings_line,
    unpack_received,
)
from gateway.frames import Frame, Lane
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.evidence import Evidence, EvidenceKind, LoggedEvidence
from telemetry.readings import MISSING, Quality, ReadingBatch
from tests.gateway.file_site import FileSite, file_site

START_MS = 1_795_300_000_000
METERS = tuple(f"M{n}" for n in range(20))


def _batch(number: int) -> ReadingBatch:
    """Sparse, doubtful, wide and narrow by turns."""
    meters = METERS[number % 3 :]
    scaled = np.arange(2 * len(meters), dtype=np.int64).reshape(-1, 2) * 10**10 + number
    scaled[number % len(meters), 0] = MISSING
    doubts = np.zeros(scaled.shape, np.uint8)
    doubts[0, 1] = Quality.STALE if number % 2 else 0
    return ReadingBatch(
        "T1", "b1", number, START_MS + 1000 * number, START_MS + 1000 * number + 7, meters,
        ("voltage_a_v", "energy_import_kwh"), (1, 4), scaled, Quality(number % 2 * Quality.LATE), doubts,
    )  # fmt: skip


def _evidence(number: int) -> Evidence:
    voltage = number % 4 == 0
    return Evidence(
        EvidenceKind.VOLTAGE if voltage else EvidenceKind.POWER_OFF, START_MS + number, START_MS + number + 5,
        "T1", (f"M{number}", "米") if not voltage else ("M1",), f"T1/b1/{number}",
        ((230.5, None, 0.1),) if voltage else (),
    )  # fmt: skip


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[FileSite]:
    with file_site(tmp_path / "there") as site:
        yield site


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[FileSite]:
    with file_site(tmp_path / "here") as site:
        site.take_crossing = CrossingImport(site.folder).take
        yield site


def _say(site: FileSite, numbers: Sequence[int]) -> None:
    site.evidence.append([_evidence(number) for number in numbers])
    site.readings.write([_batch(number) for number in numbers])


def _export(site: FileSite, out: Path, max_bytes: int = 4_000) -> list[Path]:
    export = CrossingExport(site.folder, out, max_bytes)
    feed = EmbeddedFeed(site.folder / "readings")
    made = export.export(EVIDENCE, evidence_rows(site.evidence))
    made += export.export(READINGS, readings_rows(feed.after))
    return [file.path for file in made]


def _carry(files: Sequence[Path], site: FileSite) -> None:
    for file in files:
        site.drop(file.name, file.read_bytes(), folder="crossing")
    site.read()


def _same(here: FileSite, there: FileSite) -> None:
    assert [row.evidence for row in here.facts()] == [row.evidence for row in there.facts()]
    assert there.facts()
    for meter in METERS:
        assert here.readings.series(meter, 0, 2**52) == there.readings.series(meter, 0, 2**52)
    assert here.readings.latest(METERS) == there.readings.latest(METERS)
    assert there.readings.latest(METERS)


def test_a_round_trip_is_equal_row_for_row(sender: FileSite, receiver: FileSite, tmp_path: Path) -> None:
    _say(sender, range(60))
    files = _export(sender, tmp_path / "out")
    assert len(files) > 6
    assert all(file.stat().st_size < 8_000 for file in files)
    _carry(files, receiver)
    _same(receiver, sender)
    _say(sender, range(60, 70))
    more = _export(sender, tmp_path / "out")
    assert checked(more[0])[0].number > 1
    _carry(more, receiver)
    _same(receiver, sender)
    assert not (receiver.folder / "crossing" / "gaps.json").read_text().strip("[]\n")
    assert receiver.refused() == {}
    assert _export(sender, tmp_path / "out") == []


def test_readings_of_the_spool_cross_where_the_store_knows_no_order(
    sender: FileSite, receiver: FileSite, tmp_path: Path
) -> None:
    """As with InfluxDB: committed frames are decoded again; the batches of one frame stay together."""
    curve = ",".join(f"{230 + point / 10:.1f}" for point in range(96))
    clocks = ",".join(f"{point // 4:02}:{point % 4 * 15:02}" for point in range(96))
    lines = [f"{meter},2026-11-20,A相电压,{curve}" for meter in range(1, 250)]
    sender.drop("load_curve.csv", "\n".join([f"表号,日期,数据项,{clocks}", *lines]))
    sender.read()
    lane = Lane.BACKFILL
    ledger = SqlLedger(sender.engine, "test")

    def cursor() -> int:
        return ledger.cursor(lane)

    rows = spooled_rows(sender.spools[lane], cursor, sender.decode, list)
    export = CrossingExport(sender.folder, tmp_path / "out", 50_000)
    made = export.export(SPOOLED_READINGS[lane], rows)
    assert len(made) > 1
    assert sum(file.rows for file in made) == 96 * len(made)
    assert export.export(SPOOLED_READINGS[lane], rows) == []
    _carry([file.path for file in made], receiver)
    for meter in ("000000000001", "000000000249"):
        series = receiver.readings.series(meter, 0, 2**52)
        assert series == sender.readings.series(meter, 0, 2**52)
        assert len(series) == 96


def test_what_is_missing_is_named_and_sent_again_in_any_order(
    sender: FileSite, receiver: FileSite, tmp_path: Path
) -> None:
    _say(sender, range(60))
    files = _export(sender, tmp_path / "out", 2_000)
    lost = [file for file in files if checked(file)[0].number in {2, 3}]
    _carry([file for file in reversed(files) if file not in lost], receiver)
    gaps = json.loads((receiver.folder / "crossing" / "gaps.json").read_text())
    assert [(gap["stream"], gap["first"], gap["last"]) for gap in gaps] == [
        (EVIDENCE, 2, 3),
        (READINGS, 2, 3),
    ]
    export = CrossingExport(sender.folder, tmp_path / "again")
    again = [path for stream in (READINGS, EVIDENCE) for path in export.resend(stream, parse_numbers("2-3"))]
    assert sorted(path.read_bytes() for path in again) == sorted(path.read_bytes() for path in lost)
    _carry([*reversed(again), files[0]], receiver)
    key = {row.evidence.key: row.evidence for row in receiver.facts()}
    assert key == {row.evidence.key: row.evidence for row in sender.facts()}
    for meter in METERS:
        assert receiver.readings.series(meter, 0, 2**52) == sender.readings.series(meter, 0, 2**52)
    assert json.loads((receiver.folder / "crossing" / "gaps.json").read_text()) == []
    with pytest.raises(CrossingRefused, match="not kept"):
        export.resend(EVIDENCE, parse_numbers("999"))


def _altered(content: bytes, kind: str) -> bytes:
    lines = content.split(b"\n")
    if kind == "row":
        return content.replace(b"M7", b"M8", 1)
    if kind == "cut":
        return b"\n".join(lines[:-2]) + b"\n"
    if kind == "torn":
        return content[:-20]
    if kind == "row_left_out":
        return b"\n".join([lines[0], *lines[2:]])
    return content.replace(b"gridcrew-crossing/1", b"gridcrew-crossing/9", 1)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("row", "it was altered"),
        ("cut", "the file was cut off"),
        ("torn", "the file was cut off"),
        ("row_left_out", "it was altered"),
        ("version", "expected format gridcrew-crossing/1"),
    ],
)
def test_an_altered_file_is_refused_and_then_missing(
    sender: FileSite, receiver: FileSite, tmp_path: Path, kind: str, reason: str
) -> None:
    _say(sender, range(40))
    files = [file for file in _export(sender, tmp_path / "out") if EVIDENCE in file.name]
    files[0].write_bytes(_altered(files[0].read_bytes(), kind))
    _carry(files, receiver)
    refused = receiver.refused()
    assert reason in refused[f"{files[0].name}.reasons.txt"]
    assert json.loads((receiver.folder / "crossing" / "gaps.json").read_text())[0]["first"] == 1


def test_a_file_that_does_not_fit_the_chain_is_refused() -> None:
    def head(number: int, previous: str) -> Head:
        return Head("gridcrew-crossing/1", "abc", EVIDENCE, number, 1, 2, previous, 0)

    received = Received()
    received.add(head(1, ""), "a")
    received.add(head(4, "c"), "d")
    assert received.judge(head(2, "a"), "b") is None
    assert "chain is broken" in (received.judge(head(2, "x"), "b") or "")
    assert "chain is broken" in (received.judge(head(3, "b"), "x") or "")
    assert received.judge(head(3, "b"), "c") is None
    assert received.judge(head(1, ""), "a") == ""
    assert "another content" in (received.judge(head(1, ""), "b") or "")
    assert received.gaps() == [{"installation": "abc", "stream": EVIDENCE, "first": 2, "last": 3}]


EXPORT = """
import sys
from pathlib import Path
from gateway.adapters.files.crossing_export import CrossingExport, evidence_rows
from geo.adapters.database import open_database
from telemetry.adapters.evidence_log import SqlEvidenceLog
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
log = SqlEvidenceLog(open_database(str(folder), "gateway"))
CrossingExport(folder, out, 2_000).export("evidence", evidence_rows(log))
"""


@pytest.mark.parametrize("place", ["crossing_before_write", "crossing_after_write", "crossing_after_copy"])
def test_it_goes_on_exactly_after_death(
    sender: FileSite, receiver: FileSite, tmp_path: Path, place: str
) -> None:
    _say(sender, range(40))
    out = tmp_path / "out"
    for fault in (f"{place}:2", f"{place}:1", ""):
        process = subprocess.run(
            [sys.executable, "-c", EXPORT, str(sender.folder), str(out)],
            env=os.environ | {"GRIDCREW_FAULT": fault},
            check=False,
        )
        assert (process.returncode == 0) == (not fault)
    files = sorted(out.glob("*.jsonl"))
    heads = [checked(file)[0] for file in files]
    assert [head.number for head in heads] == list(range(1, len(files) + 1))
    assert [head.first for head in heads[1:]] == [head.last + 1 for head in heads[:-1]]
    assert heads[-1].last == 40
    _carry(files, receiver)
    assert [row.evidence for row in receiver.facts()] == [row.evidence for row in sender.facts()]
    assert not list(out.glob("*.part"))


@given(st.binary(max_size=200), st.sampled_from(["a/evidence/1#2", "a/readings/1#2", "a/b", ""]))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_refused_and_never_raise(body: bytes, topic: str) -> None:
    for content in (body, codec.fold([body])):
        assert codec.decode(Frame(topic, content, START_MS, "crossing:a")).refusal


@given(st.integers(0, 2**63 - 1), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_rows_are_the_same_after_the_way(seq: int, number: int) -> None:
    fact = _evidence(number)
    assert read_evidence(evidence_line(LoggedEvidence(number, fact))) == fact
    batch = _batch(number)
    found = read_readings(readings_line(seq, batch))
    assert np.array_equal(found.scaled, batch.scaled)
    assert found.doubts is not None
    assert batch.doubts is not None
    assert np.array_equal(found.doubts, batch.doubts)
    assert (found.terminal, found.meters, found.quality) == (batch.terminal, batch.meters, batch.quality)


@given(st.lists(st.integers(1, 30), max_size=40))
@settings(max_examples=60, deadline=None)
def test_gaps_are_what_has_not_arrived(numbers: list[int]) -> None:
    received = Received()
    for number in numbers:
        received.add(Head("f", "abc", READINGS, number, 0, 0, "", 0), str(number))
    received = unpack_received(pack_received(received))
    missing = {
        number
        for gap in received.gaps()
        for number in range(int(str(gap["first"])), int(str(gap["last"])) + 1)
    }
    assert missing == set(range(1, max(numbers, default=0) + 1)) - set(numbers)
