"""What the requirements' page says is what code, data and tests cite."""

from tests.requirement_coverage import PAGE, ROOMS, citations, page, requirements


def test_the_page_is_in_step() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.requirement_coverage --write"


def test_the_field_rooms_requirements_are_covered() -> None:
    """CUS, ORG, REP, NTF and TRN whole, REL-06 to REL-09."""
    code, tests = citations(ROOMS), citations(("tests",))
    wanted = [i for i in requirements() if i.split("-")[0] in {"CUS", "ORG", "REP", "NTF", "TRN"}]
    wanted += ["REL-06", "REL-07", "REL-08", "REL-09"]
    assert [i for i in wanted if i not in code or i not in tests] == []
