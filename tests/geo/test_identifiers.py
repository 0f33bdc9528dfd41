"""The crosswalk: what a foreign id meant at an instant, through exchanges; contradictions are refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.adapters.crosswalk import LiveCrosswalk
from geo.adapters.csv_folder import read_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.errors import Finding
from geo.identifiers import Crosswalk
from geo.network import Identifiers
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate

HEAD = "system,foreign_id,own_id,from,to\n"
EXCHANGE = "HES,000123,M1,,2026-05-04\nHES,000123,M2,2026-05-04,\nHES,000777,M1,2026-05-04,\n"


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _table(rows: list[tuple[str, str, str, str, str]]) -> Identifiers:
    system, foreign, own, first, last = zip(*rows, strict=True) if rows else ((),) * 5
    return Identifiers(system, foreign, own, first, last)


def _findings(folder: Path, rows: str) -> list[Finding]:
    (folder / "identifiers.csv").write_text(HEAD + rows, encoding="utf-8")
    return list(read_folder(folder).findings)


def test_an_exchanged_meter_is_another_element_from_that_day_on(folder: Path) -> None:
    """The same number moves to another place; the place gets another number. Midnight is Shanghai's."""
    assert not _findings(folder, EXCHANGE)
    crosswalk = Crosswalk.of(read_folder(folder).accepted().identifiers)
    before, after = _ms("2026-05-03T15:59:59.999"), _ms("2026-05-03T16:00")
    assert crosswalk.find("HES", "000123", before) == "M1"
    assert crosswalk.find("HES", "000123", after) == "M2"
    assert crosswalk.find("HES", "000777", before) is None
    assert crosswalk.find("HES", "000777", after) == "M1"
    assert crosswalk.find("PMS", "000123", after) is None


def test_an_id_that_is_not_held_stays_as_it_is() -> None:
    resolve = Crosswalk.of(_table([("HES", "1", "M1", "", "2026-01-01")])).resolver("HES")
    assert resolve("9") == "9"
    assert resolve("1") == "1", "no longer valid now"
    assert resolve("1", _ms("2025-06-01")) == "M1"
    assert Crosswalk().resolver("PMS")("x") == "x"


def test_overlapping_validity_is_refused_with_both_rows_named(folder: Path) -> None:
    found = _findings(folder, "HES,1,M1,2026-01-01,2026-06-01\nHES,2,M2,,\nHES,1,M2,2026-05-31,\n")
    assert [finding.rule for finding in found] == ["overlapping-validity"]
    text = str(found[0])
    assert "identifiers.csv:4" in text, text
    assert "row 1 (from 2026-01-01 to 2026-06-01)" in text, text
    assert "'M1'" in text
    assert "'M2'" in text
    assert read_folder(folder).network is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("HES,1,M1,gestern,", "expected a date such as 2026-11-22 or empty, found 'gestern'"),
        ("HES,1,M1,2026-02-01,2026-01-01", "expected later than from"),
        ("HES,1,M1,9999999-01-01,", "expected a date"),
    ],
)
def test_a_wrong_span_is_refused_with_its_line(folder: Path, row: str, expected: str) -> None:
    found = _findings(folder, row + "\n")
    assert [finding.rule for finding in found] == ["bad-validity"]
    assert found[0].line == 2
    assert expected in found[0].message


DAYS = st.integers(min_value=1, max_value=28)
ROWS = st.tuples(st.sampled_from("ab"), st.sampled_from(["M1", "M2", "M3"]), DAYS, DAYS)


@given(rows=st.lists(ROWS, max_size=8), day=DAYS)
@settings(max_examples=80, deadline=None)
def test_it_answers_what_a_search_through_the_rows_finds(
    rows: list[tuple[str, str, int, int]], day: int
) -> None:
    """Taken one by one as long as they do not contradict each other."""
    taken: list[tuple[str, str, int, int]] = []
    for name, own, first, last in rows:
        free = all(
            other != name or meant == own or last <= since or until <= first
            for other, meant, since, until in taken
        )
        if first < last and free:
            taken.append((name, own, first, last))
    table = _table(
        [
            ("S", name, own, f"2026-01-{a:02}T00:00:00Z", f"2026-01-{b:02}T00:00:00Z")
            for name, own, a, b in taken
        ]
    )
    crosswalk = Crosswalk.of(table)
    for name in "ab":
        expected = {own for other, own, a, b in taken if other == name and a <= day < b}
        found = crosswalk.find("S", name, _ms(f"2026-01-{day:02}"))
        assert {found} - {None} == expected


def test_the_network_in_force_decides_and_a_new_one_is_seen(folder: Path, tmp_path: Path) -> None:
    location = str(tmp_path / "var")
    live = LiveCrosswalk(location, None, look_s=0)
    resolve = live.resolver("HES")
    assert resolve("000777") == "000777", "no database yet"
    engine = open_database(location, "network")
    migrate(engine, "network")
    store = SqlNetworkStore(engine, None)
    for at_ms, rows in ((1, EXCHANGE), (2, "HES,000777,M3,,\n")):
        assert not _findings(folder, rows)
        network = read_folder(folder).accepted()
        store.put(network, NetworkVersion(network.content_hash, at_ms, at_ms, "test"))
        assert resolve("000777") == ("M1" if at_ms == 1 else "M3")
    engine.dispose()
