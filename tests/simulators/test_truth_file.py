"""The truth on disk: intervals for scoring, and a clear word about a broken line."""

from pathlib import Path

import pytest

from simulators.adapters.truth_file import Interval, TruthFile, intervals
from simulators.errors import SimulatorError
from simulators.practice import TruthEntry


def test_intervals_say_who_was_out_from_when_to_when(tmp_path: Path) -> None:
    file = TruthFile(tmp_path / "sim" / "truth.jsonl")
    file.begin({"seed": 1})
    file.append([TruthEntry(10, "trip", ("T1",), ("a", "b"), ())])
    file.append([TruthEntry(20, "restore", ("T1",), (), ("a",)), TruthEntry(30, "trip", ("T2",), ("c",), ())])
    found = list(intervals(tmp_path / "sim" / "truth.jsonl"))
    assert found == [Interval("a", 10, 20), Interval("b", 10, None), Interval("c", 30, None)]


def test_a_new_run_begins_with_everybody_supplied(tmp_path: Path) -> None:
    file = TruthFile(tmp_path / "truth.jsonl")
    file.append([TruthEntry(10, "trip", ("T1",), ("a",), ())])
    file.begin({"seed": 2})
    file.append([TruthEntry(50, "trip", ("T1",), ("a",), ()), TruthEntry(60, "mend", ("T1",), (), ("a",))])
    assert list(intervals(tmp_path / "truth.jsonl")) == [Interval("a", 10, None), Interval("a", 50, 60)]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text('{"run": {}}\n{"at_ms": 1\n', encoding="utf-8")
    with pytest.raises(SimulatorError, match=r"truth.jsonl:2: not a line of JSON"):
        list(intervals(path))
