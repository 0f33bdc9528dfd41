"""RPT-09: the public page has a version and a date; older editions stay readable, changes are told."""

from pathlib import Path
from typing import Any

import pytest

from field_api.adapters.data_files import BadDataFile, site_information
from field_api.calendars import local_day
from field_api.service.public_information import changes
from tests.field_api.world import World

ONE = """version = 1
date = 2026-01-01
changed = { zh = "一", en = "one" }
[[sections]]
id = "a"
title = { zh = "甲", en = "A" }
text = { zh = "甲文", en = "text <b>of A</b>" }
"""
TWO = (
    ONE.replace("version = 1", "version = 2").replace("2026-01-01", "2026-03-01").replace('"甲文"', '"新文"')
)
LATER = ONE.replace("version = 1", "version = 3").replace("2026-01-01", "2027-01-01").replace('"a"', '"b"')


def _get(world: World, path: str) -> Any:
    """Without a login."""
    return world.app.test_client().get(f"/api/v1/public/information{path}")


def test_rpt_09_the_edition_in_force_has_version_date_and_both_languages(world: World) -> None:
    shown = _get(world, "").get_json()
    assert (shown["version"], shown["date"]) == (2, "2026-11-20")
    assert shown["date"] <= local_day(world.clock()).isoformat()
    assert all(set(one["title"]) == set(one["text"]) == {"zh", "en"} for one in shown["sections"])
    assert (shown["added"], shown["removed"]) == (["progress", "pick-a-manager"], [])
    assert shown["hotlines"] == ["95598", "12398"]


def test_rpt_09_older_editions_stay_readable(world: World) -> None:
    first = _get(world, "?version=1").get_json()
    assert (first["version"], first["date"]) == (1, "2026-10-01")
    assert [one["version"] for one in first["editions"]] == [1, 2]
    assert _get(world, "?version=9").status_code == 404
    world.clock.now_ms -= 30 * 86_400_000
    assert _get(world, "").get_json()["version"] == 1, "none holds before its day"
    assert _get(world, "?version=2").status_code == 404


@pytest.mark.parametrize(("language", "words"), [("zh", "到达时限"), ("en", "When a crew arrives")])
def test_rpt_09_people_read_it_as_a_page(world: World, language: str, words: str) -> None:
    page = _get(world, f"/page?language={language}")
    assert page.content_type.startswith("text/html")
    assert words in page.text
    assert "2026-11-20" in page.text
    assert "script" not in page.text


def test_rpt_09_a_sites_own_editions_stand_in_its_folder(tmp_path: Path) -> None:
    for name, text in (("2.toml", TWO), ("1.toml", ONE), ("3.toml", LATER)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    first, second, third = site_information(tmp_path)
    assert changes(first, second).reworded == ("a",)
    assert (changes(second, third).added, changes(second, third).removed) == (("b",), ("a",))
    assert [one.version for one in site_information(tmp_path / "nothing")] == [1, 2], "else the shipped ones"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ONE.replace("version = 1", "version = 2"), "without a gap"),
        (ONE.replace(', en = "A"', ""), "sections.0.title"),
        (ONE + ONE[ONE.index("[[") :], "a twice"),
        (ONE.replace("2026-01-01", '"soon"'), "date"),
    ],
)
def test_rpt_09_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "1.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataFile, match=words):
        site_information(tmp_path)
