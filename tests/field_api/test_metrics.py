"""Metrics, their page, their alarms and their dashboard speak of the same names."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from geo.adapters.database import open_database, writing
from telemetry.adapters.gateway_tables import devices, door_states, gateway_state, security_events
from tests.field_api.world import START_MS, World

ROOT = Path(__file__).parent.parent.parent
NAME = re.compile(r"\bgridcrew_[a-z_]+\b")
GAUGES = {
    "received": 10, "duplicate": 1, "stored": 6, "dead": 1, "pending.bulk": 2, "partial": 1, "lost": 0,
    "oldest_pending_ms.bulk": 1500, "store_away.bulk": 1, "spool_bytes.events": 4096, "board_ms": START_MS,
    "capacity_s": 7200, "pressure": 1, "disk_used_permille": 710, "intake_bytes_per_s": 900,
    "ballast_missing": 0,
}  # fmt: skip


@pytest.fixture
def scraped(world: World) -> dict[str, dict[tuple[str, ...], float]]:
    """What /metrics of a company with a gateway shows: name → values of labels by name → value."""
    blank = dict.fromkeys(
        (
            "parent", "decided_by", "door", "model", "maker", "firmware", "foreign_id", "certificate_state",
            "certificate_serial",
        ),
        "",
    )  # fmt: skip
    seen = {"first_seen_ms": 1, "last_seen_ms": 1, **blank}
    terminal = {"device": "TT1", "kind": "terminal", "approval": "approved", "online": False}
    waiting = {"device": "TT2", "kind": "terminal", "approval": "pending", "online": True, "lost_by": ""}
    with writing(open_database(world.home.location, "gateway")).begin() as connection:
        connection.execute(insert(gateway_state), [{"name": n, "value": v} for n, v in GAUGES.items()])
        connection.execute(insert(devices), [terminal | {"lost_by": "will"} | seen, waiting | seen])
        door = {
            "name": "mqtt:bulk",
            "ready": True,
            "trouble": "",
            "counters": '{"reconnects": 2}',
            "at_ms": 1,
        }
        connection.execute(insert(door_states), [door])
        event = {"hour": 1, "threat": "spoofing", "source": "T9", "door": "mqtt", "finding": "", "times": 3}
        connection.execute(insert(security_events), [event | {"id": 1, "first_ms": 1, "last_ms": 2}])
    world.log_in("viewer")
    return _scrape(world)


def _scrape(world: World) -> dict[str, dict[tuple[str, ...], float]]:
    answer = world.app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return {
        sample.name: {
            tuple(value for _, value in sorted(each.labels.items())): each.value
            for each in family.samples
            if each.name == sample.name
        }
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_tell_what_the_gateway_wrote_down(
    scraped: dict[str, dict[tuple[str, ...], float]], world: World
) -> None:
    assert scraped["gridcrew_gateway_frames_total"] == {
        ("received",): 12, ("duplicate",): 1, ("stored",): 6, ("dead",): 1,
    }  # fmt: skip
    assert scraped["gridcrew_gateway_conservation_balance"][()] == 2
    assert scraped["gridcrew_gateway_oldest_pending_seconds"]["bulk",] == 1.5
    assert scraped["gridcrew_gateway_disk_used_ratio"][()] == pytest.approx(0.71)
    assert scraped["gridcrew_gateway_door_ready"] == {("mqtt:bulk",): 1}
    assert scraped["gridcrew_gateway_door_events_total"] == {("mqtt:bulk", "reconnects"): 2}
    assert scraped["gridcrew_gateway_security_events_total"] == {("spoofing",): 3}
    assert scraped["gridcrew_devices"] == {
        ("terminal", "will", "offline"): 1, ("terminal", "", "pending"): 1,
    }  # fmt: skip
    assert scraped["gridcrew_detector_lag_rows"] == {("gateway",): 0, ("desk",): 0}
    assert scraped["gridcrew_http_answers_total"]["log_in", "200"] == 1
    world.clock.now_ms += 60_000
    assert _scrape(world)["gridcrew_gateway_door_ready"] == {("mqtt:bulk",): 0}, "nobody wrote for a minute"


def _expressions() -> dict[str, str]:
    board = json.loads((ROOT / "deploy/grafana/gridcrew.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    found = {
        f"panel {panel['title']}": " ".join(target["expr"] for target in panel["targets"])
        for panel in board["panels"]
        if "targets" in panel
    }
    return found | {f"alert {rule['alert']}": rule["expr"] for rule in rules["groups"][0]["rules"]}


def test_dashboard_and_alarms_ask_for_what_is_there(
    scraped: dict[str, dict[tuple[str, ...], float]],
) -> None:
    asked = {where: set(NAME.findall(expression)) for where, expression in _expressions().items()}
    assert all(asked.values())
    assert not {where: names - set(scraped) for where, names in asked.items() if names - set(scraped)}


def test_every_metric_is_shown_and_documented(scraped: dict[str, dict[tuple[str, ...], float]]) -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    ours = {name for name in scraped if name.startswith("gridcrew_")}
    assert len(ours) > 20
    assert ours == set(NAME.findall(page))
    assert ours == set().union(*(NAME.findall(expression) for expression in _expressions().values()))


def test_every_alarm_is_explained() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    alarms = [name.removeprefix("alert ") for name in _expressions() if name.startswith("alert ")]
    assert not [name for name in alarms if name not in page]
