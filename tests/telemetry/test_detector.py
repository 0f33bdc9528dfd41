"""FLT-02: nights on a small feeder, played through the engine second by second."""

import random

from telemetry.evidence import EvidenceKind
from telemetry.outages import OutageState
from tests.telemetry.nights import ALL, T0, Night, customers, under


def _quiet() -> Night:
    night = Night()
    night.frames(-1, ALL)
    return night


def test_nothing_happens_on_a_quiet_night() -> None:
    night = _quiet()
    night.frames(30, ALL)
    assert night.play(60) == []
    assert night.out() == set()


def test_a_tripped_lateral_is_suspected_within_seconds_and_confirmed_when_stable() -> None:
    night = _quiet()
    night.gasp(10, under("A")[::2])
    first, *more = night.play(20)
    assert first.state is OutageState.SUSPECTED
    assert first.at_ms - T0 <= 13_000
    assert abs(first.started_at_ms - (T0 + 10_000)) <= 1_000
    assert more[-1].state is OutageState.CONFIRMED
    assert night.out() == customers(under("A"))
    assert {"SA", "LA"} <= set(more[-1].cause.equivalent)


def test_a_lone_last_gasp_is_not_an_outage_but_asks_for_a_ping() -> None:
    night = _quiet()
    night.gasp(10, ["B113"])
    assert night.play(60) == []
    assert night.detector.verify(T0 + 60_000) == (("B113", "lone_last_gasp"),)


def test_a_lone_last_gasp_that_does_not_answer_is_one_customer_out() -> None:
    night = _quiet()
    night.gasp(10, ["B113"])
    night.frames(30, [meter for meter in ALL if meter != "B113"])
    published = night.play(60)
    assert published[-1].state is OutageState.CONFIRMED
    assert published[-1].cause.element == "SVB113"
    assert night.out() == {"CB113"}
    night.power_up(300, ["B113"])
    assert night.play(310)[-1].state is OutageState.RESTORED


def test_a_lone_last_gasp_that_answers_is_forgotten() -> None:
    night = _quiet()
    night.gasp(10, ["B113"])
    night.frames(30, ALL)
    assert night.play(60) == []
    assert night.detector.verify(T0 + 60_000) == ()


def test_an_outage_that_grows_from_a_lateral_to_the_feeder_stays_one() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.gasp(10, under("B", "C")[::2], spread_s=0.4)
    night.play(40)
    assert [s for s in night.states() if s is not OutageState.MERGED] == [OutageState.CONFIRMED]
    assert night.out() == customers(ALL)
    eldest = night.revisions[0].outage_id
    assert night.newest()[eldest].state is OutageState.CONFIRMED
    assert {r.merged_into for r in night.newest().values()} <= {"", eldest}


def test_power_returns_step_by_step_and_the_outage_closes_on_signs_of_life() -> None:
    night = _quiet()
    night.gasp(10, ALL[::2], spread_s=0.1)
    night.play(60)
    (identifier,) = night.newest()
    night.power_up(600, under("B", "C"), spread_s=0.1)
    night.play(640)
    assert night.newest()[identifier].state is OutageState.CONFIRMED
    assert night.out() == customers(under("A"))
    night.power_up(1200, under("A"), spread_s=0.1)
    night.play(1260)
    over = night.newest()[identifier]
    assert over.state is OutageState.RESTORED
    assert over.restored_at_ms is not None
    assert night.out() == set()


def test_the_return_is_dated_by_the_devices() -> None:
    night = _quiet()
    night.gasp(10, under("C"), spread_s=0.1)
    night.power_up(100, under("C"), spread_s=0.5)
    night.play(180)
    (over,) = night.newest().values()
    assert over.restored_at_ms == T0 + 100_000


def test_silence_never_closes_an_outage() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(3 * 3600)
    assert night.states() == [OutageState.CONFIRMED]
    assert night.out() == customers(under("A"))


