"""The CSV doors: what comes in goes out unchanged, and what is wrong is told by file, line and element."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.adapters.csv_folder import read_folder, write_folder
from geo.assemble import assemble
from geo.errors import Finding, NetworkRefused
from geo.network import (
    ABSENT,
    CustomerClass,
    EdgeKind,
    Network,
    Phases,
    Priority,
    SensorKind,
    TransformerKind,
)
from geo.rows import Table, table
from geo.rules import Severity
from tests.geo.conftest import FILES


def _change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def _only(folder: Path, rule: str) -> Finding:
    found = [finding for finding in read_folder(folder).findings if finding.rule == rule]
    assert len(found) == 1, found
    return found[0]


def test_a_sound_folder_is_read_without_findings(folder: Path) -> None:
    assembled = read_folder(folder)
    assert assembled.findings == ()
    network = assembled.accepted()
    assert network.edges.kind[network.edge_row["LN2"]] == EdgeKind.LINE
    assert network.edges.transformer_kind.tolist() == [
        0,
        0,
        TransformerKind.PUBLIC,
        TransformerKind.PUBLIC,
        0,
    ]
    assert network.meters.phases.tolist() == [Phases.A, Phases.B, Phases.ABC]
    assert network.customers.priority.tolist() == [Priority.NORMAL, Priority.VULNERABLE, Priority.KEY]
    assert network.customers.customer_class[2] == CustomerClass.SMALL_MICRO
    assert network.customers.access_point.tolist() == [network.node_row["A1"], ABSENT, network.node_row["L2"]]
    assert network.sensors.kind.tolist() == [SensorKind.FAULT_INDICATOR]
    assert network.nodes.extra == {"owner_note": ("x", "", "a,b", "", "", "")}
    assert network.edges.extra["owner"][1] == "公司"
    assert np.isnan(network.edges.length_m[0])


def test_export_round_trips(folder: Path, tmp_path: Path) -> None:
    network = read_folder(folder).accepted()
    write_folder(network, tmp_path / "again")
    assert read_folder(tmp_path / "again").accepted().content_hash == network.content_hash


def test_a_reference_grid_round_trips(oberrhein: Network, tmp_path: Path) -> None:
    write_folder(oberrhein, tmp_path)
    assert read_folder(tmp_path).accepted().content_hash == oberrhein.content_hash


def test_byte_order_mark_and_line_ends_do_not_matter(folder: Path) -> None:
    before = read_folder(folder).accepted().content_hash
    for file in FILES:
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_folder(folder).accepted().content_hash == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nodes.csv", "一号杆", "一号塔"),
        ("nodes.csv", '"a,b"', "b"),
        ("edges.csv", "850", "851"),
        ("customers.csv", "李四", "李五"),
        ("meters.csv", "M2,L1,C2,B", "M2,L1,C2,C"),
        ("identifiers.csv", "12345", "12346"),
        ("edges.csv", "LN2,line,J1,J2,1", "LN2,cable,J1,J2,1"),
    ],
)
def test_any_change_changes_the_hash(folder: Path, file: str, old: str, new: str) -> None:
    before = read_folder(folder).accepted().content_hash
    _change(folder, file, old, new)
    assert read_folder(folder).accepted().content_hash != before


def test_a_customer_of_high_voltage_may_be_measured_there(folder: Path) -> None:
    _change(folder, "meters.csv", "M2,L1,C2,B,TT1", "M2,J2,C2,B,")
    assert read_folder(folder).network is None
    _change(folder, "customers.csv", "C2,李四,resident", "C2,李四,high_voltage")
    assert read_folder(folder).accepted().meters.ids.count("M2") == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "rule", "line", "element"),
    [
        ("edges.csv", "J1,J2,1", "J1,J9,1", "dangling-edge", 3, "LN2"),
        ("edges.csv", "J1,J2,1", "J1,,1", "empty-reference", 3, "LN2"),
        ("edges.csv", "LN2,line", "LN2,lime", "unknown-kind", 3, "LN2"),
        ("nodes.csv", "J2,pole", "J2,poel", "unknown-kind", 4, "J2"),
        ("nodes.csv", "J2,pole", "J1,pole", "duplicate-id", 4, "J1"),
        ("meters.csv", "M1,A1", "SV1,A1", "duplicate-id", 2, "SV1"),
        ("terminals.csv", "TT2,T2", "T1,T2", "duplicate-id", 3, "T1"),
        ("customers.csv", "C2,李四", "C1,李四", "duplicate-id", 3, "C1"),
        ("sensors.csv", "F1,LN2", "F1,LN9", "unknown-edge", 2, "F1"),
        ("sensors.csv", "F1,LN2,fault_indicator", "F1,LN2,eye", "unknown-kind", 2, "F1"),
        ("terminals.csv", "TT2,T2", "TT2,T9", "unknown-edge", 3, "TT2"),
        ("terminals.csv", "TT2,T2", "TT2,LN2", "terminal-not-on-transformer", 3, "TT2"),
        ("meters.csv", "M2,L1", "M2,L9", "unknown-node", 3, "M2"),
        ("meters.csv", "M2,L1,C2,B,TT1", "M2,,C2,B,", "meter-without-place", 3, "M2"),
        ("meters.csv", "M2,L1,C2,B,TT1", "M2,J2,C2,B,", "meter-without-transformer", 3, "M2"),
        ("meters.csv", "M2,L1,C2", "M2,L1,C9", "unknown-customer", 3, "M2"),
        ("meters.csv", "M2,L1,C2,B,TT1", "M2,L1,C2,B,TT9", "unknown-terminal", 3, "M2"),
        ("meters.csv", "M2,L1,C2,B,TT1", "M2,L1,C2,B", "column-count", 3, "M2"),
        ("meters.csv", "M2,L1,C2,B,TT1", "M2,L1,C2,BD,TT1", "bad-phases", 3, "M2"),
        ("meters.csv", "M2,L1", ",L1", "missing-id", 3, ""),
        ("edges.csv", "LN2,line,J1,J2,1", "LN2,line,J1,J2,yes", "bad-flag", 3, "LN2"),
        ("edges.csv", "850", "long", "bad-number", 3, "LN2"),
        ("edges.csv", "850", "-1", "bad-number", 3, "LN2"),
        ("edges.csv", "850", "nan", "bad-number", 3, "LN2"),
        ("nodes.csv", "116.01,39.0,10", "216.01,39.0,10", "bad-number", 3, "J1"),
        ("nodes.csv", "S1,substation", "S1,busbar", "no-source", None, ""),
        ("customers.csv", "small_micro", "smal_micro", "unknown-kind", 4, "C3"),
        ("customers.csv", "一号院,G1,A1", "一号院,G1,A9", "unknown-node", 2, "C1"),
        ("edges.csv", "closed,", "close,", "missing-column", 1, ""),
        ("edges.csv", "id,kind,from_id", "id,id,from_id", "duplicate-column", 1, ""),
        ("nodes.csv", '"a,b"', '"a"b', "broken-csv", 4, ""),
    ],
)
def test_bad_input_is_refused_by_file_line_and_element(
    folder: Path, file: str, old: str, new: str, rule: str, line: int | None, element: str
) -> None:
    _change(folder, file, old, new)
    findings = [finding for finding in read_folder(folder).findings if finding.rule == rule]
    assert findings
    first = findings[0]
    assert first.severity is Severity.ERROR
    assert (first.place, first.line, first.element) == (file, line, element)
    with pytest.raises(NetworkRefused):
        read_folder(folder).accepted()


@pytest.mark.parametrize(
    ("file", "old", "new", "rule", "where"),
    [
        ("meters.csv", "M2,L1", "M2,", "place-unknown", ("meters.csv", 3, "M2")),
        ("meters.csv", "M2,L1", "M2,T1", "place-unknown", ("meters.csv", 3, "M2")),
        ("meters.csv", "M2,L1", "M2,TT1", "place-unknown", ("meters.csv", 3, "M2")),
        ("meters.csv", "C2,B,TT1", "C2,B,TT2", "terminal-of-another-area", ("meters.csv", 3, "M2")),
        ("meters.csv", "M3,L2,C3,ABC,TT2\n", "", "transformer-without-meters", ("edges.csv", 5, "T2")),
        ("customers.csv", "C2,", "C4,,,,,,,\nC2,", "customer-without-meter", ("customers.csv", 3, "C4")),
        ("edges.csv", "SV1,", "X1,cable,J2,J1,1,ABC,900,,,,\nSV1,", "loop", ("edges.csv", 6, "X1")),
        ("edges.csv", "SV1,", "X1,cable,J2,S1,1,ABC,2000,,,,\nSV1,", "two-feeds", ("edges.csv", 3, "LN2")),
        ("edges.csv", "SV1,", "X1,cable,L2,L1,1,ABC,900,,,,\nSV1,", "two-feeds", ("edges.csv", 6, "X1")),
        ("edges.csv", "SV1,", "X1,cable,J2,J2,1,ABC,900,,,,\nSV1,", "same-ends", ("edges.csv", 6, "X1")),
        ("edges.csv", "SV1,", "X1,cable,J2,L2,1,ABC,900,,,,\nSV1,", "wrong-voltage", ("edges.csv", 6, "X1")),
        ("edges.csv", "850", "200", "too-short", ("edges.csv", 3, "LN2")),
        ("nodes.csv", "39.001,0.4,\nL2", "39.001,10,\nL2", "wrong-voltage-of-kind", ("nodes.csv", 5, "L1")),
        ("nodes.csv", "116.011,39.001", "116.111,39.001", "meter-far", ("meters.csv", 2, "M1")),
        ("nodes.csv", "A1,access", "A2,pole,,,,,\nA1,access", "orphan", ("nodes.csv", 7, "A2")),
        ("edges.csv", "LN2,line,J1,J2,1", "LN2,line,J1,J1,1", "island", ("nodes.csv", 4, "J2")),
        ("edges.csv", "line,J1,J2,1", "line,J1,J2,0", "out-of-service", ("edges.csv", 3, "LN2")),
        ("edges.csv", "line,J1,J2,1", "switch,J1,J2,0", "unsupplied", ("nodes.csv", 4, "J2")),
        ("nodes.csv", "二号杆,116.02,", "二号杆,,", "no-coordinates", ("nodes.csv", 4, "J2")),
        ("identifiers.csv", "12345,T1", "12345,T7", "unknown-own-id", ("identifiers.csv", 2, "PMS")),
    ],
)
def test_doubts_are_warnings_and_the_network_is_taken(
    folder: Path, file: str, old: str, new: str, rule: str, where: tuple[str, int, str]
) -> None:
    _change(folder, file, old, new)
    finding = _only(folder, rule)
    assert finding.severity is Severity.WARNING
    assert (finding.place, finding.line, finding.element) == where
    read_folder(folder).accepted()


def test_a_device_without_a_length_is_no_doubt(folder: Path) -> None:
    _change(folder, "edges.csv", "850", "0")
    assert _only(folder, "too-short").element == "LN2"
    _change(folder, "edges.csv", "LN2,line", "LN2,switch")
    assert not [found for found in read_folder(folder).findings if found.rule == "too-short"]


def test_a_meter_of_unknown_place_hangs_on_its_transformer(folder: Path) -> None:
    _change(folder, "meters.csv", "M2,L1", "M2,T1")
    network = read_folder(folder).accepted()
    assert network.nodes.ids[network.meters.node[1]] == "L1"


def test_a_list_of_areas_and_customers_becomes_stars(folder: Path) -> None:
    _change(folder, "nodes.csv", "L2,transformer_lv,二台区,116.02,39.001,0.4,\n", "")
    _change(folder, "edges.csv", "T2,transformer,J2,L2", "T2,transformer,J2,")
    (folder / "meters.csv").unlink()
    (folder / "customers.csv").write_text(
        FILES["customers.csv"].replace("access_point_id", "access_point_id,transformer_id")
        .replace("G1,A1", "G1,A1,T1").replace("G1,\n", "G1,,TT1\n").replace("G2,L2", "G2,,T2")
    )  # fmt: skip
    assembled = read_folder(folder)
    told = [(finding.rule, finding.element, finding.place, finding.line) for finding in assembled.findings]
    assert told == [
        ("meter-made", "C1", "customers.csv", 2), ("meter-made", "C2", "customers.csv", 3),
        ("meter-made", "C3", "customers.csv", 4), ("place-unknown", "C1-M", "customers.csv", 2),
        ("place-unknown", "C2-M", "customers.csv", 3), ("place-unknown", "C3-M", "customers.csv", 4),
        ("low-side-made", "T2", "edges.csv", 5),
    ]  # fmt: skip
    network = assembled.accepted()
    hangs_on = [network.nodes.ids[node] for node in network.meters.node]
    assert hangs_on == ["L1", "L1", "T2-LV"]
    assert network.nodes.lon[network.node_row["T2-LV"]] == 116.02


def test_customers_whom_only_meters_name_are_made(folder: Path) -> None:
    (folder / "customers.csv").unlink()
    assembled = read_folder(folder)
    told = [(found.element, found.line) for found in assembled.findings if found.rule == "customer-made"]
    assert told == [("M1", 2), ("M2", 3), ("M3", 4)]
    network = assembled.accepted()
    assert network.customers.ids == ("C1", "C2", "C3")
    assert network.meters.customer.tolist() == [0, 1, 2]


def test_a_file_that_is_not_utf8_names_its_line(folder: Path) -> None:
    text = (folder / "customers.csv").read_text(encoding="utf-8")
    (folder / "customers.csv").write_bytes(text.encode("gb18030"))
    finding = _only(folder, "bad-encoding")
    assert (finding.place, finding.line) == ("customers.csv", 2)
    assert finding.message == "not UTF-8, probably GBK; save the file as UTF-8"


@pytest.mark.parametrize("file", ["nodes.csv", "edges.csv", "meters.csv"])
def test_a_missing_or_empty_file_is_told(folder: Path, file: str) -> None:
    (folder / file).write_text("")
    assert any(finding.place == file for finding in read_folder(folder).findings)
    (folder / file).unlink()
    assert _only(folder, "missing-table").place == file


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "nowhere").findings[0].rule == "no-folder"


def test_a_thousand_equal_mistakes_make_a_short_report() -> None:
    nodes = table("nodes.csv", [_node("S", "substation"), *(_node(f"N{i}", "tree") for i in range(1000))])
    edges = Table("edges.csv", dict.fromkeys(FILES["edges.csv"].splitlines()[0].split(","), ()))
    findings = assemble({"nodes": nodes, "edges": edges, "meters": _no_meters()}).findings
    kinds = [finding for finding in findings if finding.rule == "unknown-kind"]
    assert len(kinds) <= 101


def _node(identifier: str, kind: str) -> dict[str, object]:
    return {"id": identifier, "kind": kind, "name": "", "lon": 1.0, "lat": 1.0, "voltage_kv": 10}


def _no_meters() -> Table:
    return Table("meters.csv", dict.fromkeys(("id", "node_id", "customer_id", "phases", "terminal_id"), ()))


def _mangled(text: str) -> Callable[[st.DataObject], str]:
    def draw(data: st.DataObject) -> str:
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 12)))
        return text[:start] + data.draw(st.text(max_size=6)) + text[stop:]

    return draw


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(sorted(FILES)))
def test_whatever_a_file_holds_ends_in_a_network_or_a_report(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, file: str
) -> None:
    folder = tmp_path_factory.mktemp("mangled")
    for name, text in FILES.items():
        content = _mangled(text)(data) if name == file else text
        (folder / name).write_bytes(content.encode("utf-8", errors="surrogatepass"))
    assembled = read_folder(folder)
    errors = [finding for finding in assembled.findings if finding.severity is Severity.ERROR]
    assert (assembled.network is None) == bool(errors)
