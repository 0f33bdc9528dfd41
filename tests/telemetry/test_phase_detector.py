"""Nights on which one phase is lost: told as that, once, with who is out, and over when it is back."""

import pytest

from telemetry.evidence import EvidenceKind
from telemetry.outages import OutageRevision, OutageState
from telemetry.scope import scope_of
from tests.telemetry.nights import Night, customers
from tests.telemetry.phase_nights import (
    DYN11,
    LOST_LV,
    NORMAL,
    PHASED,
    YYN0,
    meters_of,
    read,
    single,
)

EVERYBODY = ("A", "B", "C")


def _night() -> Night:
    night = Night(network=PHASED)
    for second in (-30, -15):
        read(night, second, NORMAL, *EVERYBODY)
    return night


def _only(night: Night) -> OutageRevision:
    opened = [revision for revision in night.newest().values() if revision.state in _OPEN]
    assert len(opened) == 1, [(r.cause.element, r.phases, r.state) for r in night.newest().values()]
    return opened[0]


_OPEN = {OutageState.SUSPECTED, OutageState.CONFIRMED}


def _scope(night: Night, revision: OutageRevision) -> tuple[set[str], set[str]]:
    scope = scope_of(night.network, night.detector.tree, revision)
    ids = night.network.customers.ids
    return {ids[row] for row in scope.customer_rows}, {ids[row] for row in scope.partial_rows}


