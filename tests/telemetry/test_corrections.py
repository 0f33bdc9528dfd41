"""A dispatcher's or crew's word is evidence: it moves the answer whenever it comes, and shows as a reason."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.corrections import Corrections
from telemetry.evidence import CORRECTING, Evidence, EvidenceKind
from telemetry.fold import Fold, pack, unpack
from telemetry.outages import OutageState
from tests.telemetry.nights import ALL, FEEDER, T0, Night, customers, under

WORDS = st.builds(
    lambda kind, said, thing, by: Evidence(
        kind, T0, T0 + said, f"desk:{by}", (thing,), f"{kind}{said}{thing}{by}"
    ),
    st.sampled_from(sorted(CORRECTING)),
    st.integers(0, 5),
    st.sampled_from(["LA", "SB", "CA111", "CB111"]),
    st.sampled_from(["ann", "bob"]),
)


def _quiet() -> Night:
    night = Night()
    night.frames(-1, ALL)
    return night


@settings(max_examples=80, deadline=None)
@given(words=st.lists(WORDS, max_size=12), seed=st.integers(0, 99))
def test_order_and_repetition_of_words_change_nothing(words: list[Evidence], seed: int) -> None:
    shuffled = words + words[::2]
    random.Random(seed).shuffle(shuffled)
    one, other = Corrections(), Corrections()
    for word in words:
        one.apply(word)
    for word in shuffled:
        other.apply(word)
    assert one.words() == other.words()
    assert Corrections.unpacked(one.packed()).words() == one.words()


def test_an_invalidated_outage_is_retracted_and_does_not_come_back() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(40)
    (identifier,) = night.newest()
    night.say(EvidenceKind.INVALID, 45, ["LA", "SA"], source="desk:ann")
    night.play(90)
    over = night.newest()[identifier]
    assert over.state is OutageState.RETRACTED
    assert {"invalid=LA", "invalid=SA"} & set(over.reasons)
    assert night.out() == set()


def test_what_fails_after_an_invalidation_is_an_outage_again() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(40)
    night.say(EvidenceKind.INVALID, 45, ["SA"], source="desk:ann")
    night.frames(60, ALL)
    night.play(90)
    night.gasp(120, under("A"), spread_s=0.1)
    night.play(150)
    assert night.out() == customers(under("A"))
    assert night.states() == [OutageState.RETRACTED, OutageState.CONFIRMED]


def test_the_element_that_a_crew_found_faulty_is_the_cause() -> None:
    night = _quiet()
    night.gasp(10, under("A")[::2], spread_s=0.2)
    night.play(30)
    night.say(EvidenceKind.FOUND_FAULTY, 10, ["SA"], arrives_s=40, source="desk:crew")
    night.play(60)
    (outage,) = night.newest().values()
    assert outage.cause.element == "LA"  # confirmed: a crew is on its way, the cause stays put in its class
    assert "found_faulty=SA" in outage.reasons
    assert outage.state is OutageState.CONFIRMED


def test_an_element_found_faulty_before_its_outage_is_confirmed_leads_its_class() -> None:
    night = _quiet()
    night.gasp(10, under("A")[::2], spread_s=0.2)
    night.say(EvidenceKind.FOUND_FAULTY, 10, ["SA"], arrives_s=10.4, source="desk:crew")
    night.play(30)
    (outage,) = night.newest().values()
    assert outage.cause.element == "SA"


def test_an_element_found_sound_is_no_cause() -> None:
    night = _quiet()
    night.gasp(10, under("A")[::2], spread_s=0.2)
    night.say(EvidenceKind.FOUND_SOUND, 10, ["LA"], arrives_s=10.4, source="desk:crew")
    night.play(30)
    (outage,) = night.newest().values()
    assert outage.cause.element != "LA"
    assert "found_sound=LA" in outage.reasons


def test_a_customer_who_was_asked_is_an_exception_to_the_scope() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(30)
    night.say(EvidenceKind.CUSTOMER_ON, 40, ["CA111"], source="desk:ann")
    night.play(60)
    (outage,) = night.newest().values()
    assert outage.not_out == ("CA111",)
    assert "customer_on=CA111" in outage.reasons
    night.say(EvidenceKind.CUSTOMER_OUT, 70, ["CA111"], source="desk:ann")
    night.play(90)
    (outage,) = night.newest().values()
    assert outage.not_out == ()
    assert "customer_out=CA111" in outage.reasons


def test_words_survive_a_snapshot() -> None:
    fold = Fold(FEEDER)
    fold.apply(Evidence(EvidenceKind.FOUND_SOUND, T0, T0, "desk:ann", ("LA",), "k"))
    again = unpack(pack(fold.known))
    assert again.corrections.words() == fold.corrections.words()
    assert np.array_equal(again.return_ms, fold.return_ms)
