"""Invariant 3: the same set of evidence in any order gives the same causes, intervals and customers."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.outages import OutageState
from telemetry.planned_work import PlannedWork
from telemetry.replay import Replayed, replay
from tests.telemetry.nights import ALL, FEEDER, MODEL, T0, Night, under

RULES = DetectorRules(MODEL)


def _evidence() -> list[Evidence]:
    """A night with a fault, a partial return, a nested fault and a second fault."""
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, under("A")[::2], spread_s=0.3)
    night.gasp(200, under("C2"), spread_s=0.2)
    night.power_up(600, [m for m in under("A") if not m.startswith("A12")], spread_s=0.2)
    night.frames(640, [m for m in ALL if not m.startswith(("A12", "C2"))])
    night.power_up(900, under("C2"), spread_s=0.2)
    night.frames(930, [m for m in ALL if not m.startswith("A12")])
    return [row for _, row in night.script]


def _answer(done: Replayed) -> list[tuple[object, ...]]:
    newest = {r.outage_id: r for r in done.revisions}
    return [
        (
            r.outage_id,
            r.state,
            r.cause.element,
            r.cause.equivalent,
            r.started_at_ms,
            r.restored_at_ms,
            r.cut,
            r.not_out,
            r.also_out,
        )
        for r in sorted(newest.values(), key=lambda r: r.outage_id)
    ]


EVIDENCE = _evidence()
UNTIL_MS = T0 + 1_200_000
ANSWER = _answer(replay(FEEDER, RULES, EVIDENCE, UNTIL_MS))


def test_the_night_is_understood() -> None:
    told = {(revision[2], revision[1]) for revision in ANSWER if revision[1] is not OutageState.MERGED}
    assert len(told) == 3
    assert ("LLA12", OutageState.CONFIRMED) in told
    assert [state for _, state in told].count(OutageState.RESTORED) == 2


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_any_order_and_repetition_give_the_same_answer(seed: int) -> None:
    shuffled = EVIDENCE + EVIDENCE[::3]
    random.Random(seed).shuffle(shuffled)
    assert _answer(replay(FEEDER, RULES, shuffled, UNTIL_MS)) == ANSWER


def test_nothing_that_happened_later_is_known() -> None:
    early = replay(FEEDER, RULES, EVIDENCE, T0 + 400_000)
    assert not any(r.state is OutageState.RESTORED for r in early.revisions)
    assert replay(FEEDER, RULES, EVIDENCE, T0 - 500).revisions == ()


def test_planned_work_is_labelled() -> None:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, under("B")[::3])
    rows = [row for _, row in night.script]
    work = [PlannedWork("LB", T0, T0 + 3_600_000)]
    done = replay(FEEDER, RULES, rows, T0 + 60_000, work)
    final = done.revisions[-1]
    assert final.cause.element == "LB"
    assert "planned=LB" in final.reasons


def test_calls_alone_make_an_outage_when_there_are_enough() -> None:
    rows = [
        Evidence(EvidenceKind.CALL, T0 + n * 20_000, T0 + n * 20_000, "95598", (f"C{meter}",), f"call{n}")
        for n, meter in enumerate(under("B11"))
    ]
    done = replay(FEEDER, RULES, rows, T0 + 120_000)
    assert done.revisions[-1].cause.element == "LLB11"
