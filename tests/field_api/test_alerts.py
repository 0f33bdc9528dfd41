"""Who hears what: the exact people, each change once (NTF-01, NTF-03, NTF-04)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.notice_files import shipped_texts
from field_api.instants import MINUTE_MS
from field_api.notices.alerts import (
    MAX_PROGRESS,
    MAX_TOLD,
    Message,
    NoticeKind,
    Told,
    messages,
    notice_key,
    progress,
    withdrawals,
)
from field_api.notices.rules import HOUR_MS
from field_api.notices.wording import HOTLINES, customer_text
from telemetry.outages import OutageState

PEOPLE = ("a", "b", "c", "d")


def _hear(told: dict[str, Told], heard: tuple[Message, ...]) -> None:
    for message in heard:
        before = told.get(message.recipient)
        told[message.recipient] = Told(message.kind, (before.times if before else 0) + 1)


def test_ntf_01_growth_reaches_only_the_new_and_an_end_everybody() -> None:
    told: dict[str, Told] = {}
    first = messages(OutageState.CONFIRMED, ("b", "a"), False, told)
    assert [(one.recipient, one.kind) for one in first] == [("b", "outage"), ("a", "outage")]
    _hear(told, first)
    grown = messages(OutageState.CONFIRMED, ("b", "a", "c"), False, told)
    assert [one.recipient for one in grown] == ["c"]
    _hear(told, grown)
    end = messages(OutageState.RESTORED, (), False, told)
    assert {(one.recipient, one.kind) for one in end} == {(one, "restored") for one in "abc"}
    _hear(told, end)
    assert messages(OutageState.RESTORED, (), False, told) == ()


def test_partial_restoration_and_correction_are_told_apart() -> None:
    told = {one: Told(NoticeKind.OUTAGE, 1) for one in "abc"}
    for supply_returns, kind in ((True, "restored"), (False, "correction")):
        due = messages(OutageState.CONFIRMED, ("a",), supply_returns, told)
        assert {(one.recipient, one.kind) for one in due} == {("b", kind), ("c", kind)}


def test_a_suspicion_and_a_merger_are_told_to_nobody() -> None:
    assert messages(OutageState.SUSPECTED, PEOPLE, False, {}) == ()
    assert messages(OutageState.MERGED, PEOPLE, False, {"a": Told(NoticeKind.OUTAGE, 1)}) == ()


def test_a_retraction_is_a_correction_for_those_who_were_told() -> None:
    due = messages(OutageState.RETRACTED, PEOPLE, False, {"a": Told(NoticeKind.OUTAGE, 1)})
    assert [(one.recipient, one.kind) for one in due] == [("a", "correction")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OutageState.SUSPECTED, OutageState.CONFIRMED, OutageState.RESTORED]),
            st.sets(st.sampled_from(PEOPLE)),
        ),
        max_size=20,
    )
)
@settings(max_examples=150, deadline=None)
def test_ntf_01_one_message_per_person_and_change(story: list[tuple[OutageState, set[str]]]) -> None:
    told: dict[str, Told] = {}
    keys: list[str] = []
    for state, out in story:
        heard = messages(state, tuple(sorted(out)), False, told)
        assert len({one.recipient for one in heard}) == len(heard), "one message per revision"
        assert all(one.kind is not told[one.recipient].kind for one in heard if one.recipient in told)
        keys += [notice_key("o", one) for one in heard]
        _hear(told, heard)
        assert messages(state, tuple(sorted(out)), False, told) == (), "the same again tells nobody"
    assert len(set(keys)) == len(keys)
    assert all(one.times <= MAX_TOLD for one in told.values())


def test_ntf_03_and_ntf_04_every_text_is_complete() -> None:
    texts = shipped_texts()
    assert set(texts) == set(NoticeKind), "a text for every kind"
    for kind in set(NoticeKind) - {NoticeKind.ESCALATION, NoticeKind.CHANNEL_DOWN}:
        for language in ("zh", "en"):
            text = customer_text(
                texts, kind, language, "东河", "二号变", 1_795_280_400_000, 1_795_284_000_000
            )
            for needed in ("东河", "二号变", "11-22 01:00", "11-22 02:00", *HOTLINES):
                assert needed in text, (kind, needed)
            assert "{" not in text


def test_nobody_hears_the_end_of_what_they_never_heard() -> None:
    waiting = {"a": Told(NoticeKind.OUTAGE, 1, unsent=True), "b": Told(NoticeKind.OUTAGE, 1)}
    due = messages(OutageState.RESTORED, (), False, waiting)
    assert [(one.recipient, one.kind) for one in due] == [("b", "restored")]
    assert withdrawals(OutageState.RESTORED, (), waiting) == ("a",)
    assert withdrawals(OutageState.CONFIRMED, ("a",), waiting) == ()
    assert withdrawals(OutageState.SUSPECTED, (), waiting) == ()


def test_another_expected_time_reaches_those_who_heard_the_old_one() -> None:
    told = {
        "a": Told(NoticeKind.OUTAGE, 1, expected_ms=HOUR_MS),
        "b": Told(NoticeKind.PROGRESS, 2, expected_ms=2 * HOUR_MS),
        "c": Told(NoticeKind.RESTORED, 2),
        "d": Told(NoticeKind.OUTAGE, 1, unsent=True, expected_ms=HOUR_MS),
    }
    found = progress(told, 2 * HOUR_MS, MINUTE_MS)
    assert [(one.recipient, one.kind, one.revision_class) for one in found.tell] == [("a", "progress", 1)]
    assert [(one.recipient, one.kind) for one in found.replace] == [("d", "outage")]
    withdrawn = progress(told, None, MINUTE_MS)
    assert [one.recipient for one in withdrawn.tell] == ["a", "b"], "a passed time is withdrawn from all"
    assert progress(told, HOUR_MS + 1, HOUR_MS * 2).tell == (), "too small to be news"


def test_another_computed_time_waits_until_the_last_words_are_old_enough() -> None:
    told = {
        "a": Told(NoticeKind.OUTAGE, 1, expected_ms=HOUR_MS, at_ms=7 * MINUTE_MS),
        "b": Told(NoticeKind.OUTAGE, 1, expected_ms=HOUR_MS, at_ms=5 * MINUTE_MS),
        "c": Told(NoticeKind.OUTAGE, 1, unsent=True, expected_ms=HOUR_MS, at_ms=7 * MINUTE_MS),
    }
    found = progress(told, 2 * HOUR_MS, MINUTE_MS, before_ms=6 * MINUTE_MS)
    assert [one.recipient for one in found.tell] == ["b"]
    assert [one.recipient for one in found.replace] == ["c"], "what has not left says the newest at once"
    assert found.waiting_ms == 7 * MINUTE_MS
    withdrawn = progress(told, None, MINUTE_MS, before_ms=6 * MINUTE_MS)
    assert [one.recipient for one in withdrawn.tell] == ["a", "b"]
    assert withdrawn.waiting_ms is None


def test_many_changes_leave_room_for_the_end() -> None:
    told = {"a": Told(NoticeKind.PROGRESS, MAX_PROGRESS, expected_ms=0)}
    assert progress(told, HOUR_MS, MINUTE_MS).tell == ()
    assert [one.kind for one in messages(OutageState.RESTORED, (), False, told)] == ["restored"]
