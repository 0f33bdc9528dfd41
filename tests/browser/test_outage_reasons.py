"""A dispatcher reading one outage trusts it because it shows its reasons; a lone false sign is no order."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import expect

from field_api.adapters.vault import Vault
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.network import Network
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.evidence import EvidenceKind
from tests.browser.page import OUTAGE_S, CommandCentre
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("product")]

TRANSFORMERS = iter(("T20", "T90"))
ANSWER_S = 30.0


def _network(product: Product) -> Network:
    folder = product.environment["GRIDCREW_DATA_DIR"]
    store = SqlNetworkStore(open_database(folder, "network"), Vault(Path(folder, "people.keys")))
    version = store.effective(time.time_ns() // 1_000_000)
    assert version is not None
    return store.get(version.content_hash)


def _last_gasp(product: Product, terminal: str, meter: str) -> int:
    """A frame as that terminal would send it; when it was sent."""
    now_ms = time.time_ns() // 1_000_000
    event = {"at": now_ms, "device": meter, "kind": "power_off"}
    frame = {"v": 1, "boot": f"false-{now_ms}", "seq": 1, "events": [event]}
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(product.environment["GRIDCREW_MQTT__PORT"]))
    client.loop_start()
    client.publish(f"gridcrew/v1/{terminal}/events", json.dumps(frame), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    return now_ms


def _alive_again(product: Product, meter: str, since_ms: int) -> Iterator[int]:
    log = SqlEvidenceLog(open_database(product.environment["GRIDCREW_DATA_DIR"], "gateway"))
    for logged in log.read(log.first_id_since(since_ms) - 1, 10_000):
        if logged.evidence.kind is EvidenceKind.ALIVE and meter in logged.evidence.devices:
            yield logged.evidence.received_ms


def test_a_lone_false_last_gasp_is_asked_answers_and_becomes_no_order(running_product: Product) -> None:
    network = _network(running_product)
    row = 700
    meter, terminal = network.meters.ids[row], network.terminals.ids[int(network.meters.terminal[row])]
    sent_ms = _last_gasp(running_product, terminal, meter)
    wishes = SqlPingWishes(open_database(running_product.environment["GRIDCREW_DATA_DIR"], "outages"))
    deadline = time.monotonic() + ANSWER_S
    while not any(logged.wish.devices == (meter,) for logged in wishes.read(0, 1_000)):
        assert time.monotonic() < deadline, "nobody asked"
        time.sleep(0.1)
    while not list(_alive_again(running_product, meter, sent_ms)):
        assert time.monotonic() < deadline, "nobody answered"
        time.sleep(0.1)
    time.sleep(2)  # longer than it takes the detector to make an outage of evidence
    listed = json.loads(running_product.command("outage", "list", "--all", "--json"))
    assert not [one for one in listed if abs(_ms(one["started_at"]) - sent_ms) < 5_000]


def _ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


def test_the_page_shows_reasons_and_takes_a_correction(
    centre: CommandCentre, running_product: Product
) -> None:
    """Signs, rivals, what would settle it, each customer's reason; a word is kept with its author."""
    element = next(TRANSFORMERS)
    running_product.command("sim", "trip", element)
    centre.log_in()
    name = centre.outage_at(element).first
    expect(name).to_be_visible(timeout=OUTAGE_S * 1000)
    name.click()
    reasons = centre.get("explanation")
    expect(reasons).to_be_visible(timeout=OUTAGE_S * 1000)
    for language, words in (("zh-CN", ("上报停电", "也可能", "如何核实")), ("en", ("last gasp", "settle"))):
        centre.speak(language)
        for word in words:
            expect(reasons).to_contain_text(word)
        assert not centre.serious_violations()
    centre.get("correct-kind").select_option("found_sound")
    centre.get("correct-note").fill("looked at it")
    centre.get("correct-send").click()
    expect(centre.get("corrections")).to_contain_text("looked at it")
    centre.get("load-customers").click()
    expect(centre.get("affected-customers").locator(".people-why").first).to_contain_text("Customer")
    assert not centre.serious_violations()
    running_product.command("sim", "restore", element)
