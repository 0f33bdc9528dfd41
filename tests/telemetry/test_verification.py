"""Whom the system asks before it believes: single signs, doubtful cuts, crews that leave, silent branches."""

import numpy as np
import pytest

from telemetry.evidence import EvidenceKind
from telemetry.inquiry import Inquiry
from telemetry.outages import OutageState
from telemetry.rivals import best_questions, doubt_bits, rivals_of
from telemetry.verification import Limits, Question, Reason, Verifier, wish_of
from tests.telemetry.nights import ALL, T0, Night, under


def _quiet() -> Night:
    night = Night()
    night.frames(-1, ALL)
    return night


def _asked(night: Night, inquiry: Inquiry | None = None) -> dict[Reason, list[str]]:
    found: dict[Reason, list[str]] = {}
    now_ms = T0 + round(night.clock_s * 1000)
    for question in (inquiry or Inquiry()).questions(night.detector, now_ms):
        found.setdefault(question.reason, []).append(question.meter)
    return found


def test_a_lone_last_gasp_is_asked_at_once_and_an_answer_ends_it() -> None:
    night = _quiet()
    night.gasp(10, ["B113"])
    night.play(12)
    assert _asked(night) == {Reason.LONE_SIGN: ["B113"]}
    night.say(EvidenceKind.ALIVE, 14, ["B113"], source="TT-B1")
    night.play(20)
    assert _asked(night) == {}
    night.play(120)
    assert night.states() == []


def test_a_lone_call_is_asked_too_and_silence_makes_it_an_outage() -> None:
    night = _quiet()
    night.gasp(10, ["B113"])
    night.play(12)
    assert _asked(night) == {Reason.LONE_SIGN: ["B113"]}
    night.say(EvidenceKind.SILENT, 42, ["B113"], source="TT-B1")
    night.play(60)
    assert night.states() == [OutageState.CONFIRMED]
    other = _quiet()
    other.say(EvidenceKind.CALL, 10, ["CB113"])
    other.play(12)
    assert _asked(other) == {Reason.LONE_SIGN: ["B113"]}


def test_a_cut_that_is_certain_asks_for_nothing() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.frames(30, under("B", "C"))
    night.play(40)
    assert _asked(night) == {}


def _doubtful() -> Night:
    """Three meters of one transformer have gone: is it the box, the transformer, or the lateral?"""
    night = _quiet()
    night.gasp(10, ["A111", "A112"], spread_s=0.2)
    night.play(13)
    return night


def test_a_doubtful_cut_is_settled_by_the_meters_that_tell_its_rivals_apart() -> None:
    night = _doubtful()
    (outage,) = night.detector.outages
    view = night.detector.view(outage.outage_id)
    assert view is not None
    asked = _asked(night)[Reason.DOUBTFUL_CUT]
    assert asked
    assert not {"A111", "A112"} & set(asked)
    before = outage.probability
    night.say(EvidenceKind.ALIVE, 16, [m for m in asked if not m.startswith("A11")], source="TT-A1")
    night.play(25)
    (after,) = night.detector.outages
    assert after.probability > before


def test_the_first_question_is_worth_most_and_no_more_than_the_doubt() -> None:
    night = _doubtful()
    (outage,) = night.detector.outages
    view = night.detector.view(outage.outage_id)
    assert view is not None
    top = view.scene.tree.position[view.scene.network.nodes.ids.index("BXA11")]
    part = slice(int(top), int(view.scene.tree.end[top]))
    rivals = rivals_of(view.posterior, part)
    assert sum(rival.probability for rival in rivals) == pytest.approx(1.0)
    worths = best_questions(view.scene, view.posterior, rivals, outage.started_at_ms)
    bits = [worth.bits for worth in worths]
    assert bits == sorted(bits, reverse=True)
    assert sum(bits) <= doubt_bits(rivals) + 1e-6


