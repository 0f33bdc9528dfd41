"""How well areas are heard: faint ones, records that cannot be right, rates that the night teaches."""

from dataclasses import replace

import numpy as np
import pytest

from geo.network import EdgeKind
from geo.tree import energise
from telemetry.calibration import AS_SAID
from telemetry.hearing import BLOCKED, FAINT, HEARD, NOT_HEARD
from telemetry.heartbeats import MOST_REGULAR
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, infer
from telemetry.observations import Observations, nothing_observed
from tests.telemetry.inference_grids import NOW_MS, radial

MODEL = InferenceModel(calibration=AS_SAID)
AREA = 60
AREAS = 5
ONSET_MS = NOW_MS - 60_000
BEFORE_MS = ONSET_MS - 300_000
NETWORK = radial(
    (-1, 0, *(1,) * AREAS),
    (EdgeKind.LINE, *(EdgeKind.TRANSFORMER,) * AREAS),
    tuple(np.repeat(np.arange(2, 2 + AREAS), AREA).tolist()),
    tuple(range(1, 1 + AREAS)),
)
GRID = InferenceGrid.build(NETWORK, energise(NETWORK), MODEL)
WIDE_AREAS = 16
WIDE = radial(
    (-1, 0, 0, *(1,) * 4, *(2,) * (WIDE_AREAS - 4)),
    (EdgeKind.LINE, EdgeKind.LINE, *(EdgeKind.TRANSFORMER,) * WIDE_AREAS),
    tuple(np.repeat(np.arange(3, 3 + WIDE_AREAS), AREA).tolist()),
    tuple(range(2, 2 + WIDE_AREAS)),
)
"""Two lines: one feeds the first four areas, the other the rest."""
WIDE_GRID = InferenceGrid.build(WIDE, energise(WIDE), MODEL)


def heard(*silent_areas: int) -> Observations:
    """Every meter was heard of before the onset, but those of these areas."""
    seen = nothing_observed(NETWORK)
    seen.meter_alive_ms[:] = BEFORE_MS
    for area in silent_areas:
        seen.meter_alive_ms[rows(area)] = nothing_observed(NETWORK).meter_alive_ms[0]
    return seen


def rows(area: int, first: int = 0, stop: int = AREA) -> slice:
    return slice(area * AREA + first, area * AREA + stop)


def gasp(seen: Observations, area: int, count: int) -> None:
    seen.meter_off_ms[rows(area, 0, count)] = ONSET_MS


def ask(seen: Observations, model: InferenceModel = MODEL) -> Posterior:
    return infer(GRID, seen, NOW_MS, model)


def zone(area: int) -> int:
    return int(GRID.meter_zone[area * AREA])


def place_dead(posterior: Posterior, area: int) -> float:
    return float(1.0 - posterior.state[:, GRID.zone_top[zone(area)], -1].sum())


def test_an_area_heard_faintly_is_dead_with_its_neighbours() -> None:
    """Five of sixty last gasps: too few for an area that is heard well, too many for one that lives."""
    seen = heard()
    for area in range(4):
        gasp(seen, area, 36)
    gasp(seen, 4, 5)
    posterior = ask(seen)
    assert place_dead(posterior, 4) > 0.9
    assert posterior.state[FAINT, GRID.zone_top[zone(4)]].sum() > 0.9
    row = int(np.flatnonzero(GRID.terminal_zone == zone(4))[0])
    assert posterior.blocked_probability[row] < 0.1, "faint is not blocked"


def test_where_terminals_are_late_silence_tells_little() -> None:
    """Three areas went out with their line; of the fourth nothing has come, nor of a living one."""
    told = []
    for late in (False, True):
        seen = nothing_observed(WIDE)
        seen.meter_alive_ms[:] = BEFORE_MS
        for area in range(3):
            gasp(seen, area, 36)
        for area in range(4, WIDE_AREAS):
            if not late or area % 2:
                seen.meter_alive_ms[rows(area)] = NOW_MS - 1_000
        told.append(infer(WIDE_GRID, seen, NOW_MS, MODEL))
    way = [each.hearing.ways[:, each.grid.meter_zone[3 * AREA]] for each in told]
    assert way[0][BLOCKED] < 0.1
    assert way[1][BLOCKED] > 0.2
    assert way[0].sum() == way[1].sum() == pytest.approx(1.0)
    dead = [1.0 - each.state[:, each.grid.meter_class[3 * AREA], -1].sum() for each in told]
    assert min(dead) > 0.9


def test_a_meter_heard_of_in_a_silent_area_hangs_elsewhere() -> None:
    """Its last gasp says little of the area where it is recorded."""
    misplaced, unknown = heard(4), heard(4)
    for seen in (misplaced, unknown):
        gasp(seen, 0, 36)
        gasp(seen, 4, 1)
    misplaced.meter_alive_ms[4 * AREA] = BEFORE_MS
    assert place_dead(ask(misplaced), 4) < 0.5 * place_dead(ask(unknown), 4)


def test_the_doubt_is_what_bayes_makes_of_being_heard_of() -> None:
    seen = heard(4)
    gasp(seen, 0, 36)
    doubt = ask(seen).hearing.doubt[:, zone(4)]
    usual, kappa, leak = MOST_REGULAR, MODEL.mapping_error, MODEL.blocked_leak
    there = usual * (1.0 - MODEL.blocked)
    for way, here in enumerate((usual, usual, usual * leak)):
        right, wrong = (1.0 - kappa) * here, kappa * there
        assert doubt[way, HEARD] == pytest.approx(wrong / (right + wrong))
        right, wrong = (1.0 - kappa) * (1.0 - here), kappa * (1.0 - there)
        assert doubt[way, NOT_HEARD] == pytest.approx(wrong / (right + wrong))


def test_the_night_teaches_how_many_last_gasps_come_through() -> None:
    seen = heard()
    for area in range(3):
        gasp(seen, area, 12)
    for area in range(3, AREAS):
        seen.meter_alive_ms[rows(area)] = NOW_MS - 1_000
    posterior = ask(seen)
    assert posterior.hearing.level[zone(0)] < 0.35
    believed = ask(seen, replace(MODEL, miss=0.8))
    assert believed.hearing.level[zone(0)] == pytest.approx(posterior.hearing.level[zone(0)], abs=0.1)


def test_quiet_nights_teach_nothing() -> None:
    posterior = ask(heard())
    assert np.all(posterior.hearing.level == 1.0 - MODEL.miss)
    assert np.all(posterior.hearing.false_alarm == MODEL.false_alarm)
