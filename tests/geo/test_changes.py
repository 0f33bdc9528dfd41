"""Versions: feeders go live by approval, keep their last good version, and come back; edits leave a trace."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.adapters.network_proposals import SqlProposals
from geo.adapters.network_store import SqlNetworkStore
from geo.assemble import Assembled, assemble
from geo.changes import Author, ChangeRefused, NetworkChanges
from geo.composition import compose, labels_of, taken_together
from geo.editing import Edit, EditRefused, edited
from geo.errors import NetworkRefused
from geo.feeders import feeders_of
from geo.network import Network
from geo.ports import NetworkVersion
from geo.proposals import FeederState, propose, ready
from geo.rows import Table, table
from geo.spelling import spelled
from tests.conftest import DatabaseFactory

ANN = Author("Ann", 5_000, "night of the storm")


def _network(feeders: Mapping[str, int], lines: str = "L") -> dict[str, Table]:
    """A station with a busbar; each feeder is a breaker, a line, a transformer and so many customers."""
    nodes: list[dict[str, Any]] = [_node("SUB", "substation", 10), _node("BUS", "busbar", 10)]
    edges = [_edge("MAIN", "breaker", "SUB", "BUS")]
    meters, customers = [], []
    for name, count in feeders.items():
        nodes += [
            _node(f"{name}1", "pole", 10),
            _node(f"{name}2", "pole", 10),
            _node(f"{name}L", "transformer_lv", 0.4),
        ]
        edges += [
            _edge(f"CB{name}", "breaker", "BUS", f"{name}1"),
            _edge(f"{lines}{name}", "line", f"{name}1", f"{name}2"),
            _edge(f"T{name}", "transformer", f"{name}2", f"{name}L"),
        ]
        for n in range(count):
            meters.append({"id": f"M{name}{n}", "node_id": f"{name}L", "customer_id": f"C{name}{n}",
                           "phases": "ABC", "terminal_id": ""})  # fmt: skip
            customers.append(_customer(f"C{name}{n}"))
    rows = {"nodes": nodes, "edges": edges, "meters": meters, "customers": customers}
    tables = {name: table(f"{name}.csv", made) for name, made in rows.items()}
    for name, columns in (("terminals", ("id", "edge_id")), ("sensors", ("id", "edge_id", "kind"))):
        tables[name] = Table(f"{name}.csv", dict.fromkeys(columns, ()))
    return tables


def _node(name: str, kind: str, kv: float) -> dict[str, Any]:
    return {"id": name, "kind": kind, "name": name, "lon": "", "lat": "", "voltage_kv": kv}


def _edge(name: str, kind: str, start: str, end: str) -> dict[str, Any]:
    return {"id": name, "kind": kind, "from_id": start, "to_id": end, "closed": 1, "phases": "ABC",
            "length_m": 10.0, "name": name}  # fmt: skip


def _customer(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "class": "resident", "priority": "normal", "phone": "", "address": "",
            "grid_id": "G", "access_point_id": ""}  # fmt: skip


def _read(feeders: Mapping[str, int], lines: str = "L") -> Network:
    return assemble(_network(feeders, lines)).accepted()


LIVE = _read({"A": 3, "B": 2, "C": 2})


class _Company:
    def __init__(self, database: DatabaseFactory) -> None:
        engine = database("network")
        self.store, self.proposals = SqlNetworkStore(engine, None), SqlProposals(engine)
        self.changes = NetworkChanges(self.store, self.proposals)
        self.store.put(LIVE, NetworkVersion(LIVE.content_hash, 1_000, 1_000, "first"))

    def now(self, at_ms: int = 9_000) -> Network:
        version = self.store.effective(at_ms)
        assert version is not None
        return self.store.get(version.content_hash)


@pytest.fixture
def company(database: DatabaseFactory) -> _Company:
    return _Company(database)


def test_each_feeder_is_proposed_by_itself() -> None:
    brought = assemble(_network({"A": 4, "B": 2, "D": 1}))
    states = {one.feeder: (one.state, one.added, one.removed) for one in propose(LIVE, brought)}
    assert states == {
        "": (FeederState.SAME, 0, 0),
        "CBA": (FeederState.CHANGED, 2, 0),
        "CBB": (FeederState.SAME, 0, 0),
        "CBC": (FeederState.GONE, 0, 10),
        "CBD": (FeederState.NEW, 8, 0),
    }


def test_a_feeder_with_errors_keeps_its_last_good_version(company: _Company) -> None:
    tables = _network({"A": 4, "B": 5, "C": 2})
    meters = dict(tables["meters"].columns)
    meters["customer_id"] = tuple("nobody" if one == "CB4" else one for one in meters["customer_id"])
    brought = assemble(tables | {"meters": Table("meters.csv", meters)}, set_aside=True)
    number = company.changes.propose(brought, "export", ANN)
    listed = {one.feeder: one for one in company.changes.look(company.proposals.get(number), 6_000)}
    assert listed["CBB"].state is FeederState.UNSOUND
    assert listed["CBB"].findings
    changed = company.changes.approve(number, None, Author("Ann", 6_000))
    assert changed.version is not None
    network = company.now()
    assert "MA3" in network.meter_row
    assert "MB2" not in network.meter_row
    assert company.proposals.get(number).outcome.startswith("approved")
    with pytest.raises(ChangeRefused, match="settled"):
        company.changes.approve(number, None, Author("Ann", 7_000))
    with pytest.raises(ChangeRefused, match="settled"):
        company.changes.dismiss(number, Author("Ann", 7_000))


def test_a_source_without_foreign_ids_says_nothing_of_them(company: _Company) -> None:
    ids = {"system": "PMS", "foreign_id": "9", "own_id": "MB0", "from": "", "to": ""}
    known = assemble(_network({"A": 3, "B": 2, "C": 2}) | {"identifiers": table("identifiers.csv", [ids])})
    company.changes.approve(company.changes.propose(known, "PMS", ANN), None, ANN)
    number = company.changes.propose(assemble(_network({"A": 3, "B": 4, "C": 2})), "drawing", ANN)
    company.changes.approve(number, ["CBB"], Author("Ann", 6_000))
    assert "MB3" in company.now().meter_row
    assert company.now().identifiers.own_id == ("MB0",)


def test_only_what_is_approved_goes_live_and_who_hung_here_is_known(company: _Company) -> None:
    number = company.changes.propose(assemble(_network({"A": 4, "B": 3, "C": 1})), "export", ANN)
    company.changes.approve(number, ["CBB"], ANN)
    network = company.now()
    assert ("MB2" in network.meter_row, "MA3" in network.meter_row, len(network.meters)) == (True, False, 8)
    assert "MB2" not in company.now(4_999).meter_row
    version = company.store.versions()[-1]
    assert (version.made_by, version.source) == ("Ann", "export")
    assert version.note == "feeders CBB: night of the storm"


def test_a_rollback_is_a_new_version_of_one_feeder_or_of_all(company: _Company) -> None:
    number = company.changes.propose(assemble(_network({"A": 4, "B": 3, "C": 2})), "export", ANN)
    company.changes.approve(number, None, ANN)
    first = company.store.versions()[0]
    company.changes.roll_back(first, ["CBA"], Author("Bo", 6_000))
    network = company.now()
    assert ("MA3" in network.meter_row, "MB2" in network.meter_row) == (False, True)
    company.changes.roll_back(first, None, Author("Bo", 7_000))
    assert company.now().content_hash == LIVE.content_hash
    assert len(company.store.versions()) == 4
    assert company.changes.roll_back(first, None, Author("Bo", 8_000)).version is None


def test_feeders_that_exchange_a_customer_go_together(company: _Company) -> None:
    moved = edited(LIVE, [Edit("meters", "MA0", {"node_id": "BL"})])
    assert taken_together(labels_of(LIVE), labels_of(moved.accepted())) == (frozenset({"CBA", "CBB"}),)
    number = company.changes.propose(moved, "export", ANN)
    changed = company.changes.approve(number, ["CBA"], ANN)
    assert [(move.customer, move.before, move.after) for move in changed.difference.moved] == [
        ("CA0", ("TA",), ("TB",))
    ]


def test_nothing_ready_and_unknown_feeders_are_refused(company: _Company) -> None:
    number = company.changes.propose(assemble(_network({"A": 4})), "export", ANN)
    with pytest.raises(ChangeRefused, match="'CBX'"):
        company.changes.approve(number, ["CBX"], ANN)
    assert company.proposals.get(number).settled_ms is None
    company.changes.dismiss(number, replace(ANN, note="wrong file"))
    assert company.proposals.get(number).outcome == "dismissed: wrong file"


def test_the_same_again_changes_nothing(company: _Company) -> None:
    number = company.changes.propose(assemble(_network({"A": 3, "B": 2, "C": 2})), "export", ANN)
    assert company.changes.approve(number, None, ANN).version is None
    assert len(company.store.versions()) == 1


def test_edits_are_versions_with_their_author(company: _Company) -> None:
    company.changes.edit(
        [
            Edit("customers", "CX", _fields(_customer("CX")), is_new=True),
            Edit("meters", "MX", {"node_id": "CL", "customer_id": "CX", "phases": "A"}, is_new=True),
            Edit("meters", "MC0", None),
            Edit("edges", "LA", {"name": "东一线"}),
        ],
        ANN,
    )
    network = company.now()
    assert ("MX" in network.meter_row, "MC0" in network.meter_row) == (True, False)
    assert network.edges.name[network.edge_row["LA"]] == "东一线"
    assert company.store.versions()[-1].note.startswith(
        "edited customers CX, meters MX, meters MC0, edges LA"
    )


def _fields(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if name != "id"}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("meters", "MA0", {"colour": "red"}), "found 'colour'"),
        (Edit("meters", "nobody", {"phases": "A"}), "not there"),
        (Edit("meters", "MA0", {"phases": "A"}, is_new=True), "already there"),
        (Edit("cats", "MA0", {"phases": "A"}), "table: expected one of"),
    ],
)
def test_edits_that_make_no_sense_are_refused(edit: Edit, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        edited(LIVE, [edit])


def test_an_edit_that_breaks_the_network_is_refused_whole(company: _Company) -> None:
    with pytest.raises(NetworkRefused):
        company.changes.edit([Edit("nodes", "AL", None)], ANN)
    assert len(company.store.versions()) == 1


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.fixed_dictionaries({name: st.integers(1, 4) for name in "ABCD"}),
    chosen=st.sets(st.sampled_from(["CBA", "CBB", "CBC", "CBD", ""])),
)
def test_a_composition_has_each_feeder_as_one_of_the_two_had_it(
    sizes: dict[str, int], chosen: set[str]
) -> None:
    candidate = _read(sizes, lines="X")
    if "CBD" in chosen:
        chosen |= {""}
    network = compose(LIVE, candidate, frozenset(chosen)).accepted()
    for feeder in feeders_of(network).ids:
        origin = candidate if feeder in chosen else LIVE
        assert _ids(network, feeder) == _ids(origin, feeder)
    assert len(network.meters) == len(set(network.meters.ids))


def _ids(network: Network, feeder: str) -> dict[str, set[str]]:
    labels = labels_of(network)
    return {name: {one for one, of in found.items() if of == feeder} for name, found in labels.items()}


def test_all_of_the_candidate_is_the_candidate() -> None:
    candidate = _read({"A": 1, "B": 4, "C": 2}, lines="X")
    every = frozenset({*feeders_of(candidate).ids, *feeders_of(LIVE).ids, ""})
    assert compose(LIVE, candidate, every).accepted().content_hash == candidate.content_hash


def test_what_is_ready_leaves_out_the_unsound_and_their_company() -> None:
    brought = Assembled(LIVE, (), {"CBA": {"unknown-customer": 1}}, 1)
    assert ready(propose(LIVE, brought)) == {"", "CBB", "CBC"}
    assert spelled(LIVE)["meters"]["id"] == LIVE.meters.ids
