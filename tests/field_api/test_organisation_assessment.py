"""First visits, assessment sheets and risks as pure decisions."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from field_api.adapters.data_files import site_profile
from field_api.deadlines.clocks import ClockState, Due
from field_api.orders.central_queue import queue_of
from field_api.orders.transfers import stayed
from field_api.orders.work import HistoryEntry
from field_api.people.findings import CauseClass, FindingState, PersonFinding
from field_api.service.assessment import (
    ClosedOrder,
    LocalSolves,
    assessment,
    first_visits,
    local_solves,
    visits,
)
from field_api.service.risks import WINDOW_MS, PastOutage, RiskKind, near_limits, repeated_outages


def _history(*steps: str) -> list[HistoryEntry]:
    return [HistoryEntry(n, n, step, n, "u", "u") for n, step in enumerate(steps, 1)]


def test_org_04_a_second_visit_lowers_the_ratio() -> None:
    """ORG-04: orders closed with one visit of all that were visited."""
    assert visits(_history("assign", "accept", "arrive", "close")) == 1
    assert visits(_history("assign", "arrive", "pause", "arrive", "close")) == 2
    closed = [ClosedOrder("a", "anna", 1, 5), ClosedOrder("b", "anna", 1, 5), ClosedOrder("c", "anna", 0, 5)]
    assert first_visits(closed).ratio == 1.0
    lower = first_visits([*closed, ClosedOrder("d", "anna", 2, 5)])
    assert (lower.ratio, lower.again) == (2 / 3, ("d",))
    assert first_visits([]).ratio is None


def test_rep_03_an_order_handed_on_counts_against_the_crew_that_got_it_first() -> None:
    """REP-03: the local-solve rate."""
    history = _history("assign", "accept", "transfer", "accept", "close")
    assert (stayed(history), stayed(_history("assign", "accept", "close"))) == (False, True)
    closed = [
        ClosedOrder("a", "anna", 1, 5, "east"), ClosedOrder("b", "anna", 1, 5, "east", stayed=False),
        ClosedOrder("c", "anna", 1, 5, "west"),
    ]  # fmt: skip
    found = local_solves(closed)
    assert {crew: one.ratio for crew, one in found.items()} == {"east": 0.5, "west": 1.0}
    assert LocalSolves(0, 0).ratio is None


def test_org_09_a_score_is_traceable_to_its_events() -> None:
    """ORG-09: every point off names its events; what was not upheld, or is not theirs, costs nothing."""
    closed = [ClosedOrder("a", "anna", 2, 5), ClosedOrder("b", "bert", 2, 5), ClosedOrder("c", "anna", 2, 50)]
    upheld = PersonFinding(
        "f1", "late", "…", "u-anna", "a", CauseClass.STAFF, FindingState.UPHELD, "s", 1, decided_ms=7
    )
    others = [
        replace(upheld, id="f2", state=FindingState.OPEN),
        replace(upheld, id="f3", cause=next(one for one in CauseClass if one is not CauseClass.STAFF)),
        replace(upheld, id="f4", decided_ms=70),
    ]
    sheet = assessment("anna", closed, [upheld, *others], 0, 10)
    assert [(line.name, line.points, line.events) for line in sheet.lines] == [
        ("second_visits", -1.0, ("a",)),
        ("late", -5.0, ("f1", "a")),
    ]
    assert sheet.score == 94.0
    assert assessment("carl", closed, [], 0, 10).score == 100.0


def test_org_10_the_third_outage_in_the_window_raises_the_risk() -> None:
    """ORG-10: two do not, nor one that is too long ago."""
    now_ms = 2 * WINDOW_MS
    past = [PastOutage(f"o{n}", "T1", now_ms - n) for n in range(3)]
    assert repeated_outages(past[:2], now_ms) == ()
    (risk,) = repeated_outages(past, now_ms)
    assert (risk.kind, risk.subject, risk.events) == (RiskKind.REPEATED_OUTAGES, "T1", ("o0", "o1", "o2"))
    assert repeated_outages([*past[:2], PastOutage("old", "T1", now_ms - WINDOW_MS)], now_ms) == ()


def test_org_10_orders_near_or_over_their_limits_are_risks() -> None:
    """ORG-10: the late ones first."""
    due = Due("arrival", 5, "rule", "assign", False, ClockState.AT_RISK)
    late = replace(due, clock="restoration", state=ClockState.LATE)
    found = near_limits([("a", [due]), ("b", [due, late]), ("c", [replace(due, state=ClockState.MET)])])
    assert [(one.kind, one.subject, one.events) for one in found] == [
        (RiskKind.OVER_LIMIT, "b", ("restoration",)),
        (RiskKind.NEAR_LIMIT, "a", ("arrival",)),
    ]


@pytest.mark.parametrize(
    ("voltage_kv", "authority_kv", "queue"),
    [(0.4, 10.0, "cell"), (10.0, 10.0, "central"), (35.0, 35.0, "central"), (35.0, 10.0, "above"),
     (math.nan, 10.0, "cell")],
)  # fmt: skip
def test_org_12_the_queue_follows_the_voltage(voltage_kv: float, authority_kv: float, queue: str) -> None:
    """ORG-12."""
    assert queue_of(voltage_kv, authority_kv).value == queue


def test_org_12_from_which_voltage_on_stands_in_the_sites_profile(tmp_path: Path) -> None:
    """ORG-12: a company that decides on 10 kV in its cells centralises from 35 kV on."""
    (tmp_path / "ours.toml").write_text(
        'name = "ours"\norigin = "site"\nextends = "promise"\ncentral_from_kv = 35.0\n', encoding="utf-8"
    )
    ours, shipped = site_profile("ours", tmp_path), site_profile("promise", None)
    routed = [queue_of(kv, 110.0, ours.central_from_kv).value for kv in (0.4, 10.0, 35.0)]
    assert routed == ["cell", "cell", "central"]
    assert [queue_of(kv, 110.0, shipped.central_from_kv).value for kv in (0.4, 10.0, 35.0)] == [
        "cell", "central", "central",
    ]  # fmt: skip
