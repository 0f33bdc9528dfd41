"""Minutes from place to place: known distances, areas' speeds, unknown places, a site's own table."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.travel import Stops, TravelModel, great_circle_km, minutes_between, usual_travel

PLAIN = TravelModel(1.0, 0.0, 30.0, {"urban": 60.0, "rural": 30.0})
NAN = float("nan")


def stops(*places: tuple[float, float, str, str]) -> Stops:
    return Stops(
        np.array([place[0] for place in places]), np.array([place[1] for place in places]),
        tuple(place[2] for place in places), tuple(place[3] for place in places),
    )  # fmt: skip


def test_a_degree_of_the_equator_is_as_long_as_on_every_globe() -> None:
    km = great_circle_km(np.array([0.0]), np.array([0.0]), np.array([1.0]), np.array([0.0]))
    assert km[0] == pytest.approx(2 * np.pi * 6371.0088 / 360)


def test_beijing_is_as_far_from_shanghai_as_atlases_say() -> None:
    km = great_circle_km(np.array([116.4074]), np.array([39.9042]), np.array([121.4737]), np.array([31.2304]))
    assert km[0] == pytest.approx(1067, abs=2)


def test_the_area_driven_to_makes_the_speed() -> None:
    here = stops((116.0, 39.0, "", "urban"))
    there = stops((116.0, 39.1, "", "urban"), (116.0, 39.1, "", "rural"), (116.0, 39.1, "", "moon"))
    urban, rural, unknown = minutes_between(PLAIN, here, there)[0]
    assert rural == pytest.approx(2 * urban)
    assert unknown == rural  # the slowest stands in
    assert urban == pytest.approx(11.12, abs=0.01)


def test_staying_costs_nothing_and_setting_off_does() -> None:
    model = replace(PLAIN, set_off_minutes=3.0)
    both = stops((116.0, 39.0, "", "urban"), (116.01, 39.0, "", "urban"))
    minutes = minutes_between(model, both, both)
    assert minutes[0, 0] == minutes[1, 1] == 0.0
    assert minutes[0, 1] == pytest.approx(3.0 + 0.864, abs=0.01)


def test_an_unknown_place_takes_a_usual_while() -> None:
    assert minutes_between(PLAIN, stops((NAN, NAN, "", "")), stops((116.0, 39.0, "", "urban")))[0, 0] == 30.0


def test_a_sites_table_of_cells_goes_before_the_model() -> None:
    model = replace(PLAIN, between_cells={("G1", "G2"): 42.0, ("G1", "G1"): 7.0})
    minutes = minutes_between(
        model,
        stops((116.0, 39.0, "G1", "urban"), (116.0, 39.0, "G3", "urban")),
        stops((116.3, 39.0, "G2", "urban"), (116.0, 39.0, "G1", "urban"), (116.2, 39.0, "G1", "urban")),
    )
    assert minutes[0].tolist() == [42.0, 0.0, 7.0]
    assert minutes[1, 0] == pytest.approx(25.9, abs=0.1)


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-85, 85)), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_every_drive_is_a_finite_number_of_minutes(places: list[tuple[float, float]]) -> None:
    made = stops(*((lon, lat, "G", "rural") for lon, lat in places))
    minutes = minutes_between(usual_travel(), made, made)
    assert np.isfinite(minutes).all()
    assert (minutes >= 0).all()
    assert np.allclose(minutes, minutes.T)
