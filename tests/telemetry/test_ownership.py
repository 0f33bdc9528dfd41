"""Beyond the ownership boundary there is advice, no truck; and a truck that stays away must be right."""

from collections.abc import Mapping

import pytest

from geo.assemble import assemble
from geo.network import Network
from geo.rows import table
from geo.tree import energise
from telemetry.evidence import EvidenceKind
from telemetry.ownership import customer_side, owner_side
from tests.telemetry.nights import T0, Night

Row = Mapping[str, object]


def _network(owners: Mapping[str, str] | None = None) -> Network:
    """SUB –L– P ┬–TP (public)– two homes; └–F– –TD (the factory's own)– –K– its meter."""
    nodes = [("SUB", "substation", 10.0), ("P", "pole", 10.0), ("Q", "pole", 10.0),
             ("LP", "transformer_lv", 0.4), ("LD", "transformer_lv", 0.4),
             ("HALL", "access_point", 0.4)]  # fmt: skip
    edges = [("L", "line", "SUB", "P", ""), ("TP", "transformer", "P", "LP", "public"),
             ("F", "fuse", "P", "Q", ""), ("TD", "transformer", "Q", "LD", "dedicated"),
             ("K", "cable", "LD", "HALL", "")]  # fmt: skip
    meters = [("M1", "LP", "C1", "TT1"), ("M2", "LP", "C2", "TT1"), ("M9", "HALL", "C9", "TT2")]
    rows: dict[str, list[Row]] = {
        "nodes": [
            {"id": i, "kind": k, "name": i, "lon": "", "lat": "", "voltage_kv": kv} for i, k, kv in nodes
        ],
        "edges": [
            {"id": i, "kind": k, "from_id": a, "to_id": b, "closed": 1, "phases": "ABC", "length_m": 50.0,
             "name": i, "transformer_kind": t, "owner": (owners or {}).get(i, "")}
            for i, k, a, b, t in edges
        ],
        "meters": [
            {"id": m, "node_id": n, "customer_id": c, "phases": "ABC", "terminal_id": t}
            for m, n, c, t in meters
        ],
        "terminals": [{"id": "TT1", "edge_id": "TP"}, {"id": "TT2", "edge_id": "TD"}],
        "customers": [
            {"id": c, "name": c, "class": "resident", "priority": "normal", "phone": "", "address": "",
             "grid_id": "G", "access_point_id": ""}
            for c in ("C1", "C2", "C9")
        ],
    }  # fmt: skip
    return assemble({name: table(name, made) for name, made in rows.items()}).accepted()


def _side(network: Network, element: str) -> str:
    tree = energise(network)
    edge = network.edge_row[element]
    return customer_side(network, tree, int(tree.edge.tolist().index(edge)))


def test_a_dedicated_transformer_and_what_is_behind_it_is_the_customers() -> None:
    network = _network()
    assert [_side(network, e) for e in ("L", "TP", "F", "TD", "K")] == [
        "", "", "", "dedicated_transformer", "dedicated_transformer"
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["customer", "用户", "Private", " user "])
def test_the_owner_column_stands_above_the_kind(word: str) -> None:
    network = _network({"F": word, "TD": "company"})
    assert _side(network, "F") == "owner"
    assert _side(network, "TD") == ""


def test_a_class_that_is_mostly_the_companys_gets_a_truck() -> None:
    network = _network()
    tree = energise(network)
    assert owner_side(network, tree, [("TD", 0.60), ("F", 0.39)]) == ""
    assert owner_side(network, tree, [("TD", 0.97), ("F", 0.03)]) == "dedicated_transformer=TD"
    assert owner_side(network, tree, [("nowhere", 1.0)]) == ""


@pytest.mark.parametrize(("owners", "verdict"), [({"F": "customer"}, True), ({}, False)])
def test_the_verdict_stands_in_the_revision(owners: Mapping[str, str], verdict: bool) -> None:
    night = Night(_network(owners))
    night.say(EvidenceKind.ALIVE, -1, ["M1", "M2", "M9"])
    night.say(EvidenceKind.POWER_OFF, 10, ["M9"])
    night.say(EvidenceKind.POWER_OFF, 10.5, ["TT2"])
    night.say(EvidenceKind.ALIVE, 20, ["M1", "M2"])
    night.play(40)
    (revision,) = night.newest().values()
    assert bool(revision.owner_side) == verdict
    assert revision.started_at_ms - T0 <= 11_000
