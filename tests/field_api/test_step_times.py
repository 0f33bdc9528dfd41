"""When a step was taken: two clocks and what the server witnessed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.deadlines.step_times import TOLERANCE_MS, StepTime, TimeSource, happened, happened_times
from field_api.orders.work import HistoryEntry

HOUR = 3_600_000
T0 = 1_795_300_000_000


def _entry(at: int, device: int | None, offset: int | None) -> HistoryEntry:
    return HistoryEntry(1, 1, "arrive", T0 + at, "x", "x", device_ms=device, offset_ms=offset)


def test_a_phone_an_hour_behind_is_corrected() -> None:
    """Arrived at half past, by a clock that showed an hour less, received two hours later."""
    entry = _entry(2 * HOUR, T0 + HOUR // 2 - HOUR, HOUR)
    assert (happened(T0, entry).at_ms, happened(T0, entry).source) == (T0 + HOUR // 2, TimeSource.DEVICE)


@pytest.mark.parametrize(
    ("device", "offset", "source"),
    [
        (None, None, TimeSource.SERVER),
        (T0 + HOUR, None, TimeSource.NO_OFFSET),
        (T0 - HOUR, 0, TimeSource.IMPLAUSIBLE),
        (T0 + 3 * HOUR, 0, TimeSource.IMPLAUSIBLE),
        (T0 + HOUR, 2 * HOUR, TimeSource.IMPLAUSIBLE),
    ],
)
def test_what_is_not_proved_counts_as_of_its_reception(
    device: int | None, offset: int | None, source: TimeSource
) -> None:
    found = happened(T0, _entry(2 * HOUR, device, offset))
    assert (found.at_ms, found.source) == (T0 + 2 * HOUR, source)


@pytest.mark.parametrize(("said", "counts"), [(-TOLERANCE_MS, 0), (HOUR + TOLERANCE_MS, HOUR)])
def test_a_little_outside_is_moved_inside(said: int, counts: int) -> None:
    found = happened(T0, _entry(HOUR, T0 + said, 0))
    assert (found.at_ms, found.source) == (T0 + counts, TimeSource.DEVICE)


def test_the_first_step_may_lie_before_anything_known() -> None:
    """A request written down on paper, entered the next day."""
    found = happened(None, _entry(24 * HOUR, T0, 0))
    assert (found.at_ms, found.source) == (T0, TimeSource.DEVICE)


def test_a_server_clock_that_was_set_back_takes_no_step_before_the_last() -> None:
    assert happened(T0 + HOUR, _entry(0, None, None)).at_ms == T0 + HOUR


def test_what_the_system_noted_is_no_witness() -> None:
    """The limit passed, was noted, and then a phone told of an arrival before it."""
    first = _entry(0, None, None)
    noted = replace(_entry(HOUR, None, None), sequence=2, step="overdue")
    arrival = replace(_entry(2 * HOUR, T0 + HOUR // 2, 0), sequence=3, revision=2)
    assert happened_times([first, noted, arrival])[2] == StepTime(T0 + HOUR // 2, TimeSource.DEVICE)


instants = st.integers(T0 - 10 * HOUR, T0 + 10 * HOUR)
entries = st.builds(
    _entry,
    st.integers(0, 10 * HOUR),
    st.none() | instants,
    st.none() | st.integers(-12 * HOUR, 12 * HOUR),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(entries, max_size=8))
def test_steps_never_go_back_and_never_after_their_reception(history: list[HistoryEntry]) -> None:
    history = [replace(entry, revision=number) for number, entry in enumerate(history, start=1)]
    found = happened_times(history)
    latest = 0
    for before, time, entry in zip([None, *found], found, history, strict=False):
        assert before is None or time.at_ms >= before.at_ms
        latest = max(latest, entry.at_ms)
        assert time.at_ms <= latest
        if time.source is not TimeSource.DEVICE:
            assert time.at_ms >= entry.at_ms
