"""What every store of the organisation must do. Runs on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from field_api.adapters.sql_desk import SqlDesk
from field_api.organisation.cells import AreaKind, Crew, CrewState, GridCell
from field_api.organisation.duties import Assignment, Duty
from field_api.organisation.establishment import KINDS, Establishment, changes
from field_api.organisation.rollout import PlanEntry, PlanStep
from field_api.organisation.shifts import Shift
from field_api.organisation.staffing import Member, Person, Qualification, TeamKind, Unit, UnitKind, Vehicle
from field_api.organisation.villages import Liaison, Village
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk
from tests.conftest import DatabaseFactory

WHOLE = Establishment(
    units=(
        Unit("c", UnitKind.COMPANY, "", "公司", "Company", lon=116.5),
        Unit("t", UnitKind.TEAM, "c", "班", team_kind=TeamKind.SERVICE, number=2),
    ),
    people=(
        Person("p1", "安", "t", phone="1", rating=4.5),
        Person("p2", "柏", "t", from_ms=5, until_ms=2**41),
    ),
    qualifications=(Qualification("p1", "metering", 0, 10), Qualification("p2", "switching")),
    assignments=(Assignment("G1", "p1", until_ms=10), Assignment("G1", "p2", work=False, from_ms=10)),
    members=(Member("c1", "p1", True), Member("c1", "p2", from_ms=20)),
    shifts=(Shift("c1", "work", 480, 1050, from_day=date(2026, 1, 1)), Shift("c1", "work", 480, 1050, True)),
    vehicles=(Vehicle("v1", "京A12345", "bucket", "c1"),),
    villages=(Village("v", "村", "G1", lat=39.0),),
    liaisons=(Liaison("v", "p1"),),
)


@pytest.fixture
def desk(database: DatabaseFactory) -> Desk:
    return SqlDesk(database("desk"))


def _enter(desk: Desk, before: Establishment, after: Establishment) -> None:
    with desk.writing() as session:
        session.establishment.change(changes(before, after))


def test_what_was_entered_is_read_and_again_changes_nothing(desk: Desk) -> None:
    _enter(desk, Establishment(), WHOLE)
    with desk.reading() as session:
        found = session.establishment.read()
    assert {kind: set(found.of_kind(kind)) for kind in KINDS} == {
        kind: set(WHOLE.of_kind(kind)) for kind in KINDS
    }
    assert changes(found, WHOLE).count == 0
    moved = replace(WHOLE.shifts[0], ends=1000)
    _enter(desk, found, replace(WHOLE, shifts=(moved,), vehicles=()))
    with desk.reading() as session:
        found = session.establishment.read()
    assert (found.shifts, found.vehicles, len(found.people)) == ((moved,), (), 2)


def test_org_01_the_manager_of_an_instant(desk: Desk) -> None:
    """ORG-01: the end is excluded, a duty that is not borne is nobody's."""
    _enter(desk, Establishment(), WHOLE)
    with desk.reading() as session:
        manager = session.establishment.manager
        assert [manager("G1", at_ms, Duty.ASSET) for at_ms in (0, 9, 10, 2**42)] == ["p1", "p1", "p2", "p2"]
        assert [manager("G1", at_ms, Duty.WORK) for at_ms in (9, 10)] == ["p1", ""]
        assert manager("G2", 5, Duty.SERVICE) == ""
        manages = session.establishment.manages
        assert [manages("p1", at_ms) for at_ms in (0, 9, 10)] == [True, True, False]
        assert [manages("p2", at_ms) for at_ms in (9, 10, 2**42)] == [False, True, True]
        assert not manages("nobody", 5)


@pytest.mark.parametrize(
    "second",
    [
        Establishment(assignments=(Assignment("G1", "p1", from_ms=99),)),
        Establishment(liaisons=(Liaison("v", "p2", 99),)),
    ],
    ids=["manager", "liaison"],
)
def test_org_17_a_second_active_one_is_refused_by_the_database(desk: Desk, second: Establishment) -> None:
    """ORG-17, ORG-01: also where somebody forgot to check; a successor takes the place in one change."""
    _enter(desk, Establishment(), WHOLE)
    with pytest.raises(IntegrityError):
        _enter(desk, Establishment(), second)
    ended = replace(
        WHOLE,
        assignments=(WHOLE.assignments[0], replace(WHOLE.assignments[1], until_ms=99), *second.assignments),
        liaisons=(replace(WHOLE.liaisons[0], until_ms=99), *second.liaisons),
    )
    _enter(desk, WHOLE, ended)


def test_trn_02_a_crew_can_what_its_members_can_at_that_instant(desk: Desk) -> None:
    """TRN-02: certificates end, members come later."""
    with desk.writing() as session:
        session.organisation.put_cell(GridCell("G1", "东", "East", AreaKind.RURAL, (1.0, 2.0, 3.0, 4.0)))
        session.organisation.put_crew(Crew("c1", "班", ("G1",), CrewState.FREE, 1.0, 2.0, 0, "t"))
    _enter(desk, Establishment(), WHOLE)
    with desk.reading() as session:
        skills = [session.organisation.crews(WHOLE_COMPANY, at_ms)[0].skills for at_ms in (5, 10, 20)]
        (crew,) = session.organisation.crews(WHOLE_COMPANY)
    assert skills == [{"metering"}, frozenset(), {"switching"}]
    assert (crew.unit_id, set(crew.shifts)) == ("t", set(WHOLE.shifts))
    with desk.writing() as session:
        session.organisation.put_crew(replace(crew, state=CrewState.WORKING))
    with desk.reading() as session:
        assert session.organisation.crews(WHOLE_COMPANY)[0].skills == crew.skills


def test_plans_and_changes_are_appended(desk: Desk) -> None:
    first = PlanEntry("p", 1, PlanStep.PROPOSE, 5, "u", "人", "好", ("v", "w"), "县")
    with desk.writing() as session:
        assert session.establishment.step_plan(first)
        assert not session.establishment.step_plan(first)
        assert not session.establishment.step_plan(replace(first, sequence=3))
        for at_ms in (1, 2):
            session.establishment.note(at_ms, "u", "人", "n", "{}")
    with desk.reading() as session:
        assert session.establishment.plan("p") == (first,)
        assert session.establishment.plans(5) == ("p",)
        assert [one.at_ms for one in session.establishment.noted(None, 9)] == [2, 1]
        assert [one.id for one in session.establishment.noted(2, 9)] == [1]
