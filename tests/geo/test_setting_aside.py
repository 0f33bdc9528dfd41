"""Rows with errors may be left out, so that the feeders without one can go on."""

from collections.abc import Mapping
from pathlib import Path

from geo.adapters.csv_folder import read_folder
from geo.assemble import Assembled
from geo.judging import sound
from geo.rules import Severity
from tests.geo.conftest import FILES


def _with(folder: Path, changes: Mapping[str, tuple[str, str]]) -> Assembled:
    for name, (old, new) in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return read_folder(folder, set_aside=True)


def test_a_sound_network_is_the_same_with_or_without(folder: Path) -> None:
    lenient = read_folder(folder, set_aside=True)
    assert lenient.accepted().content_hash == read_folder(folder).accepted().content_hash
    assert (lenient.set_aside, lenient.findings) == (0, ())


def test_one_feeders_error_leaves_the_other_sound(folder: Path) -> None:
    edges = (
        FILES["edges.csv"]
        .replace("LN2,line,J1,J2,1", "CB2,breaker,S1,J2,1")
        .replace("T2,transformer,J2,L2", "T2,transformer,J2,L9")
    )
    found = _with(
        folder, {"edges.csv": (FILES["edges.csv"], edges), "sensors.csv": ("F1,LN2,fault_indicator\n", "")}
    )
    network = found.accepted()
    assert network.edges.ids == ("CB1", "CB2", "T1", "SV1")
    assert network.meters.ids == ("M1", "M2")
    told = {
        (finding.rule, finding.element, finding.line, finding.feeder)
        for finding in found.findings
        if finding.severity is Severity.ERROR
    }
    assert ("dangling-edge", "T2", 5, "CB2") in told
    assert told == {
        ("dangling-edge", "T2", 5, "CB2"),
        ("unknown-edge", "TT2", 3, "CB2"),
        ("unknown-terminal", "M3", 4, "CB2"),
    }
    assert sound(found.judged, "CB1")
    assert not sound(found.judged, "CB2")


def test_what_is_wrong_with_the_whole_still_refuses(folder: Path) -> None:
    found = _with(folder, {"nodes.csv": ("S1,substation", "S1,busbar")})
    assert found.network is None


def test_a_line_with_too_few_cells_counts_as_set_aside(folder: Path) -> None:
    found = _with(folder, {"meters.csv": ("M2,L1,C2,B,TT1", "M2,L1,C2,B")})
    assert found.set_aside == 1
    assert found.accepted().meters.ids == ("M1", "M3")