def test_one_box_that_stays_dead_becomes_a_nested_outage_dated_back() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(60)
    night.power_up(600, [m for m in under("A") if not m.startswith("A11")], spread_s=0.1)
    night.frames(630, [m for m in ALL if not m.startswith("A11")])
    night.play(700)
    newest = list(night.newest().values())
    assert [revision.state for revision in newest] == [OutageState.RESTORED, OutageState.CONFIRMED]
    assert newest[1].cause.element == "LLA11"
    assert abs(newest[1].started_at_ms - (T0 + 10_000)) <= 1_000
    assert night.out() == customers(under("A11"))


def test_a_lost_power_up_alone_keeps_nothing_open() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.power_up(600, [m for m in under("A") if m != "A114"], spread_s=0.1)
    night.play(700)
    assert night.states() == [OutageState.RESTORED]
    assert night.detector.verify(T0 + 700_000) == ()


def test_a_blocked_terminal_is_not_an_outage() -> None:
    night = _quiet()
    for at_s in (30, 60, 90, 120):
        night.frames(at_s, [m for m in ALL if not m.startswith("A2")])
    night.say(EvidenceKind.SILENT, 100, ["TT-A2"])
    assert night.play(180) == []


def test_one_heartbeat_recorded_in_a_dead_area_does_not_end_the_outage() -> None:
    night = _quiet()
    night.gasp(10, [m for m in under("A") if m != "A112"], spread_s=0.1)
    for at_s in (30, 45, 60):
        night.frames(at_s, [*under("B", "C"), "A112"])
    night.play(90)
    (revision,) = night.newest().values()
    assert revision.state is OutageState.CONFIRMED
    assert revision.not_out == ("CA112",)
    assert night.out() == customers(under("A")) - {"CA112"}


def test_a_wrongly_recorded_meter_is_out_with_its_outage_and_no_outage_of_its_own() -> None:
    night = _quiet()
    night.gasp(10, [*under("A"), "C223"], spread_s=0.1)
    for at_s in (25, 40):
        night.frames(at_s, [m for m in under("B", "C") if m != "C223"])
    night.play(60)
    (revision,) = night.newest().values()
    assert revision.also_out == ("CC223",)
    assert night.out() == customers(under("A")) | {"CC223"}
    assert ("C223", "out_of_scope") in night.detector.verify(T0 + 60_000)


def test_two_faults_far_apart_are_two_outages() -> None:
    night = _quiet()
    night.gasp(10, under("A1"), spread_s=0.1)
    night.gasp(10, under("C2"), spread_s=0.1)
    for at_s in (20, 30):
        night.frames(at_s, under("A2", "B", "C1"))
    night.play(60)
    assert night.states() == [OutageState.CONFIRMED, OutageState.CONFIRMED]
    assert night.out() == customers(under("A1", "C2"))


def test_a_second_fault_seconds_later_is_seen_at_once_and_apart() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.2)
    night.frames(25, under("B", "C"))
    night.gasp(30, under("C2")[:7], spread_s=0.2)
    night.play(37)
    assert night.out() == customers(under("A", "C2"))
    starts = sorted(revision.started_at_ms - T0 for revision in night.newest().values())
    assert starts == [10_000, 30_000]


def test_a_switch_reported_open_is_the_cause() -> None:
    night = _quiet()
    night.say(EvidenceKind.SWITCH_OPEN, 10, ["SEN-B"])
    night.gasp(10, under("B")[::3], spread_s=0.3)
    night.play(30)
    (revision,) = night.newest().values()
    assert revision.cause.element == "SB"
    assert "switch_open=SB" in revision.reasons
    assert revision.switches == (("SB", False),)
    assert night.out() == customers(under("B"))


