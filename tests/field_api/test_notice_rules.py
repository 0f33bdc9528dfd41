"""When notices may leave: dwell, quiet hours, one click for large scopes, planned work in time (NTF-01)."""

from datetime import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.calendars import local
from field_api.instants import MINUTE_MS
from field_api.notices.alerts import NoticeKind
from field_api.notices.control import ChannelState, Verdict, is_down
from field_api.notices.planned_work import plan_notice
from field_api.notices.rules import (
    AT_ONCE,
    DAY_MS,
    HOUR_MS,
    Fate,
    NoticeRules,
    Size,
    Urgency,
    after_quiet_ms,
    fate,
    send_from_ms,
    undisturbed_ms,
)
from telemetry.planned_work import PlannedWork

RULES = NoticeRules()
NOON_MS = 1_795_320_000_000
"""2026-11-22 12:00 in Shanghai."""
NIGHT_MS = NOON_MS + 11 * HOUR_MS
OUTAGE = NoticeKind.OUTAGE


def _verdict(approved: bool, customers: int) -> Verdict:
    return Verdict("k", "i", approved, customers, 0, "u", "U", "")


@pytest.mark.parametrize(
    ("customers", "keys", "verdict", "expected"),
    [
        (499, 0, None, Fate.SEND),
        (500, 0, None, Fate.ASK),
        (1, 1, None, Fate.ASK),
        (900, 0, _verdict(True, 450), Fate.SEND),
        (901, 0, _verdict(True, 450), Fate.ASK),
        (900, 1, _verdict(False, 600), Fate.SKIP),
        (1300, 0, _verdict(False, 600), Fate.ASK),
    ],
)
def test_large_and_key_scopes_wait_for_one_click(
    customers: int, keys: int, verdict: Verdict | None, expected: Fate
) -> None:
    assert fate(RULES, Size(customers, keys), verdict) is expected
    assert fate(AT_ONCE, Size(customers, keys), None) is Fate.SEND


def test_first_words_wait_for_a_reclose_and_later_ones_do_not() -> None:
    assert send_from_ms(RULES, OUTAGE, Urgency.KEY, False, NOON_MS - 3_000, NOON_MS) == NOON_MS + 57_000
    assert send_from_ms(RULES, OUTAGE, Urgency.KEY, False, NOON_MS - DAY_MS, NOON_MS) == NOON_MS
    restored = send_from_ms(RULES, NoticeKind.RESTORED, Urgency.KEY, False, NOON_MS, NOON_MS)
    assert restored == NOON_MS


@pytest.mark.parametrize(
    ("urgency", "safety", "waits"),
    [
        (Urgency.KEY, False, False),
        (Urgency.VULNERABLE, False, False),
        (Urgency.LIAISON, False, True),
        (Urgency.EVERYBODY, False, True),
        (Urgency.EVERYBODY, True, False),
    ],
)
def test_the_night_is_quiet_but_for_those_who_need_it(urgency: Urgency, safety: bool, waits: bool) -> None:
    from_ms = send_from_ms(RULES, NoticeKind.RESTORED, urgency, safety, NIGHT_MS, NIGHT_MS)
    assert from_ms == (NIGHT_MS + 8 * HOUR_MS if waits else NIGHT_MS)


@given(st.integers(0, 2 * DAY_MS), st.times(), st.times())
@settings(max_examples=200, deadline=None)
def test_no_quiet_instant_is_ever_chosen(offset_ms: int, begins: time, ends: time) -> None:
    rules = NoticeRules(quiet_from=begins, quiet_until=ends)
    at_ms = NOON_MS + offset_ms
    from_ms = after_quiet_ms(rules, at_ms)
    assert at_ms <= from_ms <= at_ms + DAY_MS
    clock = local(from_ms).time()
    if from_ms != at_ms:
        assert clock == ends.replace(microsecond=ends.microsecond // 1000 * 1000)
    elif begins != ends:
        inside = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        assert not inside


@given(st.integers(0, 2 * DAY_MS), st.sampled_from(Urgency), st.booleans())
@settings(max_examples=100, deadline=None)
def test_whoever_is_spared_when_it_is_queued_is_spared_at_each_attempt(
    offset_ms: int, urgency: Urgency, safety: bool
) -> None:
    """A retry falls at any time: what was fit to queue at an instant is fit to send then, and no other is."""
    at_ms = NIGHT_MS + offset_ms
    queued_ms = send_from_ms(RULES, NoticeKind.RESTORED, urgency, safety, at_ms, at_ms)
    wakes_ms = undisturbed_ms(RULES, urgency, safety, at_ms)
    assert wakes_ms == queued_ms
    assert undisturbed_ms(RULES, urgency, safety, wakes_ms) == wakes_ms, "put off once, not again and again"


def test_planned_work_is_told_seven_days_ahead_and_later_ones_at_once() -> None:
    def told(said_ms: int) -> tuple[NoticeKind, int, bool]:
        how = plan_notice(RULES, PlannedWork("T1", 30 * DAY_MS, 31 * DAY_MS), said_ms)
        return how.kind, how.from_ms, how.late

    assert told(0) == (NoticeKind.PLANNED, 22 * DAY_MS + DAY_MS // 2, False)
    assert told(23 * DAY_MS) == (NoticeKind.PLANNED, 23 * DAY_MS, False), "just in time"
    assert told(23 * DAY_MS + 1) == (NoticeKind.TEMPORARY, 23 * DAY_MS + 1, False)
    assert told(29 * DAY_MS) == (NoticeKind.TEMPORARY, 29 * DAY_MS, False)
    assert told(29 * DAY_MS + 1) == (NoticeKind.TEMPORARY, 29 * DAY_MS + 1, True), "told, and late"


def test_a_channel_is_down_after_five_minutes_of_failing() -> None:
    assert not is_down(ChannelState("sms", None, "", False), NOON_MS)
    assert not is_down(ChannelState("sms", NOON_MS, "", False), NOON_MS + 5 * MINUTE_MS - 1)
    assert is_down(ChannelState("sms", NOON_MS, "", False), NOON_MS + 5 * MINUTE_MS)
