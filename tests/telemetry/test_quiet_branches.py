"""What is quiet in a fresh outage is asked, and waited for, before anybody is told that they are out."""

from telemetry.evidence import EvidenceKind
from telemetry.inquiry import Inquiry
from telemetry.outages import OutageState
from telemetry.quiet_branches import quiet_branches
from telemetry.scope import slice_below
from tests.telemetry.nights import ALL, T0, Night, under

STREET = under("B21")
NEIGHBOURS = under("B22")


def _misplaced_street() -> Night:
    """TB1 fails; the street B21, recorded below TB2, goes with it."""
    night = Night()
    night.frames(0, ALL)
    night.play(5)
    night.gasp(10, (*under("B1"), *STREET), spread_s=0.1)
    return night


def _confirmed(night: Night) -> dict[str, float]:
    """Cause → when its outage was first confirmed, in seconds."""
    found: dict[str, float] = {}
    for revision in night.revisions:
        if revision.state is OutageState.CONFIRMED:
            found.setdefault(revision.cause.element, (revision.at_ms - T0) / 1000)
    return found


def test_the_neighbours_answer_and_nobody_is_told_wrongly() -> None:
    night = _misplaced_street()
    night.say(EvidenceKind.ALIVE, 15, NEIGHBOURS[:3])
    night.play(60)
    assert set(_confirmed(night)) == {"TB1", "LLB21"}


def test_a_branch_that_says_nothing_is_waited_for_a_moment_and_no_longer() -> None:
    night = _misplaced_street()
    night.play(60)
    (confirmed_s,) = _confirmed(night).values()
    assert 22 <= confirmed_s <= 26


def test_a_poll_unanswered_ends_the_wait() -> None:
    night = _misplaced_street()
    night.say(EvidenceKind.SILENT, 15, NEIGHBOURS[:1])
    night.play(60)
    (confirmed_s,) = _confirmed(night).values()
    assert confirmed_s <= 16


def test_some_of_the_quiet_branch_are_asked() -> None:
    night, inquiry = _misplaced_street(), Inquiry()
    night.play(14)
    asked = {question.meter for question in inquiry.questions(night.detector, T0 + 14_000)}
    assert asked & set(NEIGHBOURS)
    assert not asked & {*under("A"), *under("C")}


def test_quiet_is_what_neither_spoke_nor_is_blocked() -> None:
    night = _misplaced_street()
    night.play(14)
    sight = night.detector.sight_at("LB")
    assert sight is not None
    scene = sight.scene
    part = slice_below(scene.network, scene.tree, "LB")
    (quiet,) = quiet_branches(scene, sight.posterior, part, T0 + 10_000)
    assert {scene.network.meters.ids[row] for row in scene.devices.meters(quiet)} == set(NEIGHBOURS)


def test_transformers_that_are_certain_one_by_one_are_one_confirmed_outage() -> None:
    """A line fails: each of its transformers speaks at once and fully, half a second after the other."""
    night = Night()
    night.frames(0, ALL)
    night.play(5)
    for number, meters in enumerate((under("A1"), under("B2"), under("C1"), under("A2"), under("C2"))):
        for meter in meters:
            night.say(EvidenceKind.POWER_OFF, 10, [meter], 10.6 + 0.5 * number)
    night.say(EvidenceKind.SILENT, 14, under("B1")[:1])
    night.play(60)
    assert len({r.outage_id for r in night.revisions if r.state is OutageState.CONFIRMED}) == 1
