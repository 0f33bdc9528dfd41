"""A site's own figures and table of drives: what they change, and what is said of mistakes."""

from pathlib import Path

import pytest

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.dispatch_files import dispatch_policy, travel_model
from geo.travel import usual_travel


def test_a_site_names_only_what_it_sees_otherwise(tmp_path: Path) -> None:
    (tmp_path / "dispatch.toml").write_text("[importance]\nkey = 5\n", encoding="utf-8")
    own, shipped = dispatch_policy(tmp_path), dispatch_policy()
    assert own.importance["key"] == 5
    assert own.importance["vulnerable"] == shipped.importance["vulnerable"]
    assert own.late == shipped.late


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[costs]\nchange = -1\n", "costs.change"),
        ("[costs]\nhaste = 1\n", "costs.haste"),
        ("[doubt]\nquantile = 1.0\n", "doubt.quantile"),
        ("costs = 3\n", "costs"),
        ("[costs\n", "line 1"),
    ],
)
def test_a_figure_that_cannot_be_used_names_file_and_field(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "dispatch.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataFile, match=told) as refused:
        dispatch_policy(tmp_path)
    assert str(tmp_path) in str(refused.value)


def test_drives_between_cells_are_read(tmp_path: Path) -> None:
    assert travel_model(tmp_path) == usual_travel()
    (tmp_path / "travel.csv").write_text(
        "from_cell,to_cell,minutes\nG1,G2,25\nG2,G1,31.5\n", encoding="utf-8"
    )
    assert travel_model(tmp_path).between_cells == {("G1", "G2"): 25.0, ("G2", "G1"): 31.5}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from,to,minutes\n", "line 1"),
        ("from_cell,to_cell,minutes\nG1,G2,soon\n", "line 2: minutes"),
        ("from_cell,to_cell,minutes\nG1,G2,5\nG1,G3,nan\n", "line 3: minutes"),
        ("from_cell,to_cell,minutes\nG1,G2\n", "line 2: minutes"),
    ],
)
def test_a_drive_that_cannot_be_used_names_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "travel.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataFile, match=told):
        travel_model(tmp_path)
