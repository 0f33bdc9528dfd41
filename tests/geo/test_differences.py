"""What changed between two networks, told by ids."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.adapters.csv_folder import read_folder
from geo.differences import Differences, differences
from geo.network import Network
from tests.geo.conftest import FILES


def _network(folder: Path, *changes: tuple[str, str]) -> Network:
    folder.mkdir(exist_ok=True)
    texts = "\0".join(FILES.values())
    for old, new in changes:
        assert old in texts
        texts = texts.replace(old, new)
    for name, text in zip(FILES, texts.split("\0"), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return read_folder(folder).accepted()


def _between(folder: Path, *changes: tuple[str, str]) -> Differences:
    return differences(_network(folder / "a"), _network(folder / "b", *changes))


def test_the_same_twice_changed_nothing(tmp_path: Path) -> None:
    assert _between(tmp_path).nothing_changed


def test_another_order_of_rows_changed_nothing(tmp_path: Path) -> None:
    found = _between(
        tmp_path, ("C1,张三,resident,normal,,一号院,G1,A1\nC2,李四", "C2,李四"),
        ("G2,L2\n", "G2,L2\nC1,张三,resident,normal,,一号院,G1,A1\n"),
    )  # fmt: skip
    assert found.nothing_changed
    assert [name for name, table in found.tables.items() if table.reordered] == ["customers"]


def test_fields_are_told_before_and_after(tmp_path: Path) -> None:
    found = _between(tmp_path, ("850", "900"), ("二号线", "二号线路"))
    (change,) = found.tables["edges"].changed
    assert change.id == "LN2"
    assert change.fields == {"length_m": ("850.0", "900.0"), "name": ("二号线", "二号线路")}
    assert len(found) == 1


def test_what_came_and_went_is_told(tmp_path: Path) -> None:
    found = _between(tmp_path, ("F1,LN2", "F2,LN2"), ("2025-01-01,", "2025-01-01,2026-01-01"))
    assert (found.tables["sensors"].added, found.tables["sensors"].removed) == (("F2",), ("F1",))
    (change,) = found.tables["identifiers"].changed
    assert change.fields == {"to": ("", "2026-01-01")}


def test_a_customer_on_another_transformer_has_moved(tmp_path: Path) -> None:
    found = _between(tmp_path, ("M2,L1,C2,B,TT1", "M2,L2,C2,B,TT2"))
    assert [(move.customer, move.before, move.after) for move in found.moved] == [("C2", ("T1",), ("T2",))]


def test_a_moved_line_moves_those_below_without_changing_their_rows(tmp_path: Path) -> None:
    found = _between(tmp_path, ("SV1,service,L1,A1", "SV1,service,L2,A1"), ("M1,A1,C1,A,TT1", "M1,A1,C1,A,"))
    assert [move.customer for move in found.moved] == ["C1"]
    assert not found.tables["customers"].changed


@pytest.mark.parametrize("column", ["owner_note"])
def test_unread_columns_count(tmp_path: Path, column: str) -> None:
    found = _between(tmp_path, (column, "another"))
    fields = [set(change.fields) for change in found.tables["nodes"].changed]
    assert fields == [{"owner_note", "another"}] * 2


@settings(max_examples=25, deadline=None)
@given(
    seed=st.permutations(range(1, 4)),
    dropped=st.sets(st.sampled_from(["F1", "M3", "C9"])),
)
def test_there_and_back_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: list[int], dropped: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("there")
    lines = FILES["customers.csv"].splitlines()
    shuffled = "\n".join([lines[0], *(lines[at] for at in seed)]) + "\n"
    changes = [(FILES["customers.csv"], shuffled)]
    changes += [("F1,LN2,fault_indicator\n", "")] if "F1" in dropped else []
    changes += [("M3,L2,C3,ABC,TT2\n", "")] if "M3" in dropped else []
    first, second = _network(folder / "a"), _network(folder / "b", *changes)
    there, back = differences(first, second), differences(second, first)
    assert len(there) == len(back) == len(dropped & {"F1", "M3"})
    for name, table in there.tables.items():
        assert table.added == back.tables[name].removed
        assert set(table.removed) == set(back.tables[name].added)
