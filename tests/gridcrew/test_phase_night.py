"""The golden night of a lost phase, through the real doors: drop-out fuse → voltages → outage → restored."""

import json

import pytest

from tests.another_system import Document, Login, await_found
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

TOLD_S = 60.0
"""Terminals read their meters every fifteen seconds; a second sign may take a turn more."""
OVER_S = 180.0


def _lost_phase(desk: Login, element: str, states: set[str]) -> Document | None:
    found = desk.outages_at(element)
    return next((one for one in found if one["phases"] and one["state"] in states), None)


def test_a_blown_drop_out_fuse_is_told_as_one_lost_phase_and_ends_with_its_voltage(
    running_product: Product, desk: Login
) -> None:
    examples = json.loads(running_product.command("sim", "state", "--json"))["examples"]
    transformer = next(one["element"] for one in examples if one["kind"] == "transformer")
    done = json.loads(running_product.command("sim", "fault", transformer, "--phases", "B", "--json"))
    assert done["disturbed"] > 0
    told = await_found(
        lambda: _lost_phase(desk, transformer, {"suspected", "confirmed"}), "a lost phase", TOLD_S
    )
    assert told["phases"] == "B"
    assert told["low_phases"] in {"AB", "B"}
    assert "phases_lost=B" in told["reasons"]
    affected = told["customers_out"] + told["customers_one_phase_missing"]
    assert 0.8 <= affected / (done["customers"] + done["disturbed"]) <= 1.2
    over = await_found(lambda: _lost_phase(desk, transformer, {"restored"}), "it is back", OVER_S)
    assert over["id"] == told["id"]
