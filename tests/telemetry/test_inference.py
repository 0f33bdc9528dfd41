"""What the inference concludes from evidence that a person can follow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import EdgeKind, Network
from geo.tree import energise
from telemetry.calibration import AS_SAID, Calibration
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, infer
from telemetry.observations import Observations, nothing_observed
from tests.telemetry.inference_grids import NOW_MS, radial, two_areas

ONSET_MS = NOW_MS - 60_000
MODEL = InferenceModel(calibration=AS_SAID)


@dataclass
class Case:
    """A network and what was seen of it; meters 0–4 and 5–9 are the branches of the first area."""

    network: Network
    seen: Observations

    @staticmethod
    def of(network: Network | None = None) -> "Case":
        chosen = network or two_areas()
        return Case(chosen, nothing_observed(chosen))

    def gasp(self, meters: Iterable[int], at_ms: int = ONSET_MS) -> "Case":
        self.seen.meter_off_ms[list(meters)] = at_ms
        return self

    def alive(self, meters: Iterable[int], at_ms: int = NOW_MS - 5_000) -> "Case":
        self.seen.meter_alive_ms[list(meters)] = at_ms
        return self

    def ask(self, now_ms: int = NOW_MS, model: InferenceModel = MODEL) -> Posterior:
        grid = InferenceGrid.build(self.network, energise(self.network), model)
        return infer(grid, self.seen, now_ms, model)


def wide() -> Network:
    """Three areas of thirty meters on one line, each with its terminal: e1 to e3 are their transformers."""
    kinds = (EdgeKind.LINE, *(EdgeKind.TRANSFORMER,) * 3)
    return radial((-1, 0, 1, 1, 1), kinds, (2,) * 30 + (3,) * 30 + (4,) * 30, (1, 2, 3))


def cut_edges(posterior: Posterior) -> list[str]:
    edges = posterior.grid.tree.edge[posterior.cuts]
    return [posterior.grid.network.edges.ids[edge] for edge in edges]


def dead(posterior: Posterior, edge: str) -> float:
    row = posterior.grid.network.edge_row[edge]
    return float(posterior.dead_probability[posterior.grid.edge_position[row]])


def test_without_evidence_everything_is_on() -> None:
    posterior = Case.of().ask()
    assert not len(posterior.cuts)
    assert posterior.meter_out_probability.max() == 0
    assert posterior.dead_probability.max() < 0.01
    assert posterior.log_evidence == pytest.approx(0)


def test_a_lone_last_gasp_is_not_an_outage() -> None:
    posterior = Case.of().gasp([0]).ask()
    assert not len(posterior.cuts)
    assert 0.001 < posterior.meter_out_probability[0] < 0.9


def test_three_coherent_last_gasps_are() -> None:
    posterior = Case.of().gasp([0, 1, 2]).ask()
    assert cut_edges(posterior) == ["e3"]
    assert dead(posterior, "e3") > 0.9
    assert dead(posterior, "e4") < 0.1


def test_two_last_gasps_of_a_place_with_two_meters_are() -> None:
    network = radial((-1, 0, 1, 1), (EdgeKind.LINE, EdgeKind.SERVICE, EdgeKind.SERVICE), (2, 2, 3, 3))
    posterior = Case.of(network).gasp([0, 1]).ask()
    assert cut_edges(posterior) == ["e1"]
    assert dead(posterior, "e1") > 0.9


def test_gasps_over_both_branches_blame_the_transformer() -> None:
    posterior = Case.of().gasp([0, 1, 2, 5, 6, 7]).alive([10, 11, 15, 16]).ask()
    assert cut_edges(posterior) == ["e1"]
    assert posterior.class_probability[0] > 0.9
    assert posterior.expected[0] == pytest.approx(10, abs=1)
    assert posterior.low[0] <= 10 <= posterior.high[0]
    assert posterior.cut_onset_ms[0] == ONSET_MS


def test_gasps_over_both_areas_blame_the_line() -> None:
    posterior = Case.of().gasp([0, 1, 5, 6, 10, 11, 15, 16]).ask()
    assert cut_edges(posterior) == ["e0"]
    assert posterior.meter_out_probability.min() > 0.9


def test_the_newest_event_as_the_instant_of_asking_is_enough() -> None:
    """Offline: nothing could have arrived by the clock, and yet all of an area has."""
    posterior = Case.of().gasp(range(10)).ask(now_ms=ONSET_MS)
    assert cut_edges(posterior) == ["e1"]
    assert dead(posterior, "e1") > 0.99
    assert dead(posterior, "e2") < 0.3


def test_signs_of_life_after_the_onset_rebut_and_older_ones_do_not() -> None:
    gasps = [0, 1]
    before = Case.of().gasp(gasps).alive(range(2, 5), ONSET_MS - 1).ask()
    after = Case.of().gasp(gasps).alive(range(2, 5), ONSET_MS + 30_000).ask()
    assert dead(before, "e3") > 0.5
    assert dead(after, "e3") < 0.01


def test_power_up_after_a_last_gasp_is_life() -> None:
    posterior = Case.of().gasp(range(10)).alive(range(10)).ask()
    assert not len(posterior.cuts)
    assert posterior.meter_out_probability.max() < 0.01


def test_a_nested_outage_stays_when_the_rest_returns() -> None:
    returned = Case.of().gasp(range(20)).alive([5, 6, 7, 8, 9, *range(10, 20)])
    assert cut_edges(returned.ask()) == ["e3"]


def test_two_faults_minutes_apart_keep_their_onsets() -> None:
    early = ONSET_MS - 600_000
    posterior = Case.of().gasp(range(5), early).gasp(range(10, 15)).alive([5, 6, 15, 16]).ask()
    assert cut_edges(posterior) == ["e3", "e5"]
    assert list(posterior.cut_onset_ms) == [early, ONSET_MS]


def test_an_outage_of_hours_goes_on_until_somebody_lives() -> None:
    hours_ago = NOW_MS - 7_200_000
    assert cut_edges(Case.of().gasp(range(10), hours_ago).alive(range(10, 20)).ask()) == ["e1"]


def test_evidence_older_than_the_window_is_moot() -> None:
    days_ago = NOW_MS - int(MODEL.window_s * 1000) - 1
    assert not len(Case.of().gasp(range(10), days_ago).ask().cuts)


def test_a_blocked_area_inside_an_outage_stays_in_it_despite_one_misplaced_heartbeat() -> None:
    """The trap: without κ inside "blocked" one heartbeat from a wrong record would split the scope."""
    parent = (-1, 0, 1, 2, 1, 1, 3)
    line, transformer = EdgeKind.LINE, EdgeKind.TRANSFORMER
    kinds = (line, line, transformer, transformer, transformer, line)
    places = [6] * 15 + [4] * 15 + [5] * 15
    case = Case.of(radial(parent, kinds, places, (2, 3, 4))).gasp(range(12)).gasp(range(30, 42)).alive([20])
    careful, careless = case.ask(), case.ask(model=replace(MODEL, mapping_error=1e-9, blocked_leak=1e-9))
    assert cut_edges(careful) == ["e0"]
    assert dead(careful, "e3") > 0.9
    assert careful.blocked_probability[1] > 0.9
    assert dead(careless, "e3") < 0.1
    assert careful.meter_out_probability[20] < 0.5


def test_silence_alone_is_never_off() -> None:
    case = Case.of()
    case.seen.meter_silent_ms[:] = NOW_MS - 1_000
    case.seen.terminal_silent_ms[:] = NOW_MS - 1_000
    posterior = case.ask()
    assert not len(posterior.cuts)
    assert posterior.dead_probability.max() < 0.01


def test_a_silent_terminal_beside_an_outage_is_probably_blocked() -> None:
    case = Case.of().gasp(range(5))
    case.seen.terminal_silent_ms[1] = NOW_MS - 1_000
    posterior = case.ask()
    assert cut_edges(posterior) == ["e3"]
    assert posterior.blocked_probability[1] > 0.8
    assert dead(posterior, "e2") < 0.3


def test_an_unanswered_ping_confirms_a_last_gasp() -> None:
    lone = Case.of().gasp([0])
    before = lone.ask().meter_out_probability[0]
    lone.seen.meter_silent_ms[0] = NOW_MS - 1_000
    assert lone.ask().meter_out_probability[0] > 5 * before


def test_a_call_counts_and_comes_through_a_blocked_terminal() -> None:
    case = Case.of().gasp([0])
    before = dead(case.ask(), "e3")
    case.seen.meter_call_ms[1] = NOW_MS - 10_000
    posterior = case.ask()
    assert dead(posterior, "e3") > 3 * before
    several = Case.of()
    several.seen.meter_call_ms[10:14] = NOW_MS - 10_000
    assert cut_edges(several.ask()) == ["e5"]


def test_the_terminals_own_last_gasp_and_life_are_evidence_at_the_transformer() -> None:
    case = Case.of().gasp([0, 5])
    before = dead(case.ask(), "e1")
    case.seen.terminal_off_ms[0] = ONSET_MS
    assert dead(case.ask(), "e1") > max(0.9, before)
    case.seen.terminal_off_ms[0], case.seen.terminal_alive_ms[0] = ONSET_MS - 60_000, NOW_MS - 1_000
    assert dead(case.ask(), "e1") < before


def test_a_tripped_switch_moves_the_prior_and_living_customers_rebut_it() -> None:
    case = Case.of()
    case.seen.edge_open_ms[1] = ONSET_MS
    assert cut_edges(case.ask()) == ["e1"]
    assert dead(case.ask(), "e1") > 0.7  # and not more: no last gasp has come for a minute
    assert dead(case.gasp([0]).ask(), "e1") > 0.9
    assert dead(case.alive(range(10)).ask(), "e1") < 0.1
    closed = Case.of()
    closed.seen.edge_open_ms[1], closed.seen.edge_closed_ms[1] = ONSET_MS, NOW_MS - 10_000
    assert not len(closed.ask().cuts)


def test_planned_work_is_expected_and_its_late_start_is_seen() -> None:
    case = Case.of()
    case.seen.edge_planned[2] = True
    assert dead(case.ask(), "e2") == pytest.approx(0.9, abs=0.02)
    assert dead(case.alive(range(10, 20), NOW_MS - 1_000).ask(), "e2") < 0.1


def test_a_fault_indicator_ranks_the_elements_of_a_class() -> None:
    line = EdgeKind.LINE
    network = radial((-1, 0, 1, 2, 3), (line, line, line, line), (4, 4, 4))
    case = Case.of(network).gasp(range(3))
    case.seen.edge_fault_passage_ms[2] = ONSET_MS
    posterior = case.ask()
    ranked = [
        network.edges.ids[posterior.grid.tree.edge[p]] for p in posterior.equivalents(int(posterior.cuts[0]))
    ]
    assert set(ranked[:2]) == {"e2", "e3"}
    assert posterior.class_probability[0] > 0.99


def test_a_terminal_that_speaks_on_does_not_hide_that_its_customers_are_out() -> None:
    """It runs on its capacitor, or the switch below the transformer opened: the same customers either way."""
    line, transformer = EdgeKind.LINE, EdgeKind.TRANSFORMER
    network = radial(
        (-1, 0, 1, 2, 3, 3), (line, transformer, EdgeKind.SWITCH, line, line), (4,) * 10 + (5,) * 10, (1,)
    )
    case = Case.of(network).gasp(range(20))
    case.seen.terminal_alive_ms[0] = NOW_MS - 1_000
    posterior = case.ask()
    cut = int(posterior.cuts[0])
    feeding = posterior.grid.tree.edge[posterior.equivalents(cut)]
    assert {network.edges.ids[row] for row in feeding if row >= 0} == {"e0", "e1", "e2"}
    assert posterior.class_probability[0] > 0.99
    assert posterior.dead_below(cut) > 0.99
    assert cut_edges(posterior) == ["e2"]


def test_faults_seconds_apart_have_their_own_onsets_where_something_lived_between() -> None:
    case = Case.of()
    case.gasp(range(5), ONSET_MS).alive(range(5, 10)).alive(range(15, 20))
    case.alive(range(10, 15), ONSET_MS + 3_000).gasp(range(10, 15), ONSET_MS + 6_000)
    posterior = case.ask()
    assert cut_edges(posterior) == ["e3", "e5"]
    assert posterior.cut_onset_ms[1] == ONSET_MS + 6_000
    assert min(dead(posterior, "e3"), dead(posterior, "e5")) > 0.99


def test_a_loop_edge_is_of_the_class_that_feeds_the_loop_and_never_its_cause() -> None:
    line = EdgeKind.LINE
    network = radial((-1, 0, 1, 1, 2, 3), (line, line, line, line, line), (4, 4, 4, 5, 5, 5), (), [(2, 3)])
    posterior = Case.of(network).gasp(range(6)).ask()
    assert cut_edges(posterior) == ["e0"]
    branch = Case.of(network).gasp(range(3)).alive(range(3, 6)).ask()
    assert cut_edges(branch) == ["e3"]


def test_a_meter_without_a_last_gasp_function_says_nothing_by_silence() -> None:
    deaf, able = Case.of().gasp([0, 1]), Case.of().gasp([0, 1])
    deaf.seen.meter_can_gasp[2:5] = False
    assert dead(deaf.ask(), "e3") > dead(able.ask(), "e3")


def test_the_customer_is_not_the_place() -> None:
    """A heartbeat inside a dead area; a last gasp inside a living one beside it."""
    posterior = Case.of().gasp(range(9)).alive([9, *range(11, 20)]).gasp([10]).ask()
    assert cut_edges(posterior) == ["e1"]
    assert posterior.meter_out_probability[9] < 0.1
    assert posterior.meter_out_probability[10] > 0.5
    assert posterior.meter_out_probability[11] < 0.01


def test_a_meters_own_evidence_is_left_out_of_its_place() -> None:
    """κ = 0: the customer is the place, so counting evidence twice would show."""
    exact = replace(MODEL, mapping_error=0.0)
    posterior = Case.of().gasp([0, 1]).ask(model=exact)
    place = posterior.grid.tree.position[posterior.grid.network.meters.node]
    assert posterior.meter_out_probability == pytest.approx(posterior.dead_probability[place], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 9), min_size=2, max_size=8), st.integers(0, 9))
def test_one_more_last_gasp_never_makes_the_area_less_dead(gasps: set[int], more: int) -> None:
    fewer, most = Case.of().gasp(gasps).ask(), Case.of().gasp({*gasps, more}).ask()
    # the share of gasps that have arrived, and how dead the near area is, are estimates that move a hair too
    assert dead(most, "e1") >= dead(fewer, "e1") - 1e-3


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 19), min_size=3, max_size=12), st.integers(0, 19))
def test_one_more_sign_of_life_never_makes_its_place_more_dead(gasps: set[int], living: int) -> None:
    before, after = Case.of().gasp(gasps).ask(), Case.of().gasp(gasps - {living}).alive([living]).ask()
    edge = f"e{3 + living // 5}"
    assert dead(after, edge) <= dead(before, edge) + 1e-3


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_probabilities_are_probabilities_and_death_flows_down(data: st.DataObject) -> None:
    case = Case.of()
    instants = st.sampled_from([NOW_MS - 1_000, ONSET_MS, NOW_MS - 900_000])
    for column in (case.seen.meter_off_ms, case.seen.meter_alive_ms, case.seen.meter_call_ms):
        for meter in data.draw(st.sets(st.integers(0, 19), max_size=12)):
            column[meter] = data.draw(instants)
    posterior = case.ask()
    for values in (posterior.dead_probability, posterior.meter_out_probability, posterior.cut_probability):
        assert np.all((values >= 0) & (values <= 1 + 1e-12))
    parent = posterior.grid.tree.parent[1:]
    assert np.all(posterior.dead_probability[1:] >= posterior.dead_probability[parent] - 1e-9)
    assert np.all(posterior.low <= posterior.high)


def test_the_same_observations_give_the_same_answer() -> None:
    case = Case.of().gasp([0, 3, 5, 12]).alive([7])
    one, other = case.ask(), case.ask()
    assert one.log_evidence == other.log_evidence
    assert np.array_equal(one.state, other.state)


def test_a_fault_among_others_has_the_onset_of_its_own_zone() -> None:
    """A storm: one area fell 45 s after the other, and no gap parts their last gasps."""
    case = Case.of(wide()).alive(range(60, 90)).alive(range(50, 60), ONSET_MS + 40_000)
    for meter in range(20):
        case.gasp([meter], ONSET_MS + 2_000 * meter).gasp([30 + meter], ONSET_MS + 45_000 + 300 * meter)
    posterior = case.ask()
    assert cut_edges(posterior) == ["e1", "e2"]
    assert list(posterior.cut_onset_ms) == [ONSET_MS, ONSET_MS + 45_000]
    assert posterior.meter_out_probability[50:60].min() > 0.9


def test_a_terminal_heard_until_the_onset_is_seldom_blocked() -> None:
    long_ago = ONSET_MS - 600_000
    both = Case.of(wide()).gasp(range(5)).alive(range(5, 60), long_ago)
    one = Case.of(wide()).gasp(range(5)).alive(range(5, 30), long_ago)
    assert both.ask().blocked_probability[1] < 0.05
    assert one.ask().blocked_probability[1] > 0.5


def test_a_few_last_gasps_out_of_a_blocked_area_still_mean_dead() -> None:
    """Next to nothing comes through: what does, comes of those that died."""
    case = Case.of(wide()).gasp([0, 1, 2, 3, *range(40, 58)]).alive(range(30), ONSET_MS - 60_000)
    few = Case.of(wide()).gasp(range(40, 58)).alive(range(30), ONSET_MS - 60_000)
    assert dead(case.ask(), "e1") > 10 * dead(few.ask(), "e1")


def test_a_calibrated_answer_is_what_so_confident_ones_were_worth() -> None:
    case = Case.of().gasp([0, 1, 2]).alive([9, *range(11, 20)])
    raw = case.ask()
    customers, elements = ((0.0, 0.0), (0.5, 0.3), (1.0, 1.0)), ((0.0, 0.0), (1.0, 0.8))
    told = case.ask(model=replace(MODEL, calibration=Calibration(customers, elements)))
    said = raw.meter_out_probability
    assert told.meter_out_probability == pytest.approx(np.interp(said, [0, 0.5, 1], [0, 0.3, 1]))
    assert told.class_probability == pytest.approx(0.8 * raw.class_probability)
    assert np.array_equal(told.cuts, raw.cuts)
    assert np.array_equal(told.dead_probability, raw.dead_probability), "what decides stays as it is"
