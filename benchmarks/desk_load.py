"""Five hundred listeners and two hundred requests a second of mixed use, against real processes.

``gridcrew web`` runs as ``gridcrew up`` starts it: the API under gunicorn, the server-sent events in another
process. Requests begin at their planned times whether or not the ones before are answered, and are timed from
there; an event is timed from the step that caused it to each listener that it reached.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import text

from benchmarks.desk_company import CELLS, found
from benchmarks.desk_scale import Client, opened, token
from benchmarks.processor import children, spent
from benchmarks.record import Cell, record
from field_api.http.app import create_app
from field_api.instants import iso
from geo.adapters.database import open_database
from tests.postgres import postgres

LISTENERS: Final = 500
OFFICE_SHARE: Final = 0.1
"""Of the listeners; they hear the whole company, the others one of two cells."""
RATE_PER_S: Final = 200.0
SECONDS: Final = 20.0
OPEN: Final = 60
CONNECTIONS: Final = 64
WARM_UP: Final = (40.0, 6.0)
"""Requests per second, seconds: enough that every process has compiled and read what it needs."""
GIVE_UP_S: Final = 30.0
PATIENT_S: Final = 600.0
"""While warming up: what is compiled then must be ready when the measurement begins."""
MIX: Final = {"page": 0.25, "detail": 0.25, "pull": 0.2, "crews": 0.1, "position": 0.16, "step": 0.04}
"""Shares of the requests: most people look, some move, few change an order."""
_CURSOR: Final = re.compile(rb'"next_cursor":"([^"]+)"')
_LENGTH: Final = re.compile(rb"(?i)content-length: *(\d+)")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure, print and write ``results/desk_load``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks desk_load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=float, nargs="+", default=[RATE_PER_S])
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    parser.add_argument("--stores", nargs="+", default=("sqlite", "postgresql"))
    parser.add_argument("--processes", type=int, default=0, help="of the web; 0: as it decides")
    options = parser.parse_args(arguments)
    tables: dict[str, list[dict[str, Cell]]] = {}
    before = os.getloadavg()[0]
    for store in options.stores:
        for rate in options.rate:
            with _store(store) as location:
                seen = _measured(location, rate, options.seconds, options.listeners, options.processes)
            caption = f"{store}, {rate:g} requests/s, {options.listeners} listeners"
            tables[caption] = seen.rows()
            tables[f"Processors: {caption}"] = seen.costs()
    notes = (
        f"{options.seconds:g} s each; load of the machine before: {before:.1f}; {os.cpu_count()} cores.",
        "The generator of the load runs on the same cores.",
        f"Shares: {', '.join(f'{name} {share:.0%}' for name, share in MIX.items())}; {OPEN} open orders.",
        f"Errors: answers later than {GIVE_UP_S:g} s, broken connections, statuses from 400 on.",
        "409 (somebody was faster) is none.",
        "Every process was warmed up by the same mix before; the clients' processor time counts no set-up.",
    )
    return record("desk_load", "The desk under load", tables, notes, ("flask", "gunicorn", "sqlalchemy"))


@contextmanager
def _store(name: str) -> Iterator[str]:
    """Where a new installation's databases lie; '' is its own folder."""
    if name == "sqlite":
        yield ""
    else:
        with postgres(durable=True) as url:
            yield url


@dataclass(slots=True)
class Seen:
    """What was measured: seconds by kind."""

    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors: Counter[str] = field(default_factory=Counter)
    cpu_s: dict[str, float] = field(default_factory=dict)
    stepped_s: dict[tuple[str, int], float] = field(default_factory=dict)
    seconds: float = 0.0

    def rows(self) -> list[dict[str, Cell]]:
        """A row for each kind of request, one for events, and the CPU of each process."""
        rows: list[dict[str, Cell]] = []
        for kind, took in sorted(self.took_s.items()):
            row: dict[str, Cell] = {"what": kind, "count": len(took), "errors": self.errors[kind]}
            row |= {f"p{p}_ms": round(1000 * float(np.percentile(took, p)), 1) for p in (50, 99)}
            row["slowest_ms"] = round(1000 * max(took), 1)
            row["statuses"] = ", ".join(f"{name}: {count}" for name, count in self.statuses[kind].items())
            rows.append(row)
        return rows

    def costs(self) -> list[dict[str, Cell]]:
        """What each process worked, and how long for a request."""
        requests = sum(len(took) for kind, took in self.took_s.items() if kind in MIX)
        return [
            {"what": name, "cpu_s": round(used, 1), "cpu_ms_a_request": round(1000 * used / requests, 2),
             "cores": round(used / self.seconds, 2)}
            for name, used in self.cpu_s.items()
        ]  # fmt: skip


