"""Teams by headcount, skills of crews, rosters: who can do the work and is there to do it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import pytest

from field_api.adapters.data_files import shipped_work_types
from field_api.calendars import ZONE
from field_api.deadlines.working_days import WorkCalendar
from field_api.dispatch.problem import ALWAYS
from field_api.instants import milliseconds
from field_api.organisation.cells import (
    AreaKind,
    Crew,
    CrewState,
    GridCell,
    lacking,
    responsible_crew,
    unskilled_note,
)
from field_api.organisation.default import SKILLS, default_organisation
from field_api.organisation.establishment import problems
from field_api.organisation.shifts import DAY_MINUTES, Presence, Shift, presence, working_spans
from field_api.organisation.staffing import (
    Member,
    Person,
    Qualification,
    TeamKind,
    Unit,
    UnitKind,
    headcounts,
    skill_matrix,
    skills_by_crew,
    team_warnings,
)
from field_api.usecases.crew_book import Rosters

STATION = Unit("s", UnitKind.STATION, "c", "东河供电所")
SERVICE = Unit("s1", UnitKind.TEAM, "s", "供电服务班", team_kind=TeamKind.SERVICE)
BUSINESS = Unit("s2", UnitKind.TEAM, "s", "营业班", team_kind=TeamKind.BUSINESS)
GENERAL = Unit("s3", UnitKind.TEAM, "s", "综合班", team_kind=TeamKind.GENERAL)


def _people(count: int, unit: str = "s1") -> list[Person]:
    return [Person(f"{unit}-{number}", "人", unit) for number in range(count)]


def _rules(units: list[Unit], heads: int) -> list[str]:
    return [warning.rule for warning in team_warnings(units, _people(heads), 5)]


def test_org_05_up_to_twenty_heads_have_no_general_team() -> None:
    """ORG-05: the boundary is twenty."""
    assert _rules([STATION, SERVICE, BUSINESS, GENERAL], 20) == ["ORG-05"]
    assert _rules([STATION, SERVICE, BUSINESS], 20) == []
    assert _rules([STATION, SERVICE], 20) == []


def test_org_06_above_twenty_heads_three_teams_are_expected() -> None:
    """ORG-06: the boundary is twenty-one; what is missing is named."""
    assert _rules([STATION, SERVICE, BUSINESS, GENERAL], 21) == []
    (warning,) = team_warnings([STATION, SERVICE], _people(21), 5)
    assert (warning.rule, warning.unit_id) == ("ORG-06", "s")
    assert "营业班、综合班" in warning.zh
    assert "business, general" in warning.en


def test_org_07_only_the_service_team_is_numbered() -> None:
    """ORG-07: 供电服务一班 and 二班 may be, 营业一班 may not."""
    first, second = replace(SERVICE, number=1), replace(SERVICE, id="s1b", name="供电服务二班", number=2)
    assert _rules([STATION, first, second, BUSINESS], 5) == []
    assert _rules([STATION, SERVICE, replace(BUSINESS, number=1)], 5) == ["ORG-07"]
    assert _rules([STATION, SERVICE, BUSINESS, replace(BUSINESS, id="s4")], 5) == ["ORG-07"]


def test_heads_count_from_the_team_up_and_contractors_apart() -> None:
    units = [Unit("c", UnitKind.COMPANY, "", "公司"), STATION, SERVICE]
    units.append(Unit("x", UnitKind.CONTRACTOR, "s", "外协"))
    people = [*_people(3), *_people(2, "x"), Person("old", "人", "s1", until_ms=4)]
    assert headcounts(units, people, 5) == {"c": 3, "s": 3, "s1": 3, "x": 2}


def test_trn_02_the_matrix_holds_with_its_times() -> None:
    """TRN-02, ORG-04: who may do what at an instant; somebody without any skill is in it too."""
    people = [Person("anna", "安", "s1"), Person("bert", "柏", "s1")]
    skills = [Qualification("anna", "metering", 0, 10), Qualification("anna", "switching", 5)]
    assert skill_matrix(people, skills, 7) == {"anna": {"metering", "switching"}, "bert": frozenset()}
    assert skill_matrix(people, skills, 10)["anna"] == {"switching"}
    members = [Member("c1", "anna", until_ms=8), Member("c1", "bert")]
    assert skills_by_crew(members, skills, 7) == {"c1": {"metering", "switching"}}
    assert skills_by_crew(members, skills, 8) == {"c1": frozenset()}


def _crew(identifier: str, lon: float = 0.0, skills: str = "", shifts: tuple[Shift, ...] = ()) -> Crew:
    able = frozenset(skills.split())
    return Crew(identifier, identifier, ("G1",), CrewState.FREE, lon, 0.0, 0, "", able, shifts)


def _monday_to_friday(day: date) -> bool:
    return day.weekday() < 5


def _presence(shifts: Sequence[Shift], at_ms: int) -> Presence:
    return presence(shifts, at_ms, _monday_to_friday)


def _responsible(
    crews: Sequence[Crew], loads: Mapping[str, int] = MappingProxyType({}),
    skills: Collection[str] = (), at_ms: int = 0,
) -> Crew:  # fmt: skip
    return responsible_crew("G1", crews, loads, 0.0, 0.0, skills, at_ms, _monday_to_friday)


def test_trn_02_skills_gate_assignment() -> None:
    """TRN-02: a far, busy crew that can goes before a near, free one that cannot."""
    near, far = _crew("near"), _crew("far", 1.0, "metering switching")
    assert _responsible([near, far], {"far": 9}, {"metering"}).id == "far"
    assert _responsible([near, far]).id == "near"
    chosen = _responsible([near, far], skills={"metering", "live_line"})
    assert (chosen.id, lacking(chosen, {"metering", "live_line"})) == ("far", ("live_line",))
    assert "live_line" in unskilled_note(chosen, {"live_line"})
    assert unskilled_note(chosen, {"metering"}) == ""


def _ms(day: int, hour: int, minute: int = 0) -> int:
    """November 2026; the 22nd is a Sunday."""
    return milliseconds(datetime(2026, 11, day, hour, minute, tzinfo=ZONE))


def test_who_is_on_shift_goes_before_who_is_on_call_before_who_is_off() -> None:
    day, call = Shift("c", "12345", 8 * 60, 17 * 60 + 30), Shift("c", "all", 0, DAY_MINUTES, on_call=True)
    crews = [_crew("a-off", shifts=(day,)), _crew("b-call", shifts=(day, call)), _crew("c-always")]
    night = _ms(20, 23)
    assert [_presence(crew.shifts, night) for crew in crews] == [
        Presence.OFF,
        Presence.ON_CALL,
        Presence.ON_SHIFT,
    ]
    assert _responsible(crews, at_ms=night).id == "c-always"
    assert _responsible(crews[:2], {"b-call": 3}, at_ms=night).id == "b-call"
    assert _responsible(crews, at_ms=_ms(20, 9)).id == "a-off"
    assert _presence((day,), _ms(20, 17, 29)) is Presence.ON_SHIFT
    assert _presence((day,), _ms(20, 17, 30)) is Presence.OFF
    assert _presence((day,), _ms(22, 9)) is Presence.OFF


@pytest.mark.parametrize(
    ("day", "hour", "there"), [(20, 22, True), (21, 5, True), (21, 6, False), (20, 5, False)]
)
def test_a_night_shift_ends_on_the_next_day(day: int, hour: int, there: bool) -> None:
    """Begins Fridays at 22, ends Saturdays at 6."""
    night = Shift("c", "5", 22 * 60, 6 * 60)
    assert (_presence((night,), _ms(day, hour)) is Presence.ON_SHIFT) is there


def test_rosters_know_working_days_and_their_own_days() -> None:
    works = Shift("c", "work", 0, DAY_MINUTES, from_day=date(2026, 11, 21), until_day=date(2026, 11, 22))
    assert presence((works,), _ms(22, 9), lambda _: True) is Presence.ON_SHIFT
    assert _presence((works,), _ms(22, 9)) is Presence.OFF
    assert _presence((works,), _ms(23, 9)) is Presence.OFF
    assert _presence((replace(works, days="off"),), _ms(22, 9)) is Presence.ON_SHIFT


def test_the_invented_organisation_contradicts_nothing_and_can_do_everything() -> None:
    cells = [GridCell(f"G{n}", f"网格{n}", f"Cell {n}", AreaKind.URBAN, (0, 0, 1, 1)) for n in range(14)]
    crews = [Crew(f"c{n}", "班", (f"G{n}",), CrewState.FREE, 0, 0, 0) for n in range(14)]
    whole = default_organisation(cells, crews)
    assert problems(whole, {cell.id for cell in cells}, {crew.id for crew in crews}) == ()
    assert team_warnings(whole.units, whole.people, 0) == ()
    assert set().union(*(kind.skills for kind in shipped_work_types().values())) <= set(SKILLS)
    assert all(
        skills >= set(SKILLS) for skills in skills_by_crew(whole.members, whole.qualifications, 0).values()
    )
    assert not [person for person in whole.people if person.phone]


def test_hours_of_a_roster_join_and_change_only_at_midnight() -> None:
    """What planning gets: day and on-call hours together, across midnight."""
    day, night = Shift("c", "work", 8 * 60, 18 * 60), Shift("c", "work", 18 * 60, 6 * 60, on_call=True)
    friday = date(2026, 11, 20)
    assert working_spans((day, night), friday, 3, _monday_to_friday) == ((_ms(20, 8), _ms(21, 6)),)
    always = (Shift("c", "all", 0, DAY_MINUTES),)
    assert working_spans(always, friday, 3, _monday_to_friday) == ((_ms(20, 0), _ms(23, 0)),)
    assert working_spans((), friday, 3, _monday_to_friday) == ()


def test_trn_02_planning_knows_a_crews_skills_and_hours() -> None:
    """TRN-02: a crew of which nothing is known is not left at home."""
    book: Any = Rosters(lambda: WorkCalendar({}))
    known = book(
        None, _crew("a", skills="metering", shifts=(Shift("a", "5", 480, 1080),)), "urban", _ms(20, 9)
    )
    assert (known.can(frozenset({"metering"})), known.can(frozenset({"switching"}))) == (True, False)
    assert known.shifts_ms == ((_ms(20, 8), _ms(20, 18)), (_ms(27, 8), _ms(27, 18)))
    unknown = book(None, _crew("b"), "urban", _ms(20, 9))
    assert unknown.can(frozenset({"switching"}))
    assert unknown.shifts_ms == ALWAYS
