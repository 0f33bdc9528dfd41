"""A lost phase is explained like any other outage: why, what else was possible, what would settle it."""

import pytest

from telemetry.adapters.sentence_file import load_sentences
from telemetry.evidence import EvidenceKind
from telemetry.explanation import Explanation
from telemetry.inquiry import Inquiry
from telemetry.outages import OPEN_STATES, OutageRevision
from telemetry.wording import LANGUAGES, Wording
from tests.telemetry.nights import Night, customers
from tests.telemetry.phase_nights import DYN11, LOST_LV, NORMAL, PHASED, YYN0, meters_of, read, single


def _night() -> Night:
    night = Night(network=PHASED)
    for second in (-30, -15):
        read(night, second, NORMAL, "A", "B", "C")
    return night


def _explained(night: Night) -> tuple[Explanation, OutageRevision]:
    (revision,) = [each for each in night.newest().values() if each.state in OPEN_STATES]
    inquiry = Inquiry()
    inquiry.told([revision])
    (explanation,) = inquiry.explanations(night.detector, 1)
    return explanation, revision


def _medium() -> Night:
    night = _night()
    read(night, 5, DYN11["A"], "B1")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    return night


def test_it_says_why_and_how_sure_it_is() -> None:
    explanation, revision = _explained(_medium())
    assert explanation.signs["phases_lost"] == revision.phases
    assert explanation.dead > 0.9
    assert {each.element for each in explanation.elements} <= set(revision.cause.equivalent)
    total = sum(each.probability for each in explanation.elements)
    assert total == pytest.approx(explanation.probability, abs=0.01)


def test_the_whole_lateral_is_what_else_was_possible_and_its_unread_meters_settle_it() -> None:
    """Only TB1's meters were read: the phase may be lost for TB2 as well."""
    explanation, revision = _explained(_medium())
    assert "TB1" in revision.cause.equivalent
    wider = [each for each in explanation.alternatives if each.element in {"LB", "SB"}]
    assert wider
    assert wider[0].more > 0
    assert explanation.doubt_bits > 0
    assert explanation.settling
    assert all(each.meter in meters_of("B2") for each in explanation.settling)


def test_a_certain_cut_needs_nothing_more() -> None:
    night = _night()
    read(night, 5, DYN11["A"], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    explanation, _ = _explained(night)
    assert explanation.settling == ()
    assert explanation.doubt_bits < 0.3


def test_each_customer_in_scope_has_their_evidence() -> None:
    night = _night()
    night.gasp(0, single("B", "A11"))
    read(night, 6, LOST_LV["B"], "A11")
    read(night, 6.5, NORMAL, "A12", "A2", "B", "C")
    night.play(20)
    explanation, _ = _explained(night)
    told = {each.customer: each for each in explanation.customers}
    assert customers(single("B", "A11")) <= set(told)
    for customer in customers(single("B", "A11")):
        assert told[customer].verdict == "below_cut"
        assert told[customer].place > 0.9
        assert told[customer].out > 0.9
        assert told[customer].off_ms is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_told_in_sentences(language: str) -> None:
    night = _night()
    night.gasp(0, single("A", "B"))
    read(night, 5, YYN0["A"], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    explanation, revision = _explained(night)
    assert night.detector.view(revision.outage_id) is not None
    wording = Wording(load_sentences(), language, str)
    said = [sentence.text for sentence in wording.sentences(explanation, revision)]
    assert any(line.startswith(("缺相：A", "Phases lost: A")) for line in said)


def test_a_lone_reading_without_a_phase_asks_to_be_verified() -> None:
    night = _night()
    night.say(EvidenceKind.VOLTAGE, 5, ["A114"], volts=((230.0, 0.4, 229.0),))
    read(night, 6, NORMAL, "B", "C")
    night.play(20)
    assert night.detector.outages == ()
    assert ("A114", "lone_phase_sign") in night.detector.verify(
        night.detector.fold.observations.meter_low_ms.max()
    )
