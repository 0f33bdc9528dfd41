"""A store of readings that is away costs its readings, nothing else, and says so."""

from dataclasses import replace
from pathlib import Path

from field_api.http.app import create_app
from telemetry.adapters.influx_readings import InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress
from tests.field_api.world import make_world
from tests.ports import free_port


def test_a_meter_whose_readings_cannot_be_read(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    nowhere = InfluxReadingStore(InfluxAddress(f"http://127.0.0.1:{free_port()}", "g", "v1", timeout_s=1))
    world.app = create_app(replace(world.services, readings=nowhere))
    client = world.log_in("dispatcher")
    meter = world.network.meters.ids[0]
    answer = client.get(f"/api/v1/meters/{meter}")
    assert answer.status_code == 503
    assert answer.get_json()["code"] == "request.readings_away"
    assert client.get(f"/api/v1/elements/{meter}").status_code == 200
    nowhere.close()
