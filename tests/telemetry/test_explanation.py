"""A dispatcher reading one outage trusts it because it says its reasons, in both languages."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.sentence_file import load_sentences
from telemetry.evidence import EvidenceKind
from telemetry.explanation import Explanation
from telemetry.inquiry import Inquiry
from telemetry.outages import OutageRevision
from telemetry.wording import LANGUAGES, Wording, percent
from tests.conftest import DatabaseFactory
from tests.telemetry.nights import ALL, Night, customers, under


def _explained(night: Night) -> tuple[Explanation, OutageRevision]:
    (revision,) = night.detector.outages
    inquiry = Inquiry()
    inquiry.told([revision])
    (explanation,) = inquiry.explanations(night.detector, 1)
    return explanation, revision


def _lateral() -> Night:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, under("A")[::2], spread_s=0.2)
    night.say(EvidenceKind.CALL, 30, ["CA112"])
    night.frames(40, [*under("B", "C"), "A124"])
    night.play(60)
    return night


def test_it_says_why_what_else_and_what_would_settle_it() -> None:
    explanation, revision = _explained(_lateral())
    assert explanation.signs["last_gasps"] == "8"
    assert explanation.signs["calls"] == "1"
    assert {each.element for each in explanation.elements} == {"SA", "LA"}
    # The explanation is of the newest look; the revision of the last change that was worth telling.
    assert sum(each.probability for each in explanation.elements) == pytest.approx(
        revision.probability, abs=5e-3
    )
    total = sum(each.probability for each in explanation.alternatives)
    assert 0 <= total <= 1 - revision.probability + 0.02
    for other in explanation.alternatives:
        assert 0 <= other.fewer <= 16
        assert other.customers == 16 + other.more - other.fewer


def test_an_alternative_says_by_how_many_customers_it_differs() -> None:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, ["A111", "A112"], spread_s=0.2)
    night.play(13)
    explanation, _ = _explained(night)
    whole = {each.element: each for each in explanation.alternatives}
    transformer = next(each for each in whole.values() if each.kind in {"transformer", "line", "cable"})
    assert transformer.customers > 0
    assert explanation.settling
    assert explanation.doubt_bits > 0


def test_every_customer_in_scope_carries_reason_and_evidence() -> None:
    explanation, revision = _explained(_lateral())
    by_id = {each.customer: each for each in explanation.customers}
    assert set(by_id) == customers(under("A"))
    assert by_id["CA112"].call_ms is not None
    assert by_id["CA111"].off_ms is not None
    spared = by_id["CA124"]
    assert revision.not_out == ("CA124",)
    assert spared.verdict == "not_out"
    assert spared.out < 0.2
    assert spared.place > 0.9


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentences_tell_all_of_it(language: str) -> None:
    explanation, revision = _explained(_lateral())
    wording = Wording(load_sentences(), language, str)
    sections = {sentence.section for sentence in wording.sentences(explanation, revision)}
    assert {"verdict", "sign", "alternative", "settle"} <= sections
    texts = [sentence.text for sentence in wording.sentences(explanation, revision)]
    texts += [wording.customer(each) for each in explanation.customers]
    assert not [text for text in texts if "{" in text or not text]
    chinese = any("\u4e00" <= letter <= "\u9fff" for text in texts for letter in text)
    assert chinese == (language == "zh")


def _leaves(table: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for key, value in table.items():
        if set(value) == set(LANGUAGES):
            yield f"{name}.{key}", value
        elif set(value) == {"en"}:
            yield f"{name}.{key}", {"en": value["en"], "zh": value["en"]}  # English alone tells one apart
        else:
            yield from _leaves(value, f"{name}.{key}")


def test_both_languages_fill_in_the_same() -> None:
    for name, texts in _leaves(load_sentences()):
        named = [set(re.findall(r"{(\w+)}", texts[language])) for language in LANGUAGES]
        assert named[0] == named[1], name
        assert all(texts.values()), name


def test_a_persons_word_is_in_the_explanation() -> None:
    night = _lateral()
    night.say(EvidenceKind.FOUND_SOUND, 70, ["SA"], source="desk:ann")
    night.play(80)
    explanation, revision = _explained(night)
    assert [(word.kind, word.thing, word.by) for word in explanation.said] == [
        ("found_sound", "SA", "desk:ann")
    ]
    told = Wording(load_sentences(), "en", str).sentences(explanation, revision)
    assert any("desk:ann found SA sound" in sentence.text for sentence in told)


def test_a_ping_and_its_answer_are_told() -> None:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, ["A111", "A112"], spread_s=0.2)
    night.play(13)
    inquiry = Inquiry()
    inquiry.told(night.detector.outages)
    now_ms = night.detector.outages[0].at_ms + 1_500
    asked = inquiry.questions(night.detector, now_ms)
    (before,) = inquiry.explanations(night.detector, 1)
    assert {ping.outcome for ping in before.pings} == {"waiting"}
    night.say(EvidenceKind.ALIVE, 17, [asked[0].meter], source="TT-A1")
    night.play(22)
    (after,) = inquiry.explanations(night.detector, 1)
    assert [ping.outcome for ping in after.pings if ping.meter == asked[0].meter] == ["alive"]


def test_what_is_kept_comes_back_whole(database: DatabaseFactory) -> None:
    store = SqlExplanations(database("outages"))
    explanation, revision = _explained(_lateral())
    assert store.of(revision.outage_id) is None
    store.keep([explanation])
    store.keep([explanation])
    assert store.of(revision.outage_id) == explanation
    assert store.of(revision.outage_id, revision.revision) == explanation
    assert store.of(revision.outage_id, 99) is None


def test_percent_never_rounds_doubt_away() -> None:
    assert [percent(p) for p in (1.0, 0.9996, 0.32, 0.005)] == ["100%", "99.9%", "32%", "0.5%"]
