"""Rates learned from outages whose truth is known: the drawn rates are found again."""

from dataclasses import replace

import numpy as np
import pytest

from geo.network import Network
from telemetry.inference_model import InferenceModel
from telemetry.learned_rates import Episode, LastGasps, high, learn, low
from telemetry.site_rates import ENOUGH, EVERY, Learned, Rate
from tests.telemetry.nights import FEEDER

HOUR_MS = 3_600_000
KINDS = tuple("old" if meter.endswith(("1", "2")) else "new" for meter in FEEDER.meters.ids)
TYPED = replace(FEEDER, meters=replace(FEEDER.meters, extra={"model": KINDS}))
MISS = {"old": 0.5, "new": 0.1}


def _played(
    seed: int, nights: int, false: int = 0, blocked: str = ""
) -> tuple[Network, list[Episode], LastGasps]:
    """Everybody out every hour; old meters lose half of their last gasps, new ones a tenth."""
    rng = np.random.default_rng(seed)
    everyone = np.arange(len(TYPED.meters), dtype=np.int32)
    terminal = np.array([TYPED.terminals.ids[row] for row in TYPED.meters.terminal])
    lost = np.array([MISS[kind] for kind in KINDS])
    rows, instants, episodes = [], [], []
    for night in range(nights):
        start = night * HOUR_MS
        sent = everyone[(rng.random(len(everyone)) > lost) & (terminal != blocked)]
        rows.append(sent)
        instants.append(np.full(len(sent), start + 2_000, np.int64))
        episodes.append(Episode(start, everyone))
    rows.append(rng.integers(0, len(everyone), false).astype(np.int32))
    instants.append(rng.integers(0, nights, false) * HOUR_MS + HOUR_MS // 2)
    gasps = LastGasps(np.concatenate(rows), np.concatenate(instants), 0, nights * HOUR_MS)
    return TYPED, episodes, gasps


def test_kinds_of_meters_are_told_apart() -> None:
    found = learn(*_played(1, 60))
    for kind, truth in MISS.items():
        assert low(found.miss[kind]) < truth < high(found.miss[kind]), kind
    assert found.miss[EVERY].of == 60 * 48
    assert found.blocked.hits == 0


def test_a_blocked_area_is_no_miss() -> None:
    found = learn(*_played(2, 40, blocked="TT-A1"))
    area = found.blocked_by_terminal["TT-A1"]
    assert area.hits == area.of >= 35, "in some nights eight lost last gasps are no wonder"
    assert found.miss_by_terminal.get("TT-A1", Rate()).of == (40 - area.of) * 8
    assert low(found.miss["new"]) < MISS["new"] < high(found.miss["new"])


def test_last_gasps_outside_of_every_outage_are_false_alarms() -> None:
    found = learn(*_played(3, 50, false=7))
    assert found.false_alarm == Rate(7, 48 * 50 * 6)


def test_a_rate_tells_its_uncertainty() -> None:
    assert low(Rate(0, 0)) < 0.01
    assert high(Rate(0, 0)) > 0.99
    assert low(Rate(400, 1000)) == pytest.approx(0.375, abs=0.002)
    assert high(Rate(400, 1000)) == pytest.approx(0.4257, abs=0.002)


def test_few_observations_do_not_move_the_model() -> None:
    model = InferenceModel()
    assert Learned({EVERY: Rate(1, ENOUGH - 1)}).moved(model) == model
    moved = Learned({EVERY: Rate(60, 299)}, {}, Rate(3, 10_000), Rate(30, 299)).moved(model)
    assert moved.miss == pytest.approx(60.5 / 300)
    assert moved.blocked == pytest.approx(30.5 / 300)
    assert moved.false_alarm == pytest.approx(3.5 / 10_001)
