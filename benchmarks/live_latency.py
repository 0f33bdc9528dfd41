"""From a fault to the dispatcher's screen on the running product: how many seconds, several faults at once.

The product is started as `make demo` starts it, with its default share of lost last gasps and wrong records.
"""

import json
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.record import Cell, record
from tests.product import Product, demo

ELEMENTS = ("T16", "T21", "T34", "T42", "T53", "L41", "S20800", "L10205")
"""Transformers, a low-voltage cable, a switch and a cable of 10 kV."""
APART_S = 4.0
LOOK_S = 0.1
LIMIT_S = 180.0
DEFAULTS = {"GRIDCREW_SIM__LOST_LAST_GASPS": "0.2", "GRIDCREW_SIM__WRONG_METERS": "0.01"}


@dataclass
class Watch:
    """What was seen of one tripped element, seconds of the wall clock."""

    element: str
    tripped_s: float
    onset_s: float = 0.0
    customers: int = 0
    seen_s: dict[str, float] = field(default_factory=dict)

    def look(self, outages: list[dict[str, Any]], now_s: float) -> None:
        for outage in outages:
            if self.element in outage["cause"]["equivalent"]:
                if not self.seen_s:
                    self.onset_s = datetime.fromisoformat(outage["started_at"]).timestamp()
                    self.customers = outage["customers_out"]
                    self.seen_s["shown"] = now_s
                self.seen_s.setdefault(outage["state"], now_s)

    def row(self) -> dict[str, Cell]:
        def after(what: str, since_s: float) -> float | None:
            return round(self.seen_s[what] - since_s, 1) if what in self.seen_s else None

        return {
            "element": self.element,
            "customers": self.customers,
            "first last gasp → shown s": after("shown", self.onset_s),
            "trip → shown s": after("shown", self.tripped_s),
            "trip → confirmed s": after("confirmed", self.tripped_s),
            "trip → restored s": after("restored", self.tripped_s),
        }


def run() -> dict[str, object]:
    """Trip the elements a few seconds apart and watch the API until all are over."""
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder), DEFAULTS) as product:
        watches = _watched(product)
    return record(
        "live_latency",
        "From a fault to the screen",
        {f"{len(ELEMENTS)} faults, {APART_S:.0f} s apart": [watch.row() for watch in watches]},
        (
            "The whole product on this machine: broker, gateway, detector, worker, web and simulator.",
            f"The API was asked every {LOOK_S} s; 20 % of the last gasps are lost, 1 % of the records wrong.",
            "The simulated crews drive and work 20 times faster than life.",
        ),
        ("numpy", "paho-mqtt", "flask"),
    )


def _watched(product: Product) -> list[Watch]:
    token = _ask(product, "tokens", {"username": product.username, "password": product.password})["token"]
    watches: list[Watch] = []
    began_s = time.time()
    while time.time() - began_s < LIMIT_S and not _all_over(watches):
        if len(watches) < len(ELEMENTS) and time.time() >= began_s + APART_S * len(watches):
            product.command("sim", "trip", ELEMENTS[len(watches)])
            watches.append(Watch(ELEMENTS[len(watches)], time.time()))
        outages = _ask(product, "outages?state=all&limit=500", token=token)["items"]
        for watch in watches:
            watch.look(outages, time.time())
        time.sleep(LOOK_S)
    return watches


def _all_over(watches: list[Watch]) -> bool:
    return len(watches) == len(ELEMENTS) and all("restored" in watch.seen_s for watch in watches)


def _ask(product: Product, path: str, body: dict[str, str] | None = None, token: str = "") -> Any:  # noqa: ANN401
    request = urllib.request.Request(  # noqa: S310 (our own address)
        f"{product.url}api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"}
        | ({"Authorization": f"Bearer {token}"} if token else {}),
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    run()
