"""Side by side: nothing lost, nothing long, one meter's writings of an instant in their order."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.adapters.line_protocol import LineWriter
from telemetry.adapters.line_runs import MAX_RUN_LINES, Run, side_by_side
from telemetry.readings import MISSING, ReadingBatch

ROSTERS = (("a", "b"), ("b", "c"), ("a",))


def batch(
    seq: int, at_ms: int, meters: tuple[str, ...] = ("a", "b"), terminal: str = "T", **more: tuple[str, ...]
) -> ReadingBatch:
    quantities = more.get("quantities", ("voltage_a_v",))
    scaled = np.full((len(meters), len(quantities)), seq, dtype=np.int64)
    return ReadingBatch(
        terminal, "b", seq, at_ms, at_ms, meters, quantities, (0,) * len(quantities), scaled
    )  # fmt: skip


def sequences(runs: list[Run]) -> list[list[int]]:
    return [[batch.seq for batch in run.batches] for run in runs]


def test_frames_of_one_terminal_stand_together() -> None:
    frames = [batch(n, n // 3, terminal=f"T{n % 3}") for n in range(9)]
    assert sequences(side_by_side((frame, False) for frame in frames)) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_other_meters_or_quantities_stand_apart() -> None:
    frames = [
        batch(1, 1), batch(2, 2, ("a", "c")), batch(3, 3, quantities=("current_a_a",)), batch(4, 4),
    ]  # fmt: skip
    assert sequences(side_by_side((frame, False) for frame in frames)) == [[1, 4], [2], [3]]


def test_a_restatement_does_not_overtake() -> None:
    frames = [batch(1, 7), batch(2, 7, ("b", "c")), batch(3, 7), batch(4, 8), batch(5, 8, ("b", "c"))]
    assert sequences(side_by_side((frame, False) for frame in frames)) == [[1], [2], [3, 4], [5]]


def test_a_run_has_its_limit() -> None:
    meters = tuple(f"m{n}" for n in range(MAX_RUN_LINES // 4))
    assert sequences(side_by_side((batch(n, n, meters), False) for n in range(10))) == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9],
    ]  # fmt: skip
    large = (*meters, *(f"n{n}" for n in range(MAX_RUN_LINES)))
    assert sequences(side_by_side((batch(n, n, large), False) for n in range(2))) == [[0], [1]]


frames_of = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1)), max_size=25)


@settings(max_examples=300, deadline=None)
@given(frames_of)
def test_what_is_written_last_is_what_was_said_last(said: list[tuple[int, int, int]]) -> None:
    frames = [
        batch(seq, at_ms, ROSTERS[roster], f"T{terminal}")
        for seq, (roster, at_ms, terminal) in enumerate(said)
    ]
    runs = side_by_side((frame, bool(frame.seq % 2)) for frame in frames)
    assert sorted(seq for run in sequences(runs) for seq in run) == list(range(len(frames)))
    orders: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for run in runs:
        assert run.explicit == [bool(frame.seq % 2) for frame in run.batches]
        for frame in run.batches:
            for meter in frame.meters:
                orders[frame.terminal, meter, frame.at_ms].append(frame.seq)
    assert all(order == sorted(order) for order in orders.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_each_line_has_its_author(answered: list[list[bool]]) -> None:
    meters = ("a", "b", "c")
    frames = [batch(seq, 100 + seq, meters) for seq in range(len(answered))]
    for frame, who in zip(frames, answered, strict=True):
        frame.scaled[~np.array(who)] = MISSING
    run = Run(frames, [False] * len(frames))
    writer = LineWriter()
    count = writer.add(run)
    lines = writer.take().decode().splitlines()
    assert count == len(lines) == sum(map(sum, answered))
    for place, line in enumerate(lines):
        frame, meter = run.author(place)
        tags = f"meter={meter},terminal=T"
        fields = f"received_ms={frame.at_ms}i,voltage_a_v={frame.seq}"
        assert line == f"reading,{tags} {fields} {frame.at_ms}"