def _measured(location: str, rate: float, seconds: float, listeners: int, processes: int) -> Seen:
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home:
        folder = Path(home)
        people = _prepared(location or str(folder / "var"), folder)
        environment = {
            "GRIDCREW_DATA_DIR": str(folder / "var"), "GRIDCREW_DEMO": "true",
            "GRIDCREW_WEB__PORT": "0", "GRIDCREW_WEB__EVENTS_PORT": "0",
            "GRIDCREW_WEB__REQUESTS_PER_S": "100000",
            "GRIDCREW_WEB__MAX_STREAMS": str(listeners + 20),
        }  # fmt: skip
        if processes:
            environment["GRIDCREW_WEB__PROCESSES"] = str(processes)
        others = {}
        if location:
            environment["GRIDCREW_DATABASE"] = location
            others["the database"] = _server_of(location)
        with _web(environment, folder / "var", others) as web:
            return asyncio.run(_load(web, people, rate, seconds, listeners))


@dataclass(frozen=True, slots=True)
class People:
    tokens: Mapping[str, str]
    """Name → bearer token."""
    orders: Mapping[str, list[str]]
    """Crew → its open orders."""
    revisions: dict[str, int]
    """Of each order, as its crew knows it."""
    cursors: dict[str, str] = field(default_factory=dict)
    """How far each crew's phone has come."""


def _prepared(location: str, folder: Path) -> People:
    client = create_app(found(location, folder)).test_client()
    desk = Client(client, token(client, "dispatcher"))
    orders: dict[str, list[str]] = defaultdict(list)
    revisions: dict[str, int] = {}
    for number in range(OPEN):
        customer = list(CELLS)[number % len(CELLS)]
        order = opened(desk, customer)
        orders[CELLS[customer][1]].append(order["id"])
        revisions[order["id"]] = order["revision"]
    names = ("dispatcher", *(crew for _, crew in CELLS.values()))
    return People({name: token(client, name) for name in names}, dict(orders), revisions)


@dataclass(frozen=True, slots=True)
class Web:
    host: str
    port: int
    events_port: int
    processes: Mapping[str, int]
    """Name → the process whose children count with it."""

    def cpu_s(self) -> dict[str, float]:
        """Seconds that each has worked up to now."""
        return {name: spent(pid).used_s for name, pid in self.processes.items()}


@contextmanager
def _web(environment: Mapping[str, str], folder: Path, others: Mapping[str, int]) -> Iterator[Web]:
    with subprocess.Popen(
        [sys.executable, "-m", "gridcrew", "web"],
        env=os.environ | environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            while "web ready" not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError("the web did not start")
            noted = json.loads((folder / "web.json").read_text(encoding="utf-8"))
            page, events = urlsplit(noted["url"]), urlsplit(noted["events_url"])
            assert page.port is not None
            assert events.port is not None
            ours = dict(zip(("the API", "the events"), children(process.pid), strict=True))
            yield Web(page.hostname or "127.0.0.1", page.port, events.port, {**ours, **others})
        finally:
            process.terminate()


def _server_of(location: str) -> int:
    """The process of the PostgreSQL server there: the parent of who answers."""
    with open_database(location, "desk").connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    status = Path(f"/proc/{backend}/stat").read_text(encoding="utf-8")
    return int(status.rpartition(")")[2].split()[1])


async def _load(web: Web, people: People, rate: float, seconds: float, listeners: int) -> Seen:
    await Requests(web, people, Seen(), PATIENT_S).run(*WARM_UP)
    seen = Seen()
    async with _listening(web, people, listeners, seen):
        before, began, own = web.cpu_s(), time.monotonic(), time.process_time()
        await Requests(web, people, seen).run(rate, seconds)
        seen.seconds = time.monotonic() - began
        await asyncio.sleep(1)
        seen.cpu_s = {name: used - before[name] for name, used in web.cpu_s().items()}
        seen.cpu_s["the clients"] = time.process_time() - own
    return seen


@asynccontextmanager
async def _listening(web: Web, people: People, listeners: int, seen: Seen) -> AsyncIterator[None]:
    names = list(people.tokens)
    office = int(listeners * OFFICE_SHARE)
    chosen = ["dispatcher" if number < office else names[1 + number % 2] for number in range(listeners)]
    ready: list[asyncio.Event] = [asyncio.Event() for _ in chosen]
    loop, streams = asyncio.get_running_loop(), []
    for name, heard in zip(chosen, ready, strict=True):
        made = partial(Listener, web, people.tokens[name], seen, heard)
        streams.append((await loop.create_connection(made, web.host, web.events_port))[0])
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in ready)), 60)
    seen.statuses["event heard"]["listening"] = sum(one.is_set() for one in ready)
    try:
        yield
    finally:
        for stream in streams:
            stream.close()


