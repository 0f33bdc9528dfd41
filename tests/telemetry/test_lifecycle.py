"""The rules of an outage's life, one by one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.findings import Count, Finding
from telemetry.lifecycle import (
    RETELL_MS,
    SAME_ONSET_MS,
    Tracked,
    closed,
    confirmed,
    explained,
    merged,
    opened,
    opens,
    outage_id,
    resumed,
    retracted,
    revision_of,
    worth_telling,
)
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.signs import Signs
from telemetry.tracking import pair

NOW = 1_764_000_000_000
MANY = Signs(
    last_gasps=9,
    returned=0,
    alive_after=0,
    silent=0,
    calls=0,
    terminal_off=1,
    terminal_alive=0,
    terminal_silent=0,
)
LONE = replace(MANY, last_gasps=1, terminal_off=0)
FINDING = Finding(
    part=slice(10, 20), cause=Cause("L1", "line", ("L1", "F1")), probability=0.95, dead=0.999, onset_ms=NOW,
    signs=MANY, count=Count(8.5, 7, 9), cut=("L1",),
)  # fmt: skip
WIDER = replace(FINDING, part=slice(5, 40), cause=Cause("L0", "line", ("L0",)), cut=("L0",))


def _revision(tracked: Tracked, now_ms: int = NOW) -> OutageRevision:
    return revision_of(tracked, now_ms, "0123456789abcdef", ())


def _told(tracked: Tracked, now_ms: int = NOW) -> Tracked:
    return replace(tracked, told=_revision(tracked, now_ms))


OPEN = _told(opened(FINDING, "O-1", NOW))


def test_ids_are_deterministic_and_name_the_day() -> None:
    identifier = outage_id("abc", "L1", NOW)
    assert identifier == outage_id("abc", "L1", NOW)
    assert identifier.startswith("O-20251124-")
    others = {outage_id("abc", "L2", NOW), outage_id("abd", "L1", NOW), outage_id("abc", "L1", NOW, 1)}
    assert len(others | {identifier}) == 4


@pytest.mark.parametrize(
    ("changed", "does"),
    [({}, True), ({"dead": 0.9}, False), ({"signs": LONE}, False), ({"probability": 0.5}, True)],
)
def test_only_a_dead_place_with_more_than_one_sign_opens(changed: dict[str, object], does: bool) -> None:
    assert opens(replace(FINDING, **changed)) is does  # type: ignore[arg-type]


def test_a_stable_cause_is_confirmed_after_three_seconds_and_a_certain_one_at_once() -> None:
    likely = replace(OPEN, probability=0.93)
    assert confirmed(likely, NOW + 2_999, 3_000).state is OutageState.SUSPECTED
    assert confirmed(likely, NOW + 3_000, 3_000).state is OutageState.CONFIRMED
    certain = replace(OPEN, probability=0.99)
    assert confirmed(certain, NOW, 3_000).state is OutageState.CONFIRMED


def test_a_lone_sign_is_never_confirmed() -> None:
    assert (
        confirmed(replace(OPEN, signs=LONE, probability=1.0), NOW + 9_000, 3_000).state
        is OutageState.SUSPECTED
    )


def test_growth_keeps_the_id_and_starts_the_wait_anew() -> None:
    grown = explained(OPEN, WIDER, NOW + 2_000)
    assert (grown.outage_id, grown.cause.element, grown.since_ms) == ("O-1", "L0", NOW + 2_000)
    assert explained(grown, WIDER, NOW + 4_000).since_ms == NOW + 2_000


def test_dead_again_after_a_partial_return_began_when_it_began() -> None:
    again = explained(OPEN, replace(WIDER, onset_ms=NOW + SAME_ONSET_MS + 1), NOW + 400_000)
    assert again.started_at_ms == NOW


def test_an_end_is_never_before_the_beginning() -> None:
    assert closed(OPEN, NOW - 5_000).restored_at_ms == NOW


@pytest.mark.parametrize("end", [retracted(OPEN, 0.1), merged(OPEN, "O-0"), closed(OPEN, NOW + 1)])
def test_what_has_ended_has_no_cut(end: Tracked) -> None:
    assert (end.cut, end.is_open) == ((), False)
    assert worth_telling(_revision(end), OPEN.told)


def test_small_changes_are_not_told_and_large_ones_not_too_often() -> None:
    moved = replace(OPEN, count=Count(4.0, 3, 5))
    assert not worth_telling(_revision(moved, NOW + RETELL_MS - 1), OPEN.told)
    assert worth_telling(_revision(moved, NOW + RETELL_MS), OPEN.told)
    nudged = replace(OPEN, count=Count(8.0, 7, 9))
    assert not worth_telling(_revision(nudged, NOW + 3_600_000), OPEN.told)


def test_a_published_outage_is_taken_up_as_it_was() -> None:
    before = _told(confirmed(replace(OPEN, probability=1.0), NOW, 3_000))
    assert before.told is not None
    again = resumed(before.told)
    assert replace(again, signs=before.signs, dead=before.dead, living_since_ms=0) == before


def test_findings_around_an_outage_are_it_grown_and_the_younger_ones_merge_into_the_eldest() -> None:
    younger = replace(OPEN, outage_id="O-2")
    pairing = pair([OPEN, younger], [slice(10, 20), slice(22, 30)], [WIDER])
    assert pairing.grown == {"O-1": WIDER}
    assert pairing.swallowed == {"O-2": "O-1"}


def test_a_fault_of_another_hour_is_an_outage_of_its_own() -> None:
    later = replace(WIDER, onset_ms=NOW + SAME_ONSET_MS + 1)
    pairing = pair([OPEN], [slice(10, 20)], [later])
    assert (pairing.grown, pairing.fresh) == ({}, [later])


def test_a_doubtful_wider_finding_changes_nothing() -> None:
    doubtful = replace(WIDER, dead=0.7)
    pairing = pair([OPEN], [slice(10, 20)], [doubtful])
    assert (pairing.grown, pairing.swallowed, pairing.fresh) == ({}, {}, [])


PARTS = st.lists(
    st.integers(0, 6).map(lambda n: slice(2**n, 2 ** (n + 1))), max_size=5, unique_by=lambda s: s.start
)


@settings(max_examples=60, deadline=None)
@given(parts=PARTS, starts=st.lists(st.integers(0, 6), max_size=5, unique=True))
def test_every_finding_goes_somewhere_and_no_outage_is_two_things(
    parts: list[slice], starts: list[int]
) -> None:
    tracked = [replace(OPEN, outage_id=f"O-{n}") for n in range(len(parts))]
    found = [replace(FINDING, part=slice(2**n, 2 ** (n + 1))) for n in starts]
    pairing = pair(tracked, parts, found)
    inside = sum(len(inner) for inner in pairing.inside.values())
    assert len(pairing.grown) + inside + len(pairing.fresh) == len(found)
    assert not set(pairing.grown) & set(pairing.swallowed)
