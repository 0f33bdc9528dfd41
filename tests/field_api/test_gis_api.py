"""OGC API – Features: what its Core asks, cells kept apart, and read by GDAL from a live server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from field_api.partners.gis_features import Feature, Wanted
from tests.field_api.world import START_MS, World

ROOT = "/api/ogc"
GDAL = """
import json, sys, warnings
import pyogrio
url = "OAPIF:" + sys.argv[1]
warnings.simplefilter("ignore")
found = {name: None for name, _ in pyogrio.list_layers(url)}
for name in found:
    meta, _, geometry, fields = pyogrio.raw.read(url, layer=name)
    found[name] = {
        "count": len(geometry), "kind": meta["geometry_type"],
        "fields": {key: [str(one) for one in column] for key, column in zip(meta["fields"], fields)},
    }
boxed = pyogrio.raw.read(url, layer="transformers", bbox=(116.02, 38.9, 116.1, 39.1))
found["boxed"] = len(boxed[2])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def token(busy_world: World) -> str:
    return busy_world.token("dispatcher")


def _get(world: World, token: str, path: str) -> Any:
    answer = world.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def _ids(document: Any) -> list[str]:
    return [one["id"] for one in document["features"]]


def test_everything_is_found_from_the_landing_page(busy_world: World, token: str) -> None:
    landing = _get(busy_world, token, ROOT)
    links = {one["rel"]: one["href"].removeprefix("http://localhost") for one in landing["links"]}
    assert set(links) >= {"self", "service-desc", "conformance", "data"}
    conforms = _get(busy_world, token, links["conformance"])["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in conforms
    listed = _get(busy_world, token, links["data"])["collections"]
    assert [one["id"] for one in listed] == ["outages", "orders", "crews", "transformers", "lines"]
    for one in listed:
        items = next(link for link in one["links"] if link["rel"] == "items")
        assert items["type"] == "application/geo+json"
        found = _get(busy_world, token, items["href"].removeprefix("http://localhost"))
        assert found["numberMatched"] == found["numberReturned"] == len(found["features"]) > 0
        path = f"{ROOT}/collections/{one['id']}/items/{found['features'][0]['id']}"
        assert _get(busy_world, token, path)["properties"] == found["features"][0]["properties"]


def test_boxes_and_times_choose(busy_world: World, token: str) -> None:
    places = f"{ROOT}/collections/transformers/items"
    assert _ids(_get(busy_world, token, places)) == ["T1", "T2"]
    assert _ids(_get(busy_world, token, f"{places}?bbox=116.02,38,117,40")) == ["T2"]
    assert _ids(_get(busy_world, token, f"{places}?bbox=116.02,38,0,117,40,100")) == ["T2"]
    assert _ids(_get(busy_world, token, f"{places}?bbox=170,38,116.015,40")) == ["T1"], "over the date line"
    outages = f"{ROOT}/collections/outages/items"
    assert _ids(_get(busy_world, token, f"{outages}?datetime=2026-11-21")) == ["out-east", "out-west"]
    assert _ids(_get(busy_world, token, f"{outages}?datetime=../2026-11-20T00:00:00Z")) == []
    assert len(_ids(_get(busy_world, token, f"{outages}?datetime=2026-11-30/.."))) == 2, "still open"


def test_pages_lead_on_and_end(busy_world: World, token: str) -> None:
    path, seen = f"{ROOT}/collections/outages/items?limit=1", []
    while path:
        page = _get(busy_world, token, path)
        seen += _ids(page)
        onward = [link["href"] for link in page["links"] if link["rel"] == "next"]
        path = onward[0].removeprefix("http://localhost") if onward else ""
    assert seen == ["out-east", "out-west"]
    assert _get(busy_world, token, f"{ROOT}/collections/lines/items?limit=100000")["numberReturned"] == 1


@pytest.mark.parametrize(
    "query", ["limit=0", "bbox=1,2,3", "bbox=a", "datetime=yesterday", "colour=red", "limit=1&limit=2"]
)
def test_wrong_parameters_are_400(busy_world: World, token: str, query: str) -> None:
    path = f"{ROOT}/collections/outages/items?{query}"
    answer = busy_world.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 400


def test_a_person_sees_their_cells_only(busy_world: World) -> None:
    crew = busy_world.log_in("crew-01")
    seen = {
        name: _ids(crew.get(f"{ROOT}/collections/{name}/items").get_json())
        for name in ("outages", "orders", "crews", "transformers", "lines")
    }
    assert seen["outages"] == ["out-east"]
    assert seen["crews"] == ["crew-01"]
    assert (seen["transformers"], seen["lines"]) == (["T1"], ["LN2"])
    assert crew.get(f"{ROOT}/collections/transformers/items/T2").status_code == 404
    assert busy_world.app.test_client().get(ROOT).status_code == 401


def test_time_of_a_feature() -> None:
    over = Feature("x", None, {}, (START_MS, START_MS + 10))
    assert Wanted(from_ms=START_MS + 10).takes(over)
    assert not Wanted(from_ms=START_MS + 11).takes(over)
    assert not Wanted(to_ms=START_MS - 1).takes(over)
    assert not Wanted(box=(0, 0, 1, 1)).takes(over), "nowhere is in no box"


@pytest.fixture
def live(busy_world: World) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, busy_world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{ROOT}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_gdal_reads_it(live: str, token: str) -> None:
    environment = dict(os.environ) | {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token}
    done = subprocess.run(
        [sys.executable, "-c", GDAL, live],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name]["count"] for name in ("outages", "crews", "transformers", "lines")} == {
        "outages": 2, "crews": 2, "transformers": 2, "lines": 1,
    }  # fmt: skip
    assert (found["lines"]["kind"], found["outages"]["kind"]) == ("LineString", "Point")
    assert found["boxed"] == 1
    assert sorted(found["outages"]["fields"]["customers_out"]) == ["2", "2"]