def test_the_greedy_first_choice_is_the_best_of_all_meters() -> None:
    """Against the mutual information by its definition, meter by meter."""
    night = _doubtful()
    (outage,) = night.detector.outages
    view = night.detector.view(outage.outage_id)
    assert view is not None
    scene = view.scene
    start = int(scene.tree.position[scene.network.nodes.ids.index("BXA11")])
    rivals = rivals_of(view.posterior, slice(start, int(scene.tree.end[start])))
    weights = np.array([rival.probability for rival in rivals])
    best = 0.0
    for row in range(len(scene.network.meters)):
        if scene.network.meters.ids[row] in {"A111", "A112"}:
            continue
        at = int(scene.tree.position[scene.network.meters.node[row]])
        parts = [rival.part(scene) for rival in rivals]
        blocked = view.posterior.blocked_probability[scene.network.meters.terminal[row]]
        answers = np.array([0.001 if p.start <= at < p.stop else 0.9 * (1 - blocked) for p in parts])
        joint = np.stack([weights * answers, weights * (1 - answers)])
        outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        best = max(best, float((joint * np.log2(joint / outer)).sum()))
    (first, *_) = best_questions(scene, view.posterior, rivals, outage.started_at_ms)
    assert first.bits == pytest.approx(best, abs=2e-3)


def test_before_a_crew_leaves_the_outage_is_asked_about() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.frames(30, under("B", "C"))
    night.play(40)
    (outage,) = night.detector.outages
    inquiry = Inquiry()
    night.say(EvidenceKind.CHECK, 41, [outage.outage_id], source="desk:ann")
    inquiry.hear([row for _, row in night.script if row.kind is EvidenceKind.CHECK])
    night.play(42)
    asked = _asked(night, inquiry)[Reason.BEFORE_CREW]
    assert 2 <= len(asked) <= 8
    assert all(meter.startswith("A") for meter in asked)
    assert not night.detector.fold.unknown


def test_after_a_return_each_branch_that_has_not_spoken_is_asked_once() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(60)
    night.power_up(600, under("A1"), spread_s=0.1)
    night.play(640)
    inquiry = Inquiry()
    asked = _asked(night, inquiry)[Reason.AFTER_RETURN]
    assert len(asked) == 1
    assert asked[0].startswith("A2")
    night.play(642)
    assert _asked(night, inquiry) == {}  # not again before an answer or a timeout


def _question(meter: str, terminal: str = "T1") -> Question:
    return Question(meter, terminal, Reason.LONE_SIGN)


def test_limits_hold_for_each_terminal_and_in_all() -> None:
    verifier = Verifier(Limits(per_terminal_minute=2, per_minute=3))
    wanted = [_question(f"M{n}", "T1" if n < 4 else "T2") for n in range(8)]
    first = verifier.choose(wanted, lambda _: 0, T0)
    assert [q.meter for q in first] == ["M0", "M1", "M4"]
    assert verifier.choose(wanted, lambda _: 0, T0 + 30_000) == ()
    later = verifier.choose(wanted[2:], lambda _: 0, T0 + 60_000)
    assert [q.meter for q in later] == ["M2", "M3", "M4"]


def test_no_meter_is_asked_twice_before_it_answered_or_its_time_is_up() -> None:
    limits = Limits(timeout_ms=45_000, repeat_ms=300_000)
    verifier = Verifier(limits)
    assert verifier.choose([_question("M1")], lambda _: 0, T0)
    assert not verifier.choose([_question("M1")], lambda _: 0, T0 + 44_000)
    assert verifier.choose([_question("M1")], lambda _: 0, T0 + 45_000)
    answered = lambda _: T0 + 46_000  # noqa: E731
    assert not verifier.choose([_question("M1")], answered, T0 + 200_000)
    assert verifier.choose([_question("M1")], answered, T0 + 345_000)


def test_the_same_question_soon_after_a_restart_is_the_same_wish() -> None:
    limits = Limits()
    start = T0 - T0 % limits.timeout_ms
    one, again = (wish_of(_question("M1"), start + late_ms, limits) for late_ms in (0, 5_000))
    assert one.key == again.key
    assert one.key != wish_of(_question("M1"), start + limits.timeout_ms, limits).key
