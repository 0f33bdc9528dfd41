"""CIM XML: units, profiles in several files, what is refused; whatever a file holds ends in a report."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.adapters.cim import MAX_DEPTH, read_cim
from geo.adapters.cim_export import write_cim
from geo.adapters.csv_folder import read_folder
from geo.rules import Severity

CASE = Path(__file__).parent / "cases" / "cim-volts" / "source.xml"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="http://iec.ch/TC57/CIM100#"'
HEADER = (
    '<md:FullModel xmlns:md="http://iec.ch/TC57/61970-552/ModelDescription/1#" rdf:about="urn:uuid:1">'
    "<md:Model.profile>http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0</md:Model.profile></md:FullModel>"
)


def _kilo(text: str) -> str:
    """The same model in kV, km and MVA."""
    for volts, kilovolts in (
        ("nominalVoltage>110000", "nominalVoltage>110"), ("nominalVoltage>35000", "nominalVoltage>35"),
        ("nominalVoltage>10000", "nominalVoltage>10"), ("nominalVoltage>400", "nominalVoltage>0.4"),
        ("ratedU>110000", "ratedU>110"), ("ratedU>35000", "ratedU>35"), ("ratedU>10500", "ratedU>10.5"),
        ("ratedU>10000", "ratedU>10"), ("ratedU>400", "ratedU>0.4"), ("ratedS>50000000", "ratedS>50"),
        ("ratedS>200000", "ratedS>0.2"), ("length>850.5", "length>0.8505"), ("length>40", "length>0.04"),
    ):  # fmt: skip
        assert volts in text
        text = text.replace(volts, kilovolts)
    return text


def test_kilovolts_of_a_profile_are_the_same_network(tmp_path: Path) -> None:
    text = _kilo(CASE.read_text(encoding="utf-8"))
    head, first, rest = text.partition("  <cim:BaseVoltage")
    (tmp_path / "kilo.xml").write_text(f"{head}{HEADER}\n{first}{rest}", encoding="utf-8")
    kilo, volts = read_cim(tmp_path / "kilo.xml", set_aside=True), read_cim(CASE, set_aside=True)
    assert kilo.accepted().content_hash == volts.accepted().content_hash
    assert "units-guessed" not in {finding.rule for finding in kilo.findings}


def test_profiles_in_several_files_are_one_model(tmp_path: Path) -> None:
    (tmp_path / "eq.xml").write_text(CASE.read_text(encoding="utf-8"), encoding="utf-8")
    switch = '<cim:Breaker rdf:about="#_cb"><cim:Switch.normalOpen>true</cim:Switch.normalOpen></cim:Breaker>'
    state = f"<rdf:RDF {RDF}>{switch}</rdf:RDF>"
    (tmp_path / "ssh.xml").write_text(state, encoding="utf-8")
    network = read_cim(tmp_path, set_aside=True).accepted()
    assert not network.edges.closed[network.edge_row["cb"]]
    assert len(network.edges) == len(read_cim(CASE, set_aside=True).accepted().edges)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><x>&a;</x>", "document type declaration"),
        ("<x>" * (MAX_DEPTH + 1), "deeper than"),
        ("<x><y>", "no element found"),
        ("no xml at all", "syntax error"),
        ("", "no element found"),
        ("<html/>", "no CIM object in it"),
    ],
)
def test_what_could_do_harm_or_is_no_xml_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "x.xml").write_text(content, encoding="utf-8")
    assembled = read_cim(tmp_path / "x.xml")
    assert assembled.network is None
    (finding,) = assembled.findings
    assert finding.rule == "unreadable"
    assert told in finding.message


def test_the_same_network_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    network = read_folder(folder).accepted()
    for name in ("a.xml", "b.xml"):
        write_cim(network, tmp_path / name)
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()


def test_others_can_do_without_what_is_ours(folder: Path, tmp_path: Path) -> None:
    """Without our own property the standard classes still tell who is fed from where."""
    network = read_folder(folder).accepted()
    write_cim(network, tmp_path / "a.xml")
    lines = (tmp_path / "a.xml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "gridcrew:Row" not in line]
    (tmp_path / "a.xml").write_text("\n".join(kept), encoding="utf-8")
    plain = read_cim(tmp_path / "a.xml").accepted()
    assert plain.edges.ids == network.edges.ids
    assert plain.edges.from_node.tolist() == network.edges.from_node.tolist()
    assert plain.nodes.voltage_kv.tolist() == network.nodes.voltage_kv.tolist()
    assert plain.meters.node.tolist() == network.meters.node.tolist()
    assert plain.meters.phases.tolist() == network.meters.phases.tolist()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_a_model_holds_ends_in_a_network_or_a_report(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = CASE.read_text(encoding="utf-8").splitlines()
    start = data.draw(st.integers(2, len(lines) - 2))
    stop = data.draw(st.integers(start, min(len(lines) - 1, start + 4)))
    filling = data.draw(st.lists(st.sampled_from(lines[2:-1]), max_size=3))
    file = tmp_path_factory.mktemp("mangled") / "x.xml"
    file.write_text("\n".join([*lines[:start], *filling, *lines[stop:]]), encoding="utf-8")
    assembled = read_cim(file)
    errors = [finding for finding in assembled.findings if finding.severity is Severity.ERROR]
    assert (assembled.network is None) == bool(errors)
