"""Whole ways through the real parts: evidence → detector → worker → people, tickets beside meters."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from field_api.adapters.demo import prepare_demo
from field_api.instants import MINUTE_MS, iso
from field_api.sideline import Sideline
from field_api.sideline_app import SidelinePlan, build_sideline
from geo.adapters.csv_folder import read_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.detector_service import DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inference import InferenceModel
from telemetry.outages import OutageState
from tests.field_api.world import START_MS, Person, World, make_world

METERS = ("M1", "M2", "M3", "M4")
CELLS, PER_CELL = 30, 10
STORM_S = 120.0
"""Most that 300 outages may take through the worker, on a busy machine; see the docstring of the test."""


@dataclass
class Night:
    """A company with its detector, everything on one clock."""

    world: World
    detector: DetectorService
    gateway: SqlEvidenceLog
    sideline: Sideline
    dispatcher: Person

    def tell(self, kind: EvidenceKind, *devices: str) -> None:
        now_ms = self.world.clock()
        facts = [Evidence(kind, now_ms, now_ms, "TT", (one,), f"{kind}/{one}/{now_ms}") for one in devices]
        self.gateway.append(facts)

    def go(self, seconds: float) -> None:
        """Time passes; everybody does what they do meanwhile."""
        for _ in range(4):
            self.world.clock.now_ms += round(seconds * 250)
            self.detector.tick()
            self.world.work()
        self.sideline.turn()

    def ticket(self, number: str, customer: str, accepted_ms: int) -> dict[str, Any]:
        sent = {"number": number, "accepted_at": iso(accepted_ms), "customer": customer}
        answer = self.dispatcher.send("POST", "/api/v1/tickets", {"tickets": [sent]})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()["items"][0]["ticket"]
        return found

    def orders(self, state: str = "open") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dispatcher.get(f"/api/v1/orders?state={state}").get_json()["items"]
        return found

    def step(self, who: Person, order_id: str, step: str, **more: object) -> dict[str, Any]:
        revision = who.get(f"/api/v1/orders/{order_id}").get_json()["revision"]
        body = {
            "operation_id": f"{step}-{order_id}-{revision}", "step": step, "revision": revision,
            "at": iso(self.world.clock()), "sent_at": iso(self.world.clock()), **more,
        }  # fmt: skip
        answer = who.send("POST", f"/api/v1/orders/{order_id}/steps", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def night(world: World, tmp_path: Path) -> Night:
    location = world.home.location
    logs = {name: SqlEvidenceLog(open_database(location, name)) for name in ("gateway", "desk")}
    networks = SqlNetworkStore(open_database(location, "network"), None)
    detector = DetectorService(
        logs, world.outages, world.outages, networks, DetectorRules(InferenceModel()), world.clock
    )
    plan = SidelinePlan(tmp_path / "board", 300.0, 3, tmp_path / "in", tmp_path / "out")
    sideline = build_sideline(world.home, plan, world.services.readings, world.clock)
    found = Night(world, detector, logs["gateway"], sideline, world.log_in("dispatcher"))
    found.tell(EvidenceKind.ALIVE, *METERS)
    found.go(60)
    return found


def test_a_call_before_the_meters(night: Night) -> None:
    """REP-01, REP-02: one person calls, the meters speak later; one order, its clock began with the call."""
    called_ms = night.world.clock() - 5 * MINUTE_MS
    ticket = night.ticket("T-1", "C3", called_ms)
    assert ticket["verdict"] == "verify"
    (looks,) = night.orders()
    assert (looks["type"], looks["accepted_at"]) == ("verification", iso(called_ms))

    night.go(30)
    night.tell(EvidenceKind.POWER_OFF, "M3", "M4")
    night.go(60)
    (repair,) = night.orders()
    assert (repair["type"], repair["crew_id"], repair["accepted_at"]) == ("repair", "crew-02", iso(called_ms))
    withdrawn = night.dispatcher.get(f"/api/v1/orders/{looks['id']}").get_json()
    assert (withdrawn["state"], repair["outage_id"] in withdrawn["history"][-1]["note"]) == (
        "cancelled",
        True,
    )
    now = night.dispatcher.get("/api/v1/tickets/T-1").get_json()
    assert (now["verdict"], now["outage_id"], now["order_id"]) == (
        "covered",
        repair["outage_id"],
        repair["id"],
    )

    crew = night.world.log_in("crew-02")
    night.step(crew, repair["id"], "accept")
    night.go(600)
    arrived_ms = night.world.clock()
    night.step(crew, repair["id"], "arrive")
    night.go(600)
    night.step(crew, repair["id"], "repair", finding={"element": "T2", "cause": "跌落熔断器烧损"})
    night.tell(EvidenceKind.POWER_ON, "M3", "M4")
    night.go(60)
    done = night.step(crew, repair["id"], "close")
    assert done["state"] == "closed"
    night.go(60)
    told = night.dispatcher.get("/api/v1/tickets/T-1").get_json()
    assert (told["open"], told["cause"], told["arrived_at"]) == (False, "跌落熔断器烧损", iso(arrived_ms))
    assert told["restored_at"] is not None
    assert night.orders() == []


def test_from_trip_to_indices(night: Night) -> None:
    """Trip, order, crew, restoration, notices, and the year's figures: all of one night's facts."""
    night.tell(EvidenceKind.POWER_OFF, "M3", "M4")
    night.go(60)
    (order,) = night.orders()
    crew = night.world.log_in("crew-02")
    for step in ("accept", "arrive"):
        night.step(crew, order["id"], step)
        night.go(900)
    night.step(crew, order["id"], "repair", finding={"element": "T2", "cause": "雷击"})
    early = crew.send(
        "POST", f"/api/v1/orders/{order['id']}/steps",
        {"operation_id": "too-early", "step": "close", "at": iso(night.world.clock()), "revision": 4},
    )  # fmt: skip
    assert (early.status_code, early.get_json()["code"]) == (409, "order.still_dead")
    night.tell(EvidenceKind.POWER_ON, "M3", "M4")
    night.go(60)
    night.step(crew, order["id"], "close")
    notices = night.dispatcher.get("/api/v1/notices").get_json()["items"]
    told = {(one["kind"], one["recipient"]) for one in notices}
    assert {kind for kind, _ in told} >= {"outage", "restored"}
    figures = night.dispatcher.get("/api/v1/reliability?year=2026").get_json()
    indices = figures["ieee1366"]
    assert indices["saifi"] == pytest.approx(2 / 4)
    assert 30 / 2 < indices["saidi_min"] < 40 / 2


def test_two_sources_one_order(night: Night) -> None:
    """Meters, the same frames on a second path, a caller and two tickets tell of one failure."""
    night.tell(EvidenceKind.POWER_OFF, "M3", "M4")
    night.tell(EvidenceKind.POWER_OFF, "M3", "M4")
    night.go(30)
    assert night.dispatcher.send("POST", "/api/v1/calls", {"customer_id": "C4"}).status_code == 201
    night.go(10)
    verdicts = [
        night.ticket(f"T-{n}", customer, night.world.clock())["verdict"]
        for n, customer in ((1, "C3"), (2, "C4"))
    ]
    night.go(120)
    assert verdicts == ["covered", "covered"]
    (order,) = night.orders()
    outages = night.dispatcher.get("/api/v1/outages").get_json()["items"]
    assert [one["id"] for one in outages] == [order["outage_id"]]
    detail = night.dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()
    attached = [one["note"] for one in detail["history"] if one["step"] == "call_attached"]
    assert sorted(attached)[:2] == ["95598 T-1", "95598 T-2"]
    assert [one.split()[0] for one in attached].count("call") == len(attached) - 2 == 1
    notices = night.dispatcher.get("/api/v1/notices").get_json()["items"]
    keys = [(one["recipient"], one["kind"], one["channel"]) for one in notices if one["kind"] == "outage"]
    assert len(keys) == len(set(keys)), "nobody is told twice"


def _storm_network() -> dict[str, str]:
    """Thirty cells in a row, ten transformers each, two customers at each transformer."""
    nodes, edges, meters, customers = ["S1,substation,站,116.0,39.0,10"], [], [], []
    for cell in range(CELLS):
        above = f"J{cell}"
        nodes.append(f"{above},pole,杆{cell},{116 + cell * 0.01:.3f},39.0,10")
        edges.append(f"LN{cell},line,S1,{above},1,ABC,900,线{cell},,,")
        for number in range(PER_CELL):
            key = f"{cell}-{number}"
            nodes.append(
                f"L{key},transformer_lv,区{key},{116 + cell * 0.01:.3f},{39 + number * 0.001:.4f},0.4"
            )
            edges.append(f"T{key},transformer,{above},L{key},1,ABC,,变{key},200,public,")
            for side in "ab":
                meters.append(f"M{key}{side},L{key},C{key}{side},A,")
                customers.append(f"C{key}{side},张三,resident,normal,13812345678,东村{number}号,G{cell:02d},")
    heads = {
        "nodes.csv": ("id,kind,name,lon,lat,voltage_kv", nodes),
        "edges.csv": (
            "id,kind,from_id,to_id,closed,phases,length_m,name,rated_kva,transformer_kind,name_en",
            edges,
        ),
        "meters.csv": ("id,node_id,customer_id,phases,terminal_id", meters),
        "terminals.csv": ("id,edge_id", []),
        "sensors.csv": ("id,edge_id,kind", []),
        "customers.csv": ("id,name,class,priority,phone,address,grid_id,access_point_id", customers),
    }
    return {name: "\n".join([head, *rows]) + "\n" for name, (head, rows) in heads.items()}


@pytest.fixture
def storm(tmp_path: Path) -> World:
    template = tmp_path / "template"
    (template / "network").mkdir(parents=True)
    for name, text in _storm_network().items():
        (template / "network" / name).write_text(text, encoding="utf-8")
    location = str(template / "var")
    migrate_all(location)
    network = read_folder(template / "network").accepted()
    store = SqlNetworkStore(open_database(location, "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 0, START_MS, "test"))
    prepare_demo(location, network)
    return make_world(tmp_path / "world", template=template)


def _every_order(who: Person) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    onward = ""
    while True:
        page = who.get(f"/api/v1/orders?limit=500{onward}").get_json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        onward = f"&cursor={page['next_cursor']}"


def test_a_storm_of_three_hundred_outages_and_thirty_crews(storm: World) -> None:
    """Each outage becomes one order of its cell's crew with its due times, told twice changes nothing.

    The bound is generous, for machines that do other things too; it is there so that a cost that grows with
    the square of the outages fails.
    """
    causes = [f"T{cell}-{number}" for cell in range(CELLS) for number in range(PER_CELL)]
    for cause in causes:
        storm.publish(f"out-{cause}", OutageState.CONFIRMED, cause)
    begun_s = time.process_time()
    storm.work()
    assert time.process_time() - begun_s < STORM_S
    for cause in causes[:50]:
        storm.publish(f"out-{cause}", OutageState.CONFIRMED, cause)
    storm.work()
    orders = _every_order(storm.log_in("dispatcher"))
    assert sorted(one["outage_id"] for one in orders) == sorted(f"out-{cause}" for cause in causes)
    assert len({one["crew_id"] for one in orders}) == CELLS
    assert all(f"G{int(one['element'][1:].split('-')[0]):02d}" == one["grid_id"] for one in orders)
    assert all({due["clock"] for due in one["due"]} == {"arrival", "restoration"} for one in orders), "REP-02"