class Listener(asyncio.Protocol):
    """One stream: notes when it heard of each step. It reads an event's text once for all listeners."""

    _known: ClassVar[dict[bytes, tuple[str, int] | None]] = {}

    def __init__(self, web: Web, bearer: str, seen: Seen, ready: asyncio.Event) -> None:
        self._sent = (
            f"GET /api/v1/events HTTP/1.1\r\nHost: {web.host}\r\nAuthorization: Bearer {bearer}\r\n\r\n"
        ).encode()
        self._seen, self._ready, self._rest = seen, ready, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._sent)

    def data_received(self, data: bytes) -> None:
        """Every whole event that it brings."""
        now_s = time.monotonic()
        if not self._ready.is_set():
            self._seen.errors["event heard"] += b" 200 " not in data[:16]
            self._ready.set()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if event not in self._known:
                self._known[event] = _stepped(event)
            step = self._known[event]
            if step is not None and (sent_s := self._seen.stepped_s.get(step)) is not None:
                self._seen.took_s["event heard"].append(now_s - sent_s)


def _stepped(event: bytes) -> tuple[str, int] | None:
    """The order and its revision, where an event tells of one."""
    if b"event: order\n" not in event:
        return None
    order = json.loads(event.partition(b"data: ")[2].partition(b"\n")[0])
    return order["id"], order["revision"]


class Requests:
    """Mixed use by a few people over kept connections."""

    def __init__(self, web: Web, people: People, seen: Seen, give_up_s: float = GIVE_UP_S) -> None:
        self._web, self._people, self._seen, self._give_up_s = web, people, seen, give_up_s
        self._random = random.Random(7)
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._number = 0

    async def run(self, rate: float, seconds: float) -> None:
        """Begin each at its time; wait for the last answer."""
        began, tasks = time.monotonic(), []
        kinds, shares = list(MIX), list(MIX.values())
        for number in range(int(rate * seconds)):
            planned = began + number / rate
            await asyncio.sleep(max(0.0, planned - time.monotonic()))
            kind = self._random.choices(kinds, shares)[0]
            tasks.append(asyncio.create_task(self._timed(kind, planned)))
        await asyncio.gather(*tasks)

    async def _timed(self, kind: str, planned: float) -> None:
        try:
            status = await asyncio.wait_for(getattr(self, f"_{kind}")(), self._give_up_s)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as problem:
            status = type(problem).__name__
        self._seen.took_s[kind].append(time.monotonic() - planned)
        self._seen.statuses[kind][str(status)] += 1
        if not str(status).startswith(("2", "304", "409")):
            self._seen.errors[kind] += 1

    async def _page(self) -> int:
        return (await self._ask(self._anybody(), "GET", "/api/v1/orders?state=open&limit=50"))[0]

    async def _crews(self) -> int:
        return (await self._ask(self._anybody(), "GET", "/api/v1/crews"))[0]

    async def _detail(self) -> int:
        crew, order = self._order()
        return (await self._ask(crew, "GET", f"/api/v1/orders/{order}"))[0]

    async def _pull(self) -> int:
        crew = self._crew()
        after = f"?cursor={self._people.cursors[crew]}" if crew in self._people.cursors else ""
        status, body = await self._ask(crew, "GET", f"/api/v1/sync/pull{after}")
        if found := _CURSOR.search(body):
            self._people.cursors[crew] = found[1].decode()
        return status

    async def _position(self) -> int:
        crew = self._crew()
        body = {"lon": 116.0, "lat": 39.0, "at": iso(int(time.time() * 1000)), "state": "free"}
        return (await self._ask(crew, "PUT", f"/api/v1/crews/{crew}/position", body))[0]

    async def _step(self) -> int:
        """As a phone does that was told of the order's last change."""
        crew, order = self._order()
        self._number += 1
        body = {
            "operation_id": f"desk-load-{self._number}", "step": "remark", "note": "seen",
            "at": iso(int(time.time() * 1000)), "revision": self._people.revisions[order],
        }  # fmt: skip
        step = order, self._people.revisions[order] + 1
        self._seen.stepped_s[step] = time.monotonic()
        status, text = await self._ask(crew, "POST", f"/api/v1/orders/{order}/steps", body)
        if status == HTTPStatus.OK:
            self._people.revisions[order] = json.loads(text)["revision"]
        return status

    def _anybody(self) -> str:
        return self._random.choice(list(self._people.tokens))

    def _crew(self) -> str:
        return self._random.choice(list(self._people.orders))

    def _order(self) -> tuple[str, str]:
        crew = self._crew()
        return crew, self._random.choice(self._people.orders[crew])

    async def _ask(self, who: str, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and text; over one of the connections that are free."""
        async with self._places:
            pair = self._idle.pop() if self._idle else await self._connected()
            answer = await self._exchanged(pair, self._request(who, method, path, body))
            self._idle.append(pair)
            return answer

    async def _connected(self) -> Connection:
        return await asyncio.open_connection(self._web.host, self._web.port)

    def _request(self, who: str, method: str, path: str, body: object) -> bytes:
        sent = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._web.host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._people.tokens[who]}\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        return head.encode() + sent

    @staticmethod
    async def _exchanged(pair: Connection, request: bytes) -> tuple[int, bytes]:
        reader, writer = pair
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return int(head[9:12]), await reader.readexactly(int(length[1]) if length else 0)


if __name__ == "__main__":
    run(sys.argv[1:])
