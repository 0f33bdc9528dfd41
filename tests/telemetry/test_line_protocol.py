"""Lines from scaled integers: exact numbers, ids that cannot break out, influxdb-client's points."""

import re
from dataclasses import replace
from decimal import Context, Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from telemetry.adapters.line_protocol import LineWriter, escaped, read_text, stored_text
from telemetry.adapters.line_runs import Run
from telemetry.readings import MISSING, Quality, ReadingBatch

AT_MS = 1_795_305_600_000
_EXACTLY = Context(prec=60)


def one(
    values: list[int], decimals: tuple[int, ...], meters: tuple[str, ...] = ("m1",), **more: object
) -> ReadingBatch:
    names = tuple(f"q{k}" for k in range(len(decimals)))
    scaled = np.array(values, dtype=np.int64).reshape(len(meters), len(decimals))
    return ReadingBatch("T1", "b", 1, AT_MS, AT_MS + 5, meters, names, decimals, scaled, **more)  # type: ignore[arg-type]


def lines_of(batch: ReadingBatch, *, explicit: bool = False) -> list[str]:
    writer = LineWriter()
    count = writer.add(Run([batch], [explicit]))
    lines = writer.take().decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == count
    return lines


def test_a_line_as_the_documentation_shows_it() -> None:
    batch = one([2301, 525], (1, 2))
    assert lines_of(batch) == [
        "reading,meter=m1,terminal=T1 received_ms=1795305600005i,q0=230.1,q1=5.25 1795305600000"
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 18)), min_size=1, max_size=12))
def test_every_number_is_exact(numbers: list[tuple[int, int]]) -> None:
    (line,) = lines_of(one([value for value, _ in numbers], tuple(decimals for _, decimals in numbers)))
    fields = dict(field.split("=") for field in line.split(" ")[1].split(","))
    for k, (value, decimals) in enumerate(numbers):
        expected = Decimal(value).scaleb(-decimals, _EXACTLY)
        assert Decimal(fields[f"q{k}"]) == expected
        assert ("." in fields[f"q{k}"]) == (decimals > 0)
        wide = fields.get(f"q{k}_exact")
        assert (wide is not None) == (abs(value) >= 10**15)
        assert wide is None or Decimal(wide.strip('"')) == expected
        if wide is None:
            assert Decimal(repr(float(expected))) == expected, "a double gives it back"


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_id_stays_one_tag_value(meter: str) -> None:
    (line,) = lines_of(one([1], (0,), (meter,)))
    assert read_text(stored_text(meter)) == meter
    tag = re.split(r"(?<!\\)[, ]", line, maxsplit=2)[1].removeprefix("meter=")
    assert read_text(re.sub(r"\\([, =])", r"\1", tag)) == meter
    assert len(re.findall(r"(?<!\\) ", line)) == 2, "tags, fields and time: nothing else"
    assert len(re.findall(r"(?<!\\),", line.split(" received_ms")[0])) == 2
    assert not re.search(r"[\x00-\x1f]", line)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_different_ids_stay_different(one_id: str, other_id: str) -> None:
    assert (escaped(one_id) == escaped(other_id)) == (one_id == other_id)


def test_the_same_points_as_the_client_makes() -> None:
    """But for what its Point drops or loses: empty tags, and digits beyond a double's."""
    batch = one([2301, -5, 0, 999_999], (1, 2, 4, 0), ("表 1,=",))
    point = Point("reading").tag("meter", "表 1,=").tag("terminal", "T1").time(AT_MS, "ms")  # type: ignore[no-untyped-call]
    for name, value in zip(batch.quantities, (230.1, -0.05, 0.0, 999_999.0), strict=True):
        point.field(name, value)
    point.field("received_ms", AT_MS + 5)
    theirs, ours = point.to_line_protocol(), lines_of(batch)[0]
    assert ours.split(" received_ms")[0] == theirs[: len(ours.split(" received_ms")[0])]
    assert _numbers(ours) == _numbers(theirs)


def _numbers(line: str) -> dict[str, Decimal]:
    fields = re.split(r"(?<!\\) ", line)[1].split(",")
    return {field.split("=")[0]: Decimal(field.split("=")[1].rstrip("i")) for field in fields}


def test_quality_stands_where_it_is_needed() -> None:
    doubts = np.array([[0, Quality.STALE]], dtype=np.uint8)
    assert "_q" not in lines_of(one([1, 2], (0, 0)))[0]
    assert "q0=1,q1=2,q1_q=4i" in lines_of(one([1, 2], (0, 0), doubts=doubts))[0]
    whole = one([1, 2], (0, 0), doubts=doubts, quality=Quality.LATE)
    assert "q0=1,q0_q=1i,q1=2,q1_q=5i" in lines_of(whole)[0]
    assert "q0=1,q0_q=0i,q1=2,q1_q=0i" in lines_of(one([1, 2], (0, 0)), explicit=True)[0]


def test_who_did_not_answer_has_no_line() -> None:
    found = lines_of(one([1, MISSING, MISSING, MISSING, MISSING, 6], (0, 0), ("a", "b", "c")))
    assert [line.split(",terminal")[0] for line in found] == ["reading,meter=a", "reading,meter=c"]
    assert "q1" not in found[0]
    assert "q0" not in found[1]


def test_large_batches_do_not_outgrow_the_buffer() -> None:
    writer = LineWriter()
    meters = tuple("m" * 60 + str(number) for number in range(20_000))
    batch = one([2**63 - 1] * 80_000, (0, 9, 18, 1), meters, quality=Quality.LATE)
    for _ in range(2):
        assert writer.add(Run([batch], [True])) == 20_000
    assert writer.take().count(b"\n") == 40_000
    assert writer.take() == b""


def test_a_run_is_written_meter_by_meter() -> None:
    doubts = np.array([[0, 4], [0, 0]], dtype=np.uint8)
    first = one([11, 12, 21, 22], (0, 1), ("a", "b"), doubts=doubts)
    second = replace(
        first, at_ms=AT_MS + 1, received_ms=AT_MS + 6, decimals=(1, 0), doubts=None, quality=Quality.LATE,
        scaled=np.array([[110, MISSING], [MISSING, MISSING]], dtype=np.int64),
    )  # fmt: skip
    third = replace(first, at_ms=AT_MS + 2, doubts=None)
    writer = LineWriter()
    assert writer.add(Run([first, second, third], [False, False, True])) == 5
    assert writer.take().decode().splitlines() == [
        f"reading,meter=a,terminal=T1 received_ms={AT_MS + 5}i,q0=11,q1=1.2,q1_q=4i {AT_MS}",
        f"reading,meter=a,terminal=T1 received_ms={AT_MS + 6}i,q0=11.0,q0_q=1i {AT_MS + 1}",
        f"reading,meter=a,terminal=T1 received_ms={AT_MS + 5}i,q0=11,q0_q=0i,q1=1.2,q1_q=0i {AT_MS + 2}",
        f"reading,meter=b,terminal=T1 received_ms={AT_MS + 5}i,q0=21,q1=2.2 {AT_MS}",
        f"reading,meter=b,terminal=T1 received_ms={AT_MS + 5}i,q0=21,q0_q=0i,q1=2.2,q1_q=0i {AT_MS + 2}",
    ]
