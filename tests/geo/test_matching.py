"""The crosswalk from both sides: what systems lack, strangers, exchanges, conflicts."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from geo.adapters.csv_folder import read_folder
from geo.matching import Conflict, matching
from geo.network import Identifiers, Network

HEAD = "system,foreign_id,own_id,from,to\n"


def _network(folder: Path, rows: str) -> Network:
    (folder / "identifiers.csv").write_text(HEAD + rows, encoding="utf-8")
    return read_folder(folder).accepted()


def _at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def test_each_system_is_asked_about_what_it_names_by_area(folder: Path) -> None:
    network = _network(folder, "PMS,1,T1,,\nHES,9,M1,,\nMKT,70001,C1,,\nMKT,70002,C2,,\n")
    lacking = {
        (lack.system, lack.kind, lack.area, lack.elements, lack.of)
        for lack in matching(network, _at("2026-06-01")).unmatched
    }
    assert lacking == {
        ("PMS", "transformers", "T2", ("T2",), 1),
        ("HES", "meters", "T1", ("M2",), 2),
        ("HES", "meters", "T2", ("M3",), 1),
        ("MKT", "customers", "T2", ("C3",), 1),
    }


def test_an_id_that_has_ended_no_longer_matches(folder: Path) -> None:
    network = _network(folder, "HES,9,M1,,2026-05-04\nHES,10,M2,,\nHES,11,M3,,\n")
    assert not matching(network, _at("2026-05-01")).unmatched
    (lack,) = matching(network, _at("2026-05-05")).unmatched
    assert lack.elements == ("M1",)


def test_exchanges_are_told_in_their_order(folder: Path) -> None:
    network = _network(folder, "HES,B,M1,2026-05-04,\nHES,A,M1,,2026-05-04\nHES,A,M2,2026-05-04,\n")
    spans = [exchange.spans for exchange in matching(network, _at("2026-06-01")).exchanges]
    assert spans == [
        (("A", "M1", "", "2026-05-04"), ("A", "M2", "2026-05-04", "")),
        (("A", "M1", "", "2026-05-04"), ("B", "M1", "2026-05-04", "")),
    ]


def test_two_owners_at_one_time_are_a_conflict(folder: Path) -> None:
    network = replace(
        read_folder(folder).accepted(),
        identifiers=Identifiers(("HES", "HES"), ("A", "A"), ("M1", "M2"), ("", "2026-01-01"), ("", "")),
    )
    assert matching(network, _at("2026-06-01")).conflicts == (Conflict("HES", "A", ("M1", "M2"), (0, 1)),)


def test_what_names_nothing_of_ours_is_a_stranger(folder: Path) -> None:
    (stranger,) = matching(_network(folder, "HES,A,M9,,\n"), 0).strangers
    assert (stranger.foreign_id, stranger.own_id, stranger.row) == ("A", "M9", 0)
