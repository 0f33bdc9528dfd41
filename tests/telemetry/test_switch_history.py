"""Switch positions at an instant, from words in any order, entered late and dated back."""

from itertools import permutations

import pytest

from telemetry.evidence import Evidence, EvidenceKind
from telemetry.fold import PAST_MS
from telemetry.switch_history import SwitchHistory
from tests.telemetry.nights import FEEDER, T0


def _told(kind: EvidenceKind, at_s: float, device: str, received_s: float | None = None) -> Evidence:
    at_ms = T0 + round(at_s * 1000)
    received_ms = at_ms if received_s is None else T0 + round(received_s * 1000)
    return Evidence(kind, at_ms, received_ms, "desk:u1", (device,), f"{kind}{at_s}{device}")


SAID = (
    _told(EvidenceKind.SWITCH_OPEN, 10, "SEN-A"),
    _told(EvidenceKind.SWITCH_CLOSED, 30, "SA", received_s=900),
    _told(EvidenceKind.GENERATOR_ON, 20, "PB2"),
    _told(EvidenceKind.JUMPER_ON, 40, "PA2~PC2"),
    _told(EvidenceKind.SWITCH_OPEN, 40, "TIE"),
)


@pytest.mark.parametrize("order", list(permutations(range(len(SAID))))[::7])
def test_any_order_and_repetition_give_the_same_positions(order: tuple[int, ...]) -> None:
    history = SwitchHistory()
    history.take([SAID[place] for place in (*order, *order[::-1])])
    at = {after_s: history.switches(FEEDER, T0 + after_s * 1000) for after_s in (5, 15, 25, 35, 45)}
    assert at == {
        5: (),
        15: (("SA", False),),
        25: (("SA", False), ("~PB2", True)),
        35: (("~PB2", True),),
        45: (("PA2~PC2", True), ("~PB2", True)),
    }


def test_who_said_it_and_since_when() -> None:
    history = SwitchHistory()
    history.take(SAID)
    (position,) = history.positions(FEEDER, T0 + 15_000)
    assert (position.element, position.closed, position.word.at_ms, position.word.source) == (
        "SA", False, T0 + 10_000, "desk:u1",
    )  # fmt: skip


def test_a_position_that_is_told_again_stands_since_it_was_told_first() -> None:
    history = SwitchHistory()
    history.take([_told(EvidenceKind.SWITCH_OPEN, at_s, "SA", received_s=90) for at_s in (60, 20, 40)])
    (position,) = history.positions(FEEDER, T0 + 90_000)
    assert position.word.at_ms == T0 + 20_000


def test_an_impossible_clock_gives_way_to_the_receipt() -> None:
    history = SwitchHistory()
    history.take([_told(EvidenceKind.SWITCH_OPEN, -PAST_MS / 1000 - 10, "SA", received_s=50)])
    assert history.switches(FEEDER, T0 + 49_000) == ()
    assert history.switches(FEEDER, T0 + 50_000) == (("SA", False),)


def test_what_the_network_does_not_know_is_left_out() -> None:
    history = SwitchHistory()
    history.take([_told(EvidenceKind.SWITCH_OPEN, 1, "ELSEWHERE"), _told(EvidenceKind.ALIVE, 1, "SA")])
    assert history.positions(FEEDER, T0 + 2_000) == ()