def test_a_closed_tie_feeds_what_lies_behind_the_fault() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(60)
    night.say(EvidenceKind.SWITCH_OPEN, 600, ["LA2"])
    night.say(EvidenceKind.SWITCH_CLOSED, 605, ["TIE"])
    night.power_up(605, under("A2"), spread_s=0.1)
    night.play(660)
    assert night.out() == customers(under("A1"))
    assert night.states() == [OutageState.CONFIRMED]
    assert next(iter(night.newest().values())).switches == (("LA2", False), ("TIE", True))


def test_a_call_inside_an_outage_opens_no_second_one() -> None:
    night = _quiet()
    night.gasp(10, under("A")[::2], spread_s=0.1)
    night.say(EvidenceKind.CALL, 120, ["CA113"])
    night.play(180)
    assert night.states() == [OutageState.CONFIRMED]
    assert night.out() == customers(under("A"))


def test_revisions_are_told_when_the_answer_changes_not_at_each_look() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.5)
    night.play(600)
    assert len(night.revisions) <= 6
    assert [r.revision for r in night.revisions] == list(range(1, len(night.revisions) + 1))


def test_unknown_devices_and_wrong_clocks_are_counted_not_fatal() -> None:
    night = _quiet()
    night.say(EvidenceKind.POWER_OFF, 10, ["M-NOWHERE"])
    night.say(EvidenceKind.POWER_OFF, 10 + 3 * 86_400, ["A111"], arrives_s=11)
    night.play(20)
    assert night.detector.fold.unknown == {"M-NOWHERE": 1}
    assert night.detector.fold.wrong_clocks == 1
    assert night.detector.verify(T0 + 20_000) == (("A111", "lone_last_gasp"),)


def test_a_line_fault_does_not_flash_as_several_outages() -> None:
    """First reports come transformer by transformer: what is merged a second later is never shown."""
    night = _quiet()
    for place, meters in enumerate((under("A1"), under("B2"), under("C1"), under("A2"), under("C2"))):
        for number, meter in enumerate(meters[:4]):
            night.say(EvidenceKind.POWER_OFF, 10, [meter], 10.6 + 0.5 * place + 0.02 * number)
    night.play(60)
    seen = {revision.outage_id: revision for revision in night.revisions}
    assert len(seen) == 1, "one fault, one outage"
    first = night.revisions[0]
    assert first.at_ms - T0 <= 12_000, "and not told later"
    assert night.out() == customers(ALL)


def test_two_faults_of_one_instant_are_both_told_within_seconds() -> None:
    night = _quiet()
    night.gasp(10, under("A1"), spread_s=0.1)
    night.gasp(10, under("C2"), spread_s=0.1)
    for at_s in (12, 14):
        night.frames(at_s, under("A2", "B", "C1"))
    night.play(20)
    told: dict[str, int] = {}
    for revision in night.revisions:
        told.setdefault(revision.outage_id, revision.at_ms - T0)
    assert len(told) == 2
    assert max(told.values()) <= 14_500


def test_a_returning_outage_keeps_the_probability_of_its_cause() -> None:
    """That most of it lives again says that it is over, not that the cause was another one."""
    night = _quiet()
    draw = random.Random(5)
    night.gasp(10, [m for m in ALL if draw.random() < 0.6], spread_s=0.2)
    night.play(60)
    back = [m for m in ALL if draw.random() < 0.5]
    draw.shuffle(back)
    night.power_up(300, back, spread_s=1.5)
    night.play(500)
    assert night.revisions[-1].state is OutageState.RESTORED
    assert all(r.probability > 0.9 for r in night.revisions if r.at_ms - T0 > 290_000)


def test_a_momentary_interruption_is_recorded_with_its_interval() -> None:
    """The recloser's second try held: off and on within seconds is an interruption, not nothing."""
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.power_up(18, under("A"), spread_s=0.1)
    night.frames(30, ALL)
    night.play(60)
    (over,) = night.newest().values()
    assert over.state is OutageState.RESTORED
    assert over.restored_at_ms is not None
    assert (over.started_at_ms - T0, over.restored_at_ms - T0) == (10_000, 18_000)
