"""Jumpers and generators: told in any order, followed within a look, and never a row of the record."""

from itertools import permutations

import numpy as np
import pytest

from geo.standing import energise_standing, generator_id, generator_rows, jumper_id, spare_of, standing
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.fold import Fold, carried_over, pack, unpack
from telemetry.outages import OutageState
from telemetry.scope import scope_of, tree_of
from telemetry.supply import positions_of
from tests.telemetry.nights import ALL, FEEDER, T0, Night, customers, under

JUMPER = jumper_id("PC2", "PA2")


def _quiet() -> Night:
    night = Night()
    night.frames(0, ALL)
    return night


def _told(kind: EvidenceKind, at_s: float, device: str) -> Evidence:
    at_ms = T0 + round(at_s * 1000)
    return Evidence(kind, at_ms, at_ms, "desk:u1", (device,), f"{kind}{at_s}{device}")


def test_an_extended_network_keeps_every_row_and_its_name() -> None:
    stands = standing(FEEDER, (JUMPER, generator_id("PB2"), "nothing~here"))
    assert stands.content_hash == FEEDER.content_hash
    assert stands.edges.ids[: len(FEEDER.edges)] == FEEDER.edges.ids
    assert stands.edges.ids[len(FEEDER.edges) :] == ("PA2~PC2", "~PB2")
    assert [stands.edges.ids[row] for row in generator_rows(stands)] == ["~PB2"]
    assert (stands.edge_row["~PB2"], stands.edge_row["TIE"]) == (
        len(FEEDER.edges) + 1,
        FEEDER.edge_row["TIE"],
    )
    assert standing(FEEDER, ("TIE", "nothing~here")) is FEEDER
    assert spare_of(FEEDER, "TIE") is None


def test_a_generator_feeds_only_what_no_station_reaches() -> None:
    stands = standing(FEEDER, (generator_id("PB2"),))
    alone = positions_of(stands, (("~PB2", True), ("LB2", False)))
    beside = positions_of(stands, (("~PB2", True),))
    source = stands.node_row["~PB2~"]
    own, parallel = energise_standing(stands, alone), energise_standing(stands, beside)
    assert own.end[own.position[source]] - own.position[source] > 5
    assert parallel.end[parallel.position[source]] - parallel.position[source] == 1
    assert not parallel.on_loop.any()


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order_of_words_means_the_same(order: tuple[int, ...]) -> None:
    said = [
        _told(EvidenceKind.JUMPER_ON, 10, JUMPER),
        _told(EvidenceKind.JUMPER_OFF, 20, JUMPER),
        _told(EvidenceKind.GENERATOR_ON, 5, "PB2"),
        _told(EvidenceKind.GENERATOR_OFF, 5, "PA1"),
    ]
    fold = Fold(FEEDER)
    fold.take([said[place] for place in (*order, *order)])
    assert fold.standing.standing() == ("~PB2",)
    again = unpack(pack(fold.known))
    assert carried_over(again, FEEDER, FEEDER).standing.standing() == ("~PB2",)


def test_a_jumper_brings_back_what_lies_behind_the_fault() -> None:
    night = _quiet()
    night.gasp(10, under("A"), spread_s=0.1)
    night.play(60)
    night.say(EvidenceKind.SWITCH_OPEN, 600, ["LA2"])
    night.say(EvidenceKind.JUMPER_ON, 605, [JUMPER])
    night.power_up(605, under("A2"), spread_s=0.1)
    night.play(660)
    assert night.out() == customers(under("A1"))
    (revision,) = night.newest().values()
    assert revision.switches == (("LA2", False), ("PA2~PC2", True))
    scope = scope_of(FEEDER, tree_of(FEEDER, revision), revision)
    assert {FEEDER.customers.ids[row] for row in scope.customer_rows} == customers(under("A1"))
    assert scope.edge_rows.max() < len(FEEDER.edges)


def test_a_generator_fed_section_is_supplied_and_may_fail_by_itself() -> None:
    night = _quiet()
    night.gasp(10, under("B"), spread_s=0.1)
    night.play(60)
    night.say(EvidenceKind.SWITCH_OPEN, 600, ["LB2"])
    night.say(EvidenceKind.GENERATOR_ON, 605, ["PB2"])
    night.power_up(605, under("B2"), spread_s=0.1)
    night.play(660)
    assert night.out() == customers(under("B1"))
    night.gasp(700, under("B2"), spread_s=0.1)
    night.play(760)
    assert night.out() == customers(under("B"))
    for revision in night.newest().values():
        scope = scope_of(FEEDER, tree_of(FEEDER, revision), revision)
        assert scope.node_rows.max() < len(FEEDER.nodes)


def test_the_detector_follows_within_a_second_and_back() -> None:
    night = _quiet()
    night.play(5)
    night.say(EvidenceKind.JUMPER_ON, 10, [JUMPER])
    night.play(11)
    assert list(night.detector.switches) == [("PA2~PC2", True)]
    assert night.detector.tree.on_loop.any()
    night.say(EvidenceKind.JUMPER_OFF, 12, [JUMPER])
    night.play(13)
    assert not night.detector.switches
    assert not night.detector.tree.on_loop.any()


def test_a_jumper_between_living_parts_is_a_legal_loop() -> None:
    night = _quiet()
    night.say(EvidenceKind.JUMPER_ON, 10, [JUMPER])
    night.frames(15, ALL)
    night.play(60)
    assert night.states() == []
    night.gasp(70, under("B"), spread_s=0.1)
    night.play(100)
    assert night.out() == customers(under("B"))
    assert night.states() == [OutageState.CONFIRMED]


def test_a_word_dated_back_does_not_outdo_a_later_one() -> None:
    fold = Fold(FEEDER)
    late = _told(EvidenceKind.JUMPER_OFF, 100, JUMPER)
    fold.take([late, _told(EvidenceKind.JUMPER_ON, 50, JUMPER)])
    assert fold.standing.standing() == ()
    fold.take([_told(EvidenceKind.JUMPER_ON, 100, JUMPER)])
    assert fold.standing.standing() == (), "off wins a tie"
    fold.take([_told(EvidenceKind.JUMPER_ON, 101, JUMPER)])
    assert fold.standing.standing() == (JUMPER,)
    assert np.array_equal(fold.observations.edge_open_ms, Fold(FEEDER).observations.edge_open_ms)
