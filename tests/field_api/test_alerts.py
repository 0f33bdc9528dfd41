"""Who hears what: the exact people, each change once (NTF-01, NTF-03, NTF-04)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.data_files import load_work_type
from field_api.alerts import MAX_TOLD, Message, NoticeKind, Told, messages, notice_key
from field_api.presentation import notice_text
from telemetry.outages import OutageState

PEOPLE = ("a", "b", "c", "d")
REPAIR = load_work_type("repair")


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
    for kind in NoticeKind:
        for _language, template in REPAIR.notice(kind).texts:
            text = notice_text(template, "东河", "二号变", 1_795_280_400_000, 1_795_284_000_000)
            for needed in ("东河", "二号变", "11-22 01:00", "11-22 02:00", "95598", "12398"):
                assert needed in text, (kind, needed)
            assert "{" not in text
