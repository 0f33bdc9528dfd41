"""Sorting out frames: conservation, names, and time windows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.frames import Decoded, Frame, SpooledFrame
from gateway.ingest import SAME_CONTENT_MS, Entry, sort_out
from gateway.registry import Registry


def entry(
    position: int,
    key: str,
    received_ms: int = 0,
    *,
    refusal: str = "",
    nameless: bool = False,
    damage: str = "",
) -> Entry:
    spooled = SpooledFrame(position, Frame("t", b"", received_ms), damage)
    return Entry(spooled, Decoded(key, "T1", refusal=refusal, named_by_content=nameless))


ENTRIES = st.lists(
    st.builds(
        entry, st.integers(1, 99), st.sampled_from("abcd"), st.integers(0, 3 * SAME_CONTENT_MS),
        refusal=st.sampled_from(["", "bad"]), nameless=st.booleans(),
        damage=st.sampled_from(["", "", "torn"]),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ENTRIES, st.dictionaries(st.sampled_from("abcd"), st.integers(0, 1000)))
def test_conservation(entries: list[Entry], seen: dict[str, int]) -> None:
    """received = new + duplicate; new = stored + dead; what is dead has a problem and what is stored none."""
    result = sort_out(entries, seen)
    assert len(entries) == result.new + result.duplicate
    assert result.new == len(result.stored) + len(result.dead)
    assert all(dead.problem for dead in result.dead)
    assert not any(stored.problem for stored in result.stored)
    names = [each.names()[0] for each in (*result.stored, *result.dead)]
    assert len(names) == len(set(names))
    assert not set(names) & set(seen)


@settings(max_examples=100, deadline=None)
@given(ENTRIES)
def test_the_same_group_again_is_all_duplicate(entries: list[Entry]) -> None:
    first = sort_out(entries, {})
    seen = {each.names()[0]: each.received_ms for each in (*first.stored, *first.dead)}
    assert sort_out(entries, seen).duplicate == len(entries)


def test_a_named_frame_is_the_same_for_ever_a_nameless_one_for_ten_minutes() -> None:
    named = [entry(1, "k", 0), entry(2, "k", 10 * SAME_CONTENT_MS)]
    assert sort_out(named, {}).duplicate == 1
    near = [entry(1, "#", 1, nameless=True), entry(2, "#", 1 + SAME_CONTENT_MS, nameless=True)]
    assert sort_out(near, {}).duplicate == 1
    far = [entry(1, "#", 1, nameless=True), entry(2, "#", 2 + SAME_CONTENT_MS, nameless=True)]
    assert sort_out(far, {}).duplicate == 0


def test_a_silent_terminal_is_named_once_and_again_only_after_it_spoke() -> None:
    registry = Registry(overdue_s=90)
    registry.expect(["T2", "T1", "T3"], now_s=0)
    registry.expect(["T3"], now_s=60)
    registry.dismiss(["T2"])
    assert registry.overdue(now_s=90) == ()
    assert registry.overdue(now_s=90.1) == ("T1",)
    assert registry.overdue(now_s=149) == ()
    registry.restart(now_s=149)
    assert registry.overdue(now_s=200) == (), "we were deaf until 149"
    assert registry.overdue(now_s=240) == ("T3",)
    registry.expect(["T1"], now_s=240)
    assert registry.overdue(now_s=331) == ("T1",)
