"""What the desk's work costs as closed orders gather: pages and filters, one order, a step, what a phone
pulls, the board, what planning reads.

One process, on SQLite and on PostgreSQL: its own processor time, and the time until it had the answer; 40
open orders whatever the number of closed ones. The growth is the cost at the most orders over that at the
fewest.
"""

import argparse
import itertools
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from benchmarks.accuracy.charts import Axis, Chart
from benchmarks.desk_company import CELLS, MINUTE_MS, History, found
from benchmarks.record import RESULTS, Cell, record
from field_api.http.app import create_app
from field_api.http.services import Services
from field_api.instants import iso
from field_api.usecases.write_board import WriteBoard
from geo.adapters.database import open_database
from tests.postgres import postgres

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
OPEN: Final = 40
REPEATS: Final = 25
CHARTED: Final = (
    "page of open orders", "page of closed orders", "closed orders of one cell", "one order",
    "pull: nothing new", "a step (remark)", "the board", "what a dispatch plan reads",
)  # fmt: skip
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
        tables[f"Processor milliseconds with {store}"] = _rows(took, "cpu_ms")
        tables[f"Milliseconds until the answer with {store}"] = _rows(took, "ms")
        _draw(store, took)
    notes = (
        f"Median of {REPEATS} requests in one process, without HTTP; {OPEN} open orders of two crews.",
        "Processor time is this process's own; PostgreSQL works in others, the waiting holds that too.",
        f"Charts: {', '.join(f'desk_scale_{store}.svg' for store in options.stores)}.",
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
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
        asked = _requests(desk, client, orders) | _looks(services)
        took[size] = {name: _median(ask) for name, ask in asked.items()}
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
        "closed orders of a state": lambda: desk.get(
            "/api/v1/orders?state=closed&limit=50&step_state=closed&priority=normal"
        ),
        "orders of a customer": lambda: desk.get("/api/v1/orders?state=open&limit=50&customer_id=C1"),
        "search": lambda: desk.get("/api/v1/search?q=C1"),
        "a page begins (bootstrap)": lambda: desk.get("/api/v1/bootstrap"),
        "changed in the last hour": lambda: desk.get(
            f"/api/v1/orders?state=all&limit=50&updated_since={_hour_ago()}"
        ),
        "one order": lambda: desk.get(f"/api/v1/orders/{next(whose)['id']}"),
        "pull: everything": lambda: crew.get("/api/v1/sync/pull"),
        "pull: nothing new": lambda: crew.get(f"/api/v1/sync/pull?cursor={cursor()}"),
        "a step (remark)": lambda: desk.remark(next(whose)),
        "crews": lambda: desk.get("/api/v1/crews"),
    }


def _looks(services: Services) -> dict[str, Callable[[], object]]:
    """What the processes beside the web look at again and again."""
    now_ms = int(time.time() * 1000)
    board = WriteBoard(services.desk, services.company, services.sites, lambda *_: None)
    return {
        "the board": lambda: board(now_ms),
        "what a dispatch plan reads": lambda: services.plan_dispatch.situation(now_ms),
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


def _rows(took: Mapping[int, Mapping[str, _Took]], what: Literal["ms", "cpu_ms"]) -> list[dict[str, Cell]]:
    sizes = list(took)
    rows: list[dict[str, Cell]] = []
    for name in took[sizes[0]]:
        costs = [getattr(took[size][name], what) for size in sizes]
        row: dict[str, Cell] = {"what": name}
        row |= {f"{size:,} orders": round(cost, 1) for size, cost in zip(sizes, costs, strict=True)}
        row["growth"] = round(costs[-1] / costs[0], 1)
        rows.append(row)
    return rows


def _draw(store: str, took: Mapping[int, Mapping[str, _Took]]) -> None:
    """Processor milliseconds by number of orders."""
    sizes = [float(size) for size in took]
    lines = {name: [(float(size), took[size][name].cpu_ms) for size in took] for name in CHARTED}
    most_ms = math.ceil(max(ms for line in lines.values() for _, ms in line))
    chart = Chart(
        f"Processor milliseconds of a request, {store}",
        Axis("orders", sizes[0], max(sizes[-1], 2 * sizes[0]), sizes, logarithmic=True),
        Axis("ms", 0, most_ms, [most_ms * share / 4 for share in range(5)]),
        lines,
    )
    (RESULTS / f"desk_scale_{store}.svg").write_text(chart.svg(), encoding="utf-8")


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
