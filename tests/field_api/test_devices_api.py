"""Devices by the API: who sees which, what is told of them, who may decide."""

from typing import Any

import pytest
from sqlalchemy import insert

from gateway.adapters.ledger.devices import DeviceLedger
from gateway.adapters.ledger.gauges import put
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.codecs.own import decode
from gateway.frames import Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from geo.adapters.database import open_database, writing
from telemetry.adapters.completeness_records import fold
from telemetry.adapters.gateway_tables import security_events
from tests.field_api.world import START_MS, World
from tests.gateway.running import readings_body

MINE, FOREIGN = {"TT1", "M1", "M2"}, {"TT2", "M3", "M4"}


def take(world: World, terminal: str, meters: list[str], seq: int, at_ms: int, rule: Any = "all") -> None:
    """A frame as the gateway takes it, readings and ledger."""
    engine = open_database(world.home.location, "gateway")
    ledger = SqlLedger(engine, "1", DeviceLedger(rule))
    frame = Frame(f"gridcrew/v1/{terminal}/readings", readings_body(seq, meters, at_ms=at_ms), at_ms + 500)
    (entry,) = ledger.screen(Lane.BULK, [Entry(SpooledFrame(seq + 1, frame), decode(frame))])
    if not entry.problem:
        world.services.readings.write(list(entry.decoded.batches))
    ledger.commit(Lane.BULK, [entry], seq + 1, 0)
    with writing(engine).begin() as connection:
        put(connection, {"board_ms": world.clock()})


@pytest.fixture
def heard(world: World) -> World:
    """Both cells have spoken just now, and a terminal that nobody planned."""
    take(world, "TT1", ["M1", "M2"], 1, START_MS - 1_000)
    take(world, "TT2", ["M3", "M4"], 1, START_MS - 1_000)
    take(world, "X9", ["x-1"], 1, START_MS - 1_000)
    return world


def ids(answer: Any) -> set[str]:
    return {one["id"] for one in answer.get_json()["items"]}


def test_everybody_sees_the_devices_of_their_cells(heard: World) -> None:
    assert ids(heard.log_in("crew-01").get("/api/v1/devices")) == MINE
    assert ids(heard.log_in("crew-02").get("/api/v1/devices")) == FOREIGN
    assert ids(heard.log_in("viewer").get("/api/v1/devices")) == MINE | FOREIGN | {"X9", "x-1"}
    stranger = heard.log_in("crew-01")
    for name in (*FOREIGN, "X9", "nobody"):
        assert stranger.get(f"/api/v1/devices/{name}").status_code == 404
        assert stranger.get(f"/api/v1/devices/{name}/completeness").status_code == 404


def test_pages_follow_each_other(heard: World) -> None:
    person, found, path = heard.log_in("viewer"), [], "/api/v1/devices?limit=2&kind=meter"
    while path:
        page = person.get(path).get_json()
        found += [one["id"] for one in page["items"]]
        path = page["next_cursor"] and f"/api/v1/devices?limit=2&kind=meter&cursor={page['next_cursor']}"
    assert found == ["M1", "M2", "M3", "M4", "x-1"]
    crew = heard.log_in("crew-02").get("/api/v1/devices?limit=1&kind=meter").get_json()
    assert [one["id"] for one in crew["items"]] == ["M3"]


def test_filters_choose(heard: World) -> None:
    person = heard.log_in("viewer")
    assert ids(person.get("/api/v1/devices?kind=terminal")) == {"TT1", "TT2", "X9"}
    assert ids(person.get("/api/v1/devices?parent=TT2")) == {"M3", "M4"}
    assert ids(person.get("/api/v1/devices?state=pending")) == set()
    assert person.get("/api/v1/devices?kind=spoon").status_code == 422


def test_a_device_tells_where_it_belongs_and_how_it_is(heard: World) -> None:
    person = heard.log_in("viewer")
    meter = person.get("/api/v1/devices/M3").get_json()
    assert (meter["parent"], meter["transformer"], meter["link"], meter["cause"]) == (
        "TT2",
        "T2",
        "online",
        "",
    )
    assert meter["last_seen_at"] == "2026-11-21T22:26:39.500Z"
    assert person.get("/api/v1/devices/x-1").get_json()["transformer"] == ""


def test_an_outage_explains_silence_and_a_silent_gateway_hides_all(heard: World) -> None:
    heard.clock.now_ms += 7_200_000
    person = heard.log_in("viewer")
    silent = person.get("/api/v1/devices/M1").get_json()
    assert (silent["link"], silent["cause"], silent["alarm"]) == ("unknown", "gateway", False)
    take(heard, "TT1", ["M1"], 2, heard.clock() - 1_000)
    lonely = person.get("/api/v1/devices/M2").get_json()
    assert (lonely["link"], lonely["cause"], lonely["alarm"]) == ("offline", "communication", True)
    unread = person.get("/api/v1/devices/M3").get_json()
    assert (unread["link"], unread["cause"], unread["alarm"]) == ("unknown", "terminal", False)
    heard.confirmed("out-west", cause="T2")
    out = person.get("/api/v1/devices/M3").get_json()
    assert (out["link"], out["cause"], out["alarm"]) == ("offline", "power", False)


