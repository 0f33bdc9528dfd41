"""The golden night of a lost phase, through the real doors: drop-out fuse → voltages → outage → restored."""

import json
import time
import urllib.request
from typing import Any

import pytest

from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

TOLD_S = 60.0
"""Terminals read their meters every fifteen seconds; a second sign may take a turn more."""
OVER_S = 180.0


def _outages(product: Product) -> list[dict[str, Any]]:
    body = json.dumps({"username": product.username, "password": product.password}).encode()
    headers = {"Content-Type": "application/json"}
    token_request = urllib.request.Request(f"{product.url}api/v1/tokens", data=body, headers=headers)
    with urllib.request.urlopen(token_request, timeout=20) as answer:
        token = json.load(answer)["token"]
    request = urllib.request.Request(
        f"{product.url}api/v1/outages?state=all&limit=500", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: list[dict[str, Any]] = json.load(answer)["items"]
    return found


def _wait_for(product: Product, element: str, states: set[str], seconds: float) -> dict[str, Any]:
    deadline, seen = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        seen = [one for one in _outages(product) if element in one["cause"]["equivalent"]]
        lost = [one for one in seen if one["phases"] and one["state"] in states]
        if lost:
            return lost[0]
        time.sleep(1)
    raise AssertionError(f"no outage of a phase at {element} in {states} within {seconds:.0f} s: {seen}")


def test_a_blown_drop_out_fuse_is_told_as_one_lost_phase_and_ends_with_its_voltage(
    running_product: Product,
) -> None:
    examples = json.loads(running_product.command("sim", "state", "--json"))["examples"]
    transformer = next(one["element"] for one in examples if one["kind"] == "transformer")
    done = json.loads(running_product.command("sim", "fault", transformer, "--phases", "B", "--json"))
    assert done["disturbed"] > 0
    told = _wait_for(running_product, transformer, {"suspected", "confirmed"}, TOLD_S)
    assert told["phases"] == "B"
    assert told["low_phases"] in {"AB", "B"}
    assert "phases_lost=B" in told["reasons"]
    affected = told["customers_out"] + told["customers_one_phase_missing"]
    assert 0.8 <= affected / (done["customers"] + done["disturbed"]) <= 1.2
    over = _wait_for(running_product, transformer, {"restored"}, OVER_S)
    assert over["id"] == told["id"]
