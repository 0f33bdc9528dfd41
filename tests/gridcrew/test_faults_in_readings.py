"""A head-end's file of low voltages, dropped into the running product, becomes an alarm with a pass rate."""

import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

WAIT_S = 90.0


def _get(product: Product, token: str, path: str) -> Any:
    request = urllib.request.Request(
        f"{product.url}api/v1/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _token(product: Product) -> str:
    body = json.dumps({"username": product.username, "password": product.password}).encode()
    request = urllib.request.Request(
        f"{product.url}api/v1/tokens", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["token"])


def test_an_hour_of_low_voltage_from_a_file_is_an_alarm(running_product: Product) -> None:
    """A customer's meter at 190 V for an hour and a quarter (GB/T 12325: not below 198 V)."""
    devices = json.loads(running_product.command("device", "list", "--kind", "meter", "--json"))
    meter = devices[0] if isinstance(devices, list) else devices["items"][0]
    local = datetime.now(UTC) + timedelta(hours=8)
    rows = [
        f"{meter['parent']},{meter['device']},{local - timedelta(minutes=15 * n):%Y-%m-%d %H:%M:00},190.0,"
        for n in range(7, 1, -1)
    ]
    text = "terminal,meter,time,ua_v,quality\n" + "\n".join(rows) + "\n"
    inbox = Path(running_product.environment["GRIDCREW_DATA_DIR"]) / "inbox"
    draft = inbox / ".readings-low.csv"
    draft.write_text(text, encoding="utf-8")
    draft.rename(inbox / "readings-low.csv")

    token, deadline = _token(running_product), time.monotonic() + WAIT_S
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        listed = _get(running_product, token, "alarms?causes=false")["items"]
        found = [one for one in listed if one["subject"] == meter["device"]]
        time.sleep(1)
    assert found, sorted(path.name for path in inbox.iterdir())
    assert (found[0]["rule"], found[0]["name_zh"], found[0]["worst"]) == ("under_voltage", "低电压", 190.0)
    assert found[0]["grid_id"]
    told = json.loads(running_product.command("alarm", "list", "--explained", "--json"))
    assert meter["device"] in {one["subject"] for one in told}
    days = f"first_day={local - timedelta(days=1):%Y-%m-%d}&last_day={local:%Y-%m-%d}"
    rates = _get(running_product, token, f"voltage-quality?{days}")["items"]
    worst = min(one["pass_rate_percent"] for one in rates)
    assert worst < 100 < sum(one["monitored"] for one in rates)