def test_a_supervisor_decides_and_others_may_not(world: World) -> None:
    take(world, "TT1", ["M1"], 1, START_MS, rule="none")
    for name, status in (("viewer", 403), ("crew-01", 403)):
        assert world.log_in(name).send("POST", "/api/v1/devices/TT1/approve").status_code == status
    boss = world.log_in("dispatcher")
    assert ids(boss.get("/api/v1/devices?state=pending")) == {"TT1"}
    letter = boss.get("/api/v1/dead-letters").get_json()["items"][0]
    assert letter["problem"] == "held back: terminal TT1 is pending approval"
    decided = boss.send("POST", "/api/v1/devices/TT1/approve").get_json()
    assert (decided["approval"], decided["decided_by"]) == ("approved", "user: dispatcher")
    take(world, "TT1", ["M1"], 2, START_MS + 1, rule="none")
    assert boss.send("POST", "/api/v1/devices/M1/block").status_code == 409
    assert boss.send("POST", "/api/v1/devices/nobody/block").status_code == 404
    assert boss.send("POST", "/api/v1/devices/TT1/block").get_json()["approval"] == "blocked"


def test_completeness_of_a_meter_and_the_worst(heard: World) -> None:
    take(heard, "TT1", ["M1"], 2, START_MS - 900_000)
    person = heard.log_in("viewer")
    day = person.get("/api/v1/devices/M1/completeness").get_json()
    assert (day["day"], len(day["intervals"])) == ("2026-11-22", 96)
    assert sum(one["stored"] for one in day["intervals"]) == 2
    assert sum(one["expected"] for one in day["intervals"]) == 25
    before = person.get("/api/v1/devices/M1/completeness?day=2026-11-21").get_json()
    assert (sum(one["received"] for one in before["intervals"]), before["share"]) == (0, 0)
    assert person.get("/api/v1/devices/M1/completeness?day=tomorrow").status_code == 422
    fold(open_database(heard.home.location, "gateway"))
    worst = person.get("/api/v1/completeness").get_json()["items"]
    assert [(one["meter"], one["covered"]) for one in worst] == [
        ("M2", 1), ("M3", 1), ("M4", 1), ("x-1", 1), ("M1", 2),
    ]  # fmt: skip
    assert (worst[0]["terminal"], worst[0]["expected"], worst[0]["stored"]) == ("TT1", 25, 1)
    page = person.get("/api/v1/completeness?limit=2").get_json()
    assert [one["meter"] for one in page["items"]] == ["M2", "M3"]
    rest = person.get(f"/api/v1/completeness?limit=9&cursor={page['next_cursor']}").get_json()
    assert ([one["meter"] for one in rest["items"]], rest["next_cursor"]) == (["M4", "x-1", "M1"], None)
    terminals = person.get("/api/v1/completeness/terminals").get_json()["items"]
    assert [(one["terminal"], one["meters"]) for one in terminals] == [("TT2", 2), ("X9", 1), ("TT1", 2)]
    assert person.get("/api/v1/completeness/terminals?limit=1").get_json()["next_cursor"] == "1"


def test_the_gateway_tells_how_it_is(heard: World) -> None:
    shown = heard.log_in("viewer").get("/api/v1/gateway").get_json()
    assert shown["frames"] == {"received": 3, "duplicate": 0, "stored": 3, "dead": 0, "pending": 0}
    assert [lane["name"] for lane in shown["lanes"]] == ["events", "bulk", "backfill"]
    assert (shown["pressure"], shown["capacity_h"], shown["doors"]) == ("free", None, [])


def test_refusals_are_for_those_who_see_all_and_masked(world: World) -> None:
    row = {
        "id": 1, "hour": 1, "threat": "spoofing", "source": "TT2", "door": "mqtt", "times": 2,
        "finding": "called 13812345678", "first_ms": START_MS, "last_ms": START_MS,
    }  # fmt: skip
    with writing(open_database(world.home.location, "gateway")).begin() as connection:
        connection.execute(insert(security_events), [row])
    (event,) = world.log_in("dispatcher").get("/api/v1/security-events").get_json()["items"]
    assert (event["finding"], event["times"]) == ("called 138****5678", 2)
    assert world.log_in("viewer").get("/api/v1/security-events").status_code == 403


def test_values_show_what_is_doubtful(world: World) -> None:
    body = readings_body(1, ["M1"], at_ms=START_MS - 1_000).replace(b"230.1", b"999.5")
    frame = Frame("gridcrew/v1/TT1/readings", body, START_MS)
    world.services.readings.write(list(decode(frame).batches))
    latest = world.log_in("viewer").get("/api/v1/meters/M1").get_json()["latest"]
    assert latest["values"]["voltage_a_v"] == "999.5"
    assert latest["quality"] == {"voltage_a_v": ["out_of_range"]}