@pytest.mark.parametrize("phase", ["A", "B", "C"])
def test_a_phase_of_the_medium_voltage_line_is_found_from_voltages_alone(phase: str) -> None:
    night = _night()
    read(night, 5, DYN11[phase], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    found = _only(night)
    assert (found.phases, found.state) == (phase, OutageState.CONFIRMED)
    assert "SB" in found.cause.equivalent
    assert not set(found.cause.equivalent) & {"L0", "CB", "SA", "SC", "TB1"}
    low = {"A": "AC", "B": "AB", "C": "BC"}[phase]
    assert found.low_phases == low
    out, partial = _scope(night, found)
    assert out == customers(m for letter in low for m in single(letter, "B"))
    assert partial == customers(set(meters_of("B")) - {m for one in EVERYBODY for m in single(one, "B")})
    assert f"phases_lost={phase}" in found.reasons


def test_a_star_primary_loses_the_phase_itself_and_its_meters_say_off() -> None:
    night = _night()
    night.gasp(0, single("A", "B"))
    read(night, 5, YYN0["A"], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    found = _only(night)
    assert (found.phases, found.low_phases) == ("A", "A")
    assert "SB" in found.cause.equivalent
    assert _scope(night, found)[0] == customers(single("A", "B"))


def test_one_phase_of_a_low_voltage_main_is_no_forty_outages_and_no_dead_branch() -> None:
    night = _night()
    night.gasp(0, single("B", "A11"))
    read(night, 6, LOST_LV["B"], "A11")
    read(night, 6.5, NORMAL, "A12", "A2", "B", "C")
    night.say(EvidenceKind.SILENT, 12, single("B", "A11"))
    night.play(20)
    found = _only(night)
    assert (found.phases, found.low_phases) == ("B", "B")
    assert found.cause.element == "LLA11"
    out, partial = _scope(night, found)
    assert out == customers(single("B", "A11"))
    assert partial == customers(["A114"])
    assert found.expected == pytest.approx(1, abs=0.3)


def test_last_gasps_of_one_phase_tell_without_any_voltage() -> None:
    night = Night(network=PHASED)
    night.say(EvidenceKind.ALIVE, -20, meters_of(*EVERYBODY))
    night.gasp(0, single("C", "A1", "A2"))
    others = [m for m in meters_of(*EVERYBODY) if m not in single("C", "A1", "A2")]
    night.say(EvidenceKind.ALIVE, 10, others)
    night.play(30)
    told = [r for r in night.newest().values() if r.state in _OPEN]
    assert {revision.phases for revision in told} == {"C"}
    out = set().union(*(_scope(night, revision)[0] for revision in told))
    assert out == customers(single("C", "A1", "A2"))


def test_a_dead_transformer_is_one_outage_of_all_phases() -> None:
    night = _night()
    night.gasp(0, meters_of("A1"))
    night.say(EvidenceKind.POWER_OFF, 0, ["TT-A1"], 1.0)
    read(night, 8, NORMAL, "A2", "B", "C")
    night.play(20)
    found = _only(night)
    assert found.phases == ""
    assert night.out() == customers(meters_of("A1"))
    assert not [revision for revision in night.revisions if revision.phases]


def test_normal_voltage_ends_it_and_dates_the_return() -> None:
    night = _night()
    read(night, 5, DYN11["A"], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    outage = _only(night)
    read(night, 605, NORMAL, "B1")
    night.play(606)
    read(night, 607, NORMAL, "B2")
    night.play(640)
    ended = night.newest()[outage.outage_id]
    assert ended.state is OutageState.RESTORED
    assert 600_000 <= (ended.restored_at_ms or 0) - outage.started_at_ms <= 603_000
    assert not night.out()
    assert len(night.newest()) == 1


def test_silence_ends_nothing() -> None:
    night = _night()
    read(night, 5, DYN11["A"], "B")
    night.play(900)
    assert _only(night).phases == "A"


def test_power_ups_end_a_lost_phase_that_only_last_gasps_told_of() -> None:
    night = _night()
    gone = single("B", "A1")
    night.gasp(0, gone)
    read(night, 6, LOST_LV["B"], "A1")
    night.play(20)
    assert _only(night).phases == "B"
    night.power_up(300, gone)
    read(night, 304, NORMAL, "A1")
    night.play(400)
    told = night.newest().values()
    assert [revision.state for revision in told if revision.phases] == [OutageState.RESTORED]
    assert not [revision for revision in told if revision.state in _OPEN]


def test_a_single_strange_reading_opens_nothing() -> None:
    night = _night()
    read(night, 5, LOST_LV["A"], "A114")
    read(night, 5.5, NORMAL, "A11", "A12")
    night.play(60)
    assert not night.revisions


def test_wrongly_recorded_phases_neither_hide_it_nor_change_it() -> None:
    night = _night()
    gone = [*single("B", "A1"), "A111"]  # A111 is recorded on phase A
    night.gasp(0, gone)
    read(night, 6, LOST_LV["B"], "A112", "A114", "A122", "A124", "A123", "A121")
    read(night, 7, NORMAL, "A2", "B", "C")
    night.play(20)
    found = _only(night)
    assert found.phases == "B"
    assert "CA111" in found.also_out


def test_a_restart_takes_up_a_lost_phase() -> None:
    night = _night()
    read(night, 5, DYN11["C"], "B")
    read(night, 8, NORMAL, "A", "C")
    night.play(20)
    before = _only(night)
    night.detector = type(night.detector)(
        PHASED, night.detector._rules, known=night.detector.fold.known, outages=[before]
    )
    night.play(40)
    assert [r.outage_id for r in night.detector.outages] == [before.outage_id]
    read(night, 100, NORMAL, "B")
    night.play(130)
    assert night.newest()[before.outage_id].state is OutageState.RESTORED


def test_good_frames_of_readings_are_good_voltages_of_all_their_meters() -> None:
    night = Night(network=PHASED)
    night.say(EvidenceKind.ALIVE, -10, meters_of(*EVERYBODY), volts=((228.0, 166.0, 225.0),))
    read(night, 5, DYN11["A"], "B")
    night.say(EvidenceKind.ALIVE, 8, meters_of("A", "C"), volts=((228.0, 221.0, 225.0),))
    night.play(20)
    assert _only(night).phases == "A"
    assert "SB" in _only(night).cause.equivalent
    night.say(EvidenceKind.ALIVE, 60, meters_of("B"), volts=((228.0, 221.0, 225.0),))
    night.play(80)
    assert not night.detector.outages


def test_lost_phases_of_two_transformers_that_prove_one_line_are_merged() -> None:
    night = _night()
    read(night, 5, DYN11["A"], "B1")
    night.play(9)
    read(night, 10, DYN11["A"], "B2")
    read(night, 12, NORMAL, "A", "C")
    night.play(30)
    assert "SB" in _only(night).cause.equivalent
    assert {r.state for r in night.newest().values()} <= {OutageState.CONFIRMED, OutageState.MERGED}
