"""The storm's yardstick: its places are faults of their own, and what must never happen is seen."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.storm.grid import PLACES, places, storm_grid
from benchmarks.storm.heard import Event
from benchmarks.storm.night import Night, Plan
from benchmarks.storm.reckoning import Reckoning
from field_api.notices.notice import Announcement, Notice, NoticeState, Posting
from geo.tracing import Feeding
from simulators.practice import TruthEntry

FEEDERS = 3


def test_no_place_lies_below_another_one(tmp_path: Path) -> None:
    network = storm_grid(tmp_path / "grid", FEEDERS)
    chosen = places(FEEDERS, FEEDERS * PLACES, seed=7)
    feeding = Feeding.normal(network)
    tree = feeding.tree
    edges = [network.edge_row[element] for element in chosen]
    spans = sorted(
        (int(at), int(tree.end[at])) for edge in edges for at in [tree.position[network.edges.to_node[edge]]]
    )
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert all(len(feeding.meters(slice(*span))) for span in spans)
    assert len({*chosen}) == FEEDERS * PLACES


ORDER = {
    "id": "o1", "number": "R-1", "type": "repair", "state": "assigned", "outage_id": "u1",
    "crew_id": "crew-01", "owner_id": "p1", "due": [{"clock": "arrival"}],
    "created_at": "2026-11-22T00:00:03.000Z",
}  # fmt: skip
OUTAGE = {"id": "u1", "state": "confirmed", "cause": {"element": "T1", "equivalent": ["T1"]}}


def _told(*kinds: str) -> list[Notice]:
    posting = Posting("k", "C1", "G1", "log")
    return [
        Notice(n, posting, Announcement(str(n), "u1", "i1", kind, n, "x"), NoticeState.SENT, 1)
        for n, kind in enumerate(kinds)
    ]


def _steps(first_s: float, **told: Any) -> list[Event]:
    states = ("assigned", "accepted", "arrived", "repaired", "closed")
    return [Event(first_s + n, "order", ORDER | told | {"state": state}) for n, state in enumerate(states)]


NIGHT = Night(
    plan=Plan(1, 1), tripped_s={"T1": 1.0}, truth=[TruthEntry(1000, "trip", ("T1",), ("M1",), ())],
    gasped_ms={"M1": (1500,)}, heard=[Event(2.0, "outage", OUTAGE), *_steps(3.0)],
    outages=[OUTAGE | {"state": "restored"}], orders=[ORDER | {"state": "closed"}],
    notices=_told("outage", "progress", "restored"), customers={"M1": "C1"},
    answers={("x", 200): 3}, waiting={"q": 0.0}, spent={"web": (1.0, 100.0)}, seconds=10.0, broken_stream="",
)  # fmt: skip


def test_a_good_night_breaks_nothing() -> None:
    reckoning = Reckoning(NIGHT)
    assert reckoning.broken() == []
    speed = {row["from → to"]: row["p50"] for row in reckoning.tables()["How fast, seconds"]}
    assert speed["first last gasp received → shown"] == 0.5
    assert speed["fault → order closed"] == 6.0


def test_what_must_never_happen_is_named() -> None:
    other = _steps(4.5, id="o2", crew_id="crew-02", owner_id="", due=[])
    bad = replace(
        NIGHT, heard=[*NIGHT.heard, *other], orders=[ORDER], outages=[OUTAGE], answers={("x", 500): 1},
        notices=_told("outage", "outage"), waiting={"q": 2.0}, broken_stream="away",
    )  # fmt: skip
    assert [line.partition(":")[0] for line in Reckoning(bad).broken()] == [
        "two crews on one fault", "orders without owner", "orders without due time", "repairs left open",
        "outages left open", "told twice of one change", "told of an outage, never of its end",
        "answers of 5xx", "still waiting", "the stream of events",
    ]  # fmt: skip


def test_a_crew_that_hands_over_is_not_two_crews() -> None:
    handed = _steps(3.0)[:2] + _steps(5.0, crew_id="crew-02")
    assert Reckoning(replace(NIGHT, heard=[Event(2.0, "outage", OUTAGE), *handed])).broken() == []
