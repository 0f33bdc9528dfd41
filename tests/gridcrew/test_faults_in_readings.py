"""A head-end's file of low voltages, dropped into the running product, becomes an alarm with a pass rate."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.another_system import Document, Login, await_found
from tests.product import Product

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("product")]

WAIT_S = 90.0


def test_an_hour_of_low_voltage_from_a_file_is_an_alarm(running_product: Product, desk: Login) -> None:
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

    def found() -> Document | None:
        listed = desk.get("alarms?causes=false")["items"]
        return next((one for one in listed if one["subject"] == meter["device"]), None)

    alarm = await_found(found, "the alarm of a low voltage", WAIT_S)
    assert (alarm["rule"], alarm["name_zh"], alarm["worst"]) == ("under_voltage", "低电压", 190.0)
    assert alarm["grid_id"]
    told = json.loads(running_product.command("alarm", "list", "--explained", "--json"))
    assert meter["device"] in {one["subject"] for one in told}
    days = f"first_day={local - timedelta(days=1):%Y-%m-%d}&last_day={local:%Y-%m-%d}"
    rates = desk.get(f"voltage-quality?{days}")["items"]
    worst = min(one["pass_rate_percent"] for one in rates)
    assert worst < 100 < sum(one["monitored"] for one in rates)
