"""What the desk's work costs as closed orders gather: a page, one order, a step, what a phone pulls.

One process, CPU and waiting together and CPU alone, on SQLite and on PostgreSQL; 40 open orders whatever the
number of closed ones. The growth is the cost at the most orders over that at the fewest.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from benchmarks.desk_company import CELLS, MINUTE_MS, History, found
from benchmarks.record import Cell, record
from field_api.http.app import create_app
from field_api.instants import iso
from geo.adapters.database import open_database
from tests.postgres import postgres

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
OPEN: Final = 40
REPEATS: Final = 25
_UNIQUE: Final = itertools.count()
_SENT: Final = "desk-scale-{}"


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure, print and write ``results/desk_scale``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks desk_scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--stores", nargs="+", default=("sqlite", "postgresql"))
    options = parser.parse_args(arguments)
    tables: dict[str, list[dict[str, Cell]]] = {}
    for store in options.stores:
        with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home:
            if store == "sqlite":
                took = _measured(str(Path(home) / "var"), Path(home), options.sizes)
            else:
                with postgres(durable=True) as url:
                    took = _measured(url, Path(home), options.sizes)
        tables[f"Milliseconds with {store}"] = _rows(took)
    notes = (
        f"Median of {REPEATS} requests in one process, without HTTP; {OPEN} open orders of two crews.",
        "CPU is this process's own; PostgreSQL works in others.",
        "A step waits for the disk (SQLite synchronous=FULL, PostgreSQL fsync).",
    )
    return record(
        "desk_scale", "The desk's work and the number of orders", tables, notes, ("flask", "sqlalchemy")
    )


@dataclass(frozen=True, slots=True)
class _Took:
    ms: float
    cpu_ms: float


def _measured(location: str, folder: Path, sizes: Sequence[int]) -> dict[int, dict[str, _Took]]:
    services = found(location, folder)
    client = create_app(services).test_client()
    desk = Client(client, token(client, "dispatcher"))
    now_ms = int(time.time() * 1000)
    orders = [
        opened(desk, subject) for subject in itertools.islice(itertools.cycle(CELLS), OPEN + len(CELLS))
    ]
    engine = open_database(location, "desk")
    models = dict(zip(("a", "b"), (orders.pop()["id"] for _ in CELLS), strict=True))
    with engine.begin() as connection:
        for model in models.values():
            connection.execute(
                text("UPDATE orders SET state = 'closed', open = false WHERE id = :id"), {"id": model}
            )
    history, there = History(engine), 0
    took: dict[int, dict[str, _Took]] = {}
    for size in sizes:
        history.grow(there, size, models, now_ms - MINUTE_MS)
        there = size
        took[size] = {name: _median(ask) for name, ask in _requests(desk, client, orders).items()}
        sys.stderr.write(f"{size}: {took[size]}\n")
    return took


def _requests(
    desk: "Client", client: FlaskClient, orders: Sequence[Mapping[str, Any]]
) -> dict[str, Callable[[], object]]:
    crew = Client(client, token(client, "crew-02"))
    cursor = _last_cursor(crew)
    whose = itertools.cycle(orders)
    closed = desk.get("/api/v1/orders?state=closed&limit=50")
    deep = closed["next_cursor"]
    return {
        "page of open orders": lambda: desk.get("/api/v1/orders?state=open&limit=50"),
        "page of closed orders": lambda: desk.get("/api/v1/orders?state=closed&limit=50"),
        "next page of closed orders": lambda: desk.get(f"/api/v1/orders?state=closed&limit=50&cursor={deep}"),
        "closed orders of one cell": lambda: crew.get("/api/v1/orders?state=closed&limit=50"),
        "closed orders of a rare kind": lambda: desk.get(
            "/api/v1/orders?state=closed&limit=50&type=campaign"
        ),
        "changed in the last hour": lambda: desk.get(
            f"/api/v1/orders?state=all&limit=50&updated_since={_hour_ago()}"
        ),
        "one order": lambda: desk.get(f"/api/v1/orders/{next(whose)['id']}"),
        "pull: everything": lambda: crew.get("/api/v1/sync/pull"),
        "pull: nothing new": lambda: crew.get(f"/api/v1/sync/pull?cursor={cursor()}"),
        "a step (remark)": lambda: desk.remark(next(whose)),
        "crews": lambda: desk.get("/api/v1/crews"),
    }


def _hour_ago() -> str:
    return iso(int(time.time() * 1000) - 3_600_000)


def _last_cursor(crew: "Client") -> Callable[[], str]:
    """The cursor after all that there was: where a phone goes on."""

    def read() -> str:
        page = crew.get("/api/v1/sync/pull")
        while page["more"]:
            page = crew.get(f"/api/v1/sync/pull?cursor={page['next_cursor']}")
        return str(page["next_cursor"])

    held = read()
    return lambda: held


def _median(ask: Callable[[], object]) -> _Took:
    ask()
    wall, cpu = [], []
    for _ in range(REPEATS):
        began, worked = time.perf_counter(), time.process_time()
        ask()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    return _Took(1000 * statistics.median(wall), 1000 * statistics.median(cpu))


def _rows(took: Mapping[int, Mapping[str, _Took]]) -> list[dict[str, Cell]]:
    sizes = list(took)
    rows: list[dict[str, Cell]] = []
    for name in took[sizes[0]]:
        row: dict[str, Cell] = {"what": name}
        row |= {f"{size:,} orders": round(took[size][name].ms, 1) for size in sizes}
        row["growth"] = round(took[sizes[-1]][name].ms / took[sizes[0]][name].ms, 1)
        row["cpu at the most"] = round(took[sizes[-1]][name].cpu_ms, 1)
        rows.append(row)
    return rows


def token(client: FlaskClient, username: str) -> str:
    password = "crew-demo" if username.startswith("crew") else f"{username}-demo"
    answer = client.post("/api/v1/tokens", json={"username": username, "password": password})
    return str(answer.get_json()["token"])


def opened(desk: "Client", customer: str) -> dict[str, Any]:
    """A new order about that customer."""
    body = {"operation_id": _SENT.format(next(_UNIQUE)), "type": "call_back", "subject_id": customer}
    order: dict[str, Any] = desk.send("/api/v1/orders", body)
    return order


@dataclass(frozen=True, slots=True)
class Client:
    """One person's requests; what is refused ends the measurement."""

    client: FlaskClient
    token: str

    def get(self, path: str) -> Any:  # noqa: ANN401 (JSON)
        return self._answer(self.client.get(path, headers=self._headers))

    def send(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 (JSON)
        return self._answer(self.client.post(path, json=body, headers=self._headers))

    def remark(self, order: Mapping[str, Any]) -> Any:  # noqa: ANN401 (JSON)
        """A step that is always allowed."""
        detail = self.get(f"/api/v1/orders/{order['id']}")
        body = {
            "operation_id": _SENT.format(next(_UNIQUE)), "step": "remark", "at": iso(int(time.time() * 1000)),
            "revision": detail["revision"], "note": "seen",
        }  # fmt: skip
        return self.send(f"/api/v1/orders/{order['id']}/steps", body)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @staticmethod
    def _answer(answer: TestResponse) -> Any:  # noqa: ANN401 (JSON)
        if answer.status_code >= 300:
            raise RuntimeError(f"{answer.request.path}: {answer.status_code} {answer.text[:500]}")
        return answer.get_json()


if __name__ == "__main__":
    run(sys.argv[1:])
