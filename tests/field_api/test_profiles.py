"""Profiles: shipped ones over one another, the site's own over those, mistakes named with file and field."""

from datetime import date, time
from pathlib import Path

import pytest

from field_api.adapters.data_files import (
    BadDataFile,
    load_profile,
    shipped_profiles,
    shipped_work_types,
    site_profile,
)
from field_api.deadlines.limits import LimitUnit

OURS = """
name = "ours"
origin = "company order 12/2026"
extends = "simplified"
day_ends = "office_close"

[office]
opens = 08:00:00
closes = 17:00:00

[at_risk]
share = 0.5
minutes = 5

[[limits]]
clock = "arrival"
area = "urban"
minutes = 30
rule = "ours: 城区30分钟到达 · urban arrival 30 min"

[[limits]]
clock = "site_survey"
working_days = 1
effective_from = 2027-01-01
rule = "ours: 现场勘查1个工作日 · site survey 1 working day"

[[limits]]
clock = "site_survey"
working_days = 3
rule = "ours: 现场勘查3个工作日 · site survey 3 working days"
"""


def _written(folder: Path, text: str) -> Path:
    (folder / "ours.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_clock_of_every_work_type_has_a_limit_in_every_area(name: str) -> None:
    profile = load_profile(name)
    for work_type in shipped_work_types().values():
        for clock in work_type.clocks:
            for area in ("urban", "rural", "remote"):
                assert profile.limit(clock.name, area, date(2026, 11, 22), work_type.name).amount


@pytest.mark.parametrize(
    ("name", "clock", "case", "amount", "unit"),
    [
        ("promise", "connection", "lv_resident", 5, LimitUnit.WORKING_DAYS),
        ("promise", "connection", "hv_double", 32, LimitUnit.WORKING_DAYS),
        ("simplified", "connection", "lv_resident", 4, LimitUnit.WORKING_DAYS),
        ("simplified", "reconnection", "any", 24, LimitUnit.HOURS),
        ("city", "supporting_project", "any", 30, LimitUnit.WORKING_DAYS),
        ("city", "connection_when_ready", "any", 10, LimitUnit.CALENDAR_DAYS),
        ("streamlined", "supporting_project", "any", 10, LimitUnit.WORKING_DAYS),
        ("streamlined", "supporting_project", "small_micro", 5, LimitUnit.WORKING_DAYS),
        ("streamlined", "permit", "any", 2, LimitUnit.WORKING_DAYS),
    ],
)
def test_profiles_differ_where_their_sources_do(
    name: str, clock: str, case: str, amount: int, unit: LimitUnit
) -> None:
    limit = load_profile(name).limit(clock, "urban", date(2026, 11, 22), case)
    assert (limit.amount, limit.unit) == (amount, unit)


def test_a_sites_profile_goes_over_what_it_extends(tmp_path: Path) -> None:
    profile = site_profile("ours", _written(tmp_path, OURS))
    assert (profile.day_ends, profile.office.closes, profile.at_risk.share) == (
        "office_close", time(17), 0.5,
    )  # fmt: skip
    assert profile.limit("arrival", "urban").amount == 30
    assert profile.limit("arrival", "urban").origin == "company order 12/2026"
    assert profile.limit("arrival", "rural").amount == 90
    assert profile.limit("connection", "urban", case="lv_resident").amount == 4
    assert profile.limit("site_survey", "urban", date(2026, 12, 31)).amount == 3
    assert profile.limit("site_survey", "urban", date(2027, 1, 1)).amount == 1
    beside = profile.other_limit("arrival", "urban")
    assert beside is not None
    assert beside.amount == 60


def test_without_a_file_of_the_site_it_is_the_shipped_one(tmp_path: Path) -> None:
    assert site_profile("city", tmp_path) is load_profile("city")
    assert site_profile("city", None) is load_profile("city")


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("minutes = 30", "minutes = 30\nhours = 1", "limits.0: .*exactly one of minutes, hours"),
        ("minutes = 30", "", "limits.0: .*exactly one"),
        ("minutes = 30", "minutes = 0", "limits.0.minutes"),
        ('area = "urban"', 'area = "lunar"', "limits.0.area"),
        ('extends = "simplified"', 'extends = "none"', "profiles/none.toml: there is no such file"),
        ("closes = 17:00:00", "closes = 07:00:00", "office: .*opens before it closes"),
        ('name = "ours"', "name = ", "ours.toml: "),
    ],
)
def test_a_mistake_is_named_with_file_and_field(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    folder = _written(tmp_path, OURS.replace(wrong, right, 1))
    with pytest.raises(BadDataFile, match=told):
        site_profile("ours", folder)
