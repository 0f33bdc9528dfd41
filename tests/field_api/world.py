"""A small company with real stores: two grid cells, a crew each, one feeder, the detector's log to write."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from field_api.adapters.demo import prepare_demo
from field_api.app import Installation, build_services, build_worker
from field_api.http.app import create_app
from field_api.http.services import Services, WebConfig
from field_api.worker import Worker
from geo.adapters.csv_folder import read_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.network import Network
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.fault_rule import shipped_rules
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.ports import DetectorPosition

START_MS: Final = 1_795_300_000_000
"""2026-11-22 in the morning."""

FILES: Final[Mapping[str, str]] = {
    "nodes.csv": """id,kind,name,lon,lat,voltage_kv
S1,substation,东站,116.00,39.00,10
J1,pole,一号杆,116.01,39.00,10
J2,pole,二号杆,116.03,39.00,10
L1,transformer_lv,一台区,116.01,39.001,0.4
L2,transformer_lv,二台区,116.03,39.001,0.4
""",
    "edges.csv": """id,kind,from_id,to_id,closed,phases,length_m,name,rated_kva,transformer_kind,name_en
CB1,breaker,S1,J1,1,ABC,,出线开关,,,feeder breaker
LN2,line,J1,J2,1,ABC,850,二号线,,,
T1,transformer,J1,L1,1,ABC,,一号变,200,public,transformer 1
T2,transformer,J2,L2,1,ABC,,二号变,315,public,transformer 2
""",
    "meters.csv": """id,node_id,customer_id,phases,terminal_id
M1,L1,C1,A,TT1
M2,L1,C2,B,TT1
M3,L2,C3,ABC,TT2
M4,L2,C4,A,TT2
""",
    "terminals.csv": "id,edge_id\nTT1,T1\nTT2,T2\n",
    "sensors.csv": "id,edge_id,kind\nF1,LN2,fault_indicator\n",
    "customers.csv": """id,name,class,priority,phone,address,grid_id,access_point_id
C1,张三,resident,normal,13812345678,东河镇一号院3栋,G1,
C2,李四,resident,vulnerable,13912345679,东河镇二号院,G1,
C3,王五,small_micro,normal,13612345670,西山村3组12号,G2,
C4,赵六医院,non_resident,key,13712345671,西山村医院路8号,G2,
""",
}
CREW_OF: Final = {"G1": "crew-01", "G2": "crew-02"}


def write_network(folder: Path) -> Network:
    """The network of this world, through the CSV doors."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_folder(folder).accepted()


@dataclass
class TestClock:
    """Stands still until it is moved."""

    __test__ = False
    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Person:
    """Somebody logged in with a browser."""

    client: FlaskClient
    csrf_token: str
    user: dict[str, Any]

    def get(self, path: str, language: str = "") -> TestResponse:
        return self.client.get(path, headers={"Accept-Language": language} if language else {})

    def send(self, method: str, path: str, body: object = None, language: str = "zh") -> TestResponse:
        headers = {"X-CSRF-Token": self.csrf_token, "Accept-Language": language}
        return self.client.open(path, method=method, json=body, headers=headers)


@dataclass
class World:
    home: Installation
    network: Network
    clock: TestClock
    services: Services
    worker: Worker
    app: Flask
    outages: SqlOutageLog
    published: dict[str, OutageRevision] = field(default_factory=dict)

    def publish(self, outage: str, state: OutageState, cause: str = "T2", **changes: Any) -> OutageRevision:
        """What the detector would append."""
        before = self.published.get(outage)
        is_open = state in {OutageState.SUSPECTED, OutageState.CONFIRMED}
        revision = OutageRevision(
            outage_id=outage,
            revision=before.revision + 1 if before else 1,
            at_ms=self.clock(),
            network_hash=self.network.content_hash,
            switches=(),
            state=state,
            cause=Cause(cause, "transformer", (cause,)),
            started_at_ms=before.started_at_ms if before else self.clock() - 2_000,
            restored_at_ms=self.clock() if state is OutageState.RESTORED else None,
            probability=0.995,
            cut=(cause,) if is_open else (),
            restored=(), also_out=(), not_out=(),
            expected=2.0, low=1, high=2,
            reasons=("last_gasps=2",),
        )  # fmt: skip
        revision = replace(revision, **changes)
        self.published[outage] = revision
        self.outages.publish([revision], DetectorPosition({}))
        return revision

    def work(self) -> None:
        """Let the worker handle all that is there."""
        self.worker.tidied_ms = self.clock()
        while self.worker.turn(_NEVER):
            pass

    def log_in(self, username: str, password: str = "") -> Person:
        """The demo's people have passwords that follow from their names."""
        known = f"{username}-demo" if not username.startswith("crew") else "crew-demo"
        client = self.app.test_client()
        answer = client.post("/api/v1/session", json={"username": username, "password": password or known})
        assert answer.status_code == 200, answer.text
        session = answer.get_json()
        return Person(client, session["csrf_token"], session["user"])

    def token(self, username: str) -> str:
        """A machine's token."""
        known = f"{username}-demo" if not username.startswith("crew") else "crew-demo"
        answer = self.app.test_client().post("/api/v1/tokens", json={"username": username, "password": known})
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["token"])

    def confirmed(self, outage: str = "out-1", cause: str = "T2", **changes: Any) -> dict[str, Any]:
        """A confirmed outage with its order, as the dispatcher sees that."""
        self.publish(outage, OutageState.CONFIRMED, cause, **changes)
        self.work()
        orders = self.log_in("dispatcher").get("/api/v1/orders").get_json()["items"]
        found: dict[str, Any] = next(order for order in orders if order["outage_id"] == outage)
        return found


class _Never:
    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:  # noqa: ARG002
        return False


_NEVER: Any = _Never()


def prepare(folder: Path) -> None:
    """Migrated databases with the network, its cells and crews, and the demo's people."""
    location = str(folder / "var")
    migrate_all(location)
    network = write_network(folder / "network")
    store = SqlNetworkStore(open_database(location, "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 0, START_MS, "test"))
    prepare_demo(location, network)


def make_world(folder: Path, demo: bool = True, template: Path | None = None) -> World:
    """Everything of the desk on SQLite files below ``folder``, with a clock to set.

    ``template`` is a folder that was prepared before: copying is quicker than migrating.
    """
    if template is None:
        prepare(folder)
    else:
        shutil.copytree(template, folder, dirs_exist_ok=True)
    location = str(folder / "var")
    home = Installation(location, folder / "var", "zh")
    clock = TestClock()
    config = WebConfig(demo, "zh", 8440, 8441, folder / "dist")
    services = replace(
        build_services(
            home, config, EmbeddedReadingStore(folder / "readings"), simulator_port=9, rules=shipped_rules()
        ),
        clock=clock,
    )
    site = services.sites.current()
    assert site is not None
    worker = replace(build_worker(home), clock=clock)
    outages = SqlOutageLog(open_database(location, "outages"))
    return World(home, site.network, clock, services, worker, create_app(services), outages)
