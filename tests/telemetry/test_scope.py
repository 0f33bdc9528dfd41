"""NTF-01, FLT-03: who is out is a projection of the revision, with switches, returns and exceptions."""

import numpy as np
import pytest

from geo.tree import energise
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.scope import cut_scope, scope_of, tree_of
from telemetry.supply import positions_of, reported_positions, supply_tree, switches_of
from tests.telemetry.nights import FEEDER, T0, customers, under

TREE = energise(FEEDER)


def _revision(cut: tuple[str, ...], **changed: object) -> OutageRevision:
    values: dict[str, object] = {
        "outage_id": "O-1", "revision": 1, "at_ms": T0, "network_hash": FEEDER.content_hash, "switches": (),
        "state": OutageState.CONFIRMED, "cause": Cause(cut[0], "line", cut), "started_at_ms": T0,
        "restored_at_ms": None, "probability": 1.0, "cut": cut, "restored": (), "also_out": (), "not_out": (),
        "expected": 1.0, "low": 1, "high": 1, "reasons": (),
    }  # fmt: skip
    return OutageRevision(**{**values, **changed})  # type: ignore[arg-type]


def _out(revision: OutageRevision) -> set[str]:
    scope = scope_of(FEEDER, tree_of(FEEDER, revision), revision)
    return {FEEDER.customers.ids[row] for row in scope.customer_rows}


def test_everybody_below_the_cut_is_out() -> None:
    assert _out(_revision(("LA2",))) == customers(under("A2"))
    assert _out(_revision(("TA1", "SC"))) == customers(under("A1", "C"))
    assert _out(_revision(("SUB",))) == customers(under("A", "B", "C"))


def test_what_returned_and_the_exceptions_are_taken_into_account() -> None:
    revision = _revision(("LA",), restored=("TA2",), not_out=("CA111",), also_out=("CB224",))
    assert _out(revision) == customers(under("A1")) - {"CA111"} | {"CB224"}


@pytest.mark.parametrize("state", [OutageState.RESTORED, OutageState.RETRACTED, OutageState.MERGED])
def test_an_outage_that_is_over_has_nobody_out(state: OutageState) -> None:
    assert _out(_revision(("LA",), state=state)) == set()


def test_unknown_elements_and_customers_are_passed_over() -> None:
    assert _out(_revision(("no such line",), also_out=("no such customer",))) == set()


def test_the_scope_names_transformers_and_lines() -> None:
    scope = cut_scope(FEEDER, TREE, ("LA",))
    assert {FEEDER.edges.ids[row] for row in scope.transformer_rows} == {"TA1", "TA2"}
    assert {"LA", "LA2", "LLA11", "SVA111"} <= {FEEDER.edges.ids[row] for row in scope.edge_rows}
    assert "SA" not in {FEEDER.edges.ids[row] for row in scope.edge_rows}
    assert len(scope.meter_rows) == len(under("A"))


def test_a_switch_that_opened_keeps_what_hangs_on_it_in_view() -> None:
    revision = _revision(("SB",), switches=(("SB", False),))
    assert _out(revision) == customers(under("B"))


def test_a_closed_tie_takes_its_side_out_of_the_scope() -> None:
    revision = _revision(("LA",), switches=(("LA2", False), ("TIE", True)))
    assert _out(revision) == customers(under("A1"))


def test_a_part_behind_two_open_switches_hangs_on_one() -> None:
    closed = positions_of(FEEDER, (("SA", False), ("LA2", False)))
    tree = supply_tree(FEEDER, closed)
    assert len(tree) == len(TREE)
    assert _out(_revision(("SA",), switches=(("LA2", False), ("SA", False)))) == customers(under("A"))


def test_positions_come_from_the_newest_report() -> None:
    opened, closed = (np.full(len(FEEDER.edges), np.iinfo(np.int64).min) for _ in range(2))
    rows = {name: FEEDER.edge_row[name] for name in ("SA", "SB", "TIE")}
    opened[rows["SA"]], closed[rows["SA"]] = 10, 20
    opened[rows["SB"]], closed[rows["SB"]] = 20, 20
    closed[rows["TIE"]] = 5
    positions = reported_positions(FEEDER, opened, closed)
    switches = switches_of(FEEDER, positions)
    assert switches == (("SB", False), ("TIE", True))
    assert np.array_equal(positions_of(FEEDER, switches), positions)
