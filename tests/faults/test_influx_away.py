"""InfluxDB away, slow, overloaded or killed under a real gateway: faults 6 to 9, and kill -9."""

import json
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, Terminal
from tests.faults.proxy import FaultProxy, Mode
from tests.gateway.running import Installation, Publisher, await_true, installation, readings_body
from tests.influx import Influxd, influxd

DATABASE = "gridcrew"
START_MS = 1_795_300_000_000
"""``readings_body`` gives frame number n the time START_MS + n seconds."""
PATIENT_S = 90.0
USUAL = 900
"""The event before the trouble: as long as one takes on this machine now."""
SOAK = partial(pytest.param, marks=pytest.mark.soak)


class InfluxReadings:
    """Which frames' readings the database holds, for ``History.check``: a point's time tells its frame."""

    def __init__(self, server: Influxd) -> None:
        self._server = server

    def __call__(self, installation: Installation) -> Counter[str]:  # noqa: ARG002 (one server, one site)
        found: Counter[str] = Counter()
        query = 'SELECT voltage_a_v FROM "reading" GROUP BY meter, terminal'
        answer = json.loads(self._server.query(query, DATABASE))
        for series in answer["results"][0].get("series", []):
            tags = series["tags"]
            if tags["meter"].endswith("-m1"):
                frames = [(row[0] - START_MS) // 1000 for row in series["values"]]
                found.update(f"{tags['terminal']}/b1/{frame}" for frame in frames)
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Influxd]:
    with influxd(tmp_path / "influx") as started:
        yield started


@contextmanager
def site_on(folder: Path, port: int, **environment: str) -> Iterator[Installation]:
    """An installation whose readings go to the InfluxDB at that port, by the 1.x endpoints."""
    folder.mkdir()
    influx = {
        "GRIDCREW_READINGS__STORE": "influxdb",
        "GRIDCREW_INFLUX__URL": f"http://127.0.0.1:{port}",
        "GRIDCREW_INFLUX__API": "v1",
        "GRIDCREW_INFLUX__TIMEOUT_S": "2",
    }
    with installation(folder, **influx | environment) as site, EmbeddedBroker(site.settings):
        yield site


def until(stop: threading.Event, terminal: Terminal, per_s: float) -> threading.Thread:
    """Let the terminal speak until ``stop``."""

    def speak() -> None:
        while not stop.wait(1 / per_s):
            terminal.send()

    thread = threading.Thread(target=speak)
    thread.start()
    return thread


@pytest.mark.parametrize("down_s", [5, SOAK(600)])
def test_down_for_a_while_costs_time_and_nothing_else(tmp_path: Path, server: Influxd, down_s: float) -> None:
    """Fault 6: acknowledgements go on, events are not delayed, the backlog drains."""
    history = History()
    with site_on(tmp_path / "var", server.port) as site:
        site.start()
        publisher = Publisher(terminal_address(site.settings), "T1")
        terminal = Terminal(history, publisher)
        terminal.send(50)
        await_true(lambda: site.records.counters().stored >= 40, "the first frames")
        usual_s = event_delay_s(site, publisher, USUAL)
        server.stop()
        stop = threading.Event()
        speaking = until(stop, terminal, 100)
        delays = [event_delay_s(site, publisher, number) for number in range(8)]
        pending = site.records.counters().pending
        time.sleep(down_s)
        stop.set()
        speaking.join()
        publisher.flush()
        assert site.records.counters().pending > max(pending, 100), "the spool grows"
        assert statistics.median(delays) < 1 + 3 * usual_s, f"events wait for readings: {delays}"
        server.start()
        terminal.finish()
        history.sent |= {f"T1/e/{number}" for number in (*range(8), USUAL)}
        history.check(site, InfluxReadings(server), wait_s=PATIENT_S)
        publisher.close()


def event_delay_s(site: Installation, publisher: Publisher, number: int) -> float:
    """Publish one power-off and wait until it is evidence."""
    after = site.evidence.newest_id()
    event = {"at": START_MS + number, "device": "T1-m1", "kind": "power_off"}
    body = json.dumps({"v": 1, "boot": "e", "seq": number, "events": [event]})
    begun_s = time.monotonic()
    publisher.publish(1_000_000 + number, "gridcrew/v1/T1/events", body.encode())
    await_true(
        lambda: any(
            row.evidence.kind == "power_off" and row.evidence.at_ms == START_MS + number
            for row in site.evidence.read(after)
        ),
        "the event",
    )
    return time.monotonic() - begun_s


@pytest.mark.parametrize("trouble", ["503", "slow", "half-open", "lost replies", SOAK("429"), SOAK("reset")])
def test_every_kind_of_trouble_on_the_way(tmp_path: Path, server: Influxd, trouble: str) -> None:
    """Faults 7 and 8: backoff, the same again, the same count; events go by."""
    history = History()
    with FaultProxy(server.port) as proxy, site_on(tmp_path / "var", proxy.port) as site:
        site.start()
        publisher = Publisher(terminal_address(site.settings), "T1")
        terminal = Terminal(history, publisher)
        terminal.send(30)
        await_true(lambda: site.records.counters().stored >= 20, "the first frames")
        usual_s = event_delay_s(site, publisher, USUAL)
        spoil(proxy, trouble)
        terminal.send(200)
        delays = [event_delay_s(site, publisher, number) for number in range(10)]
        assert statistics.median(delays) < 1 + 3 * usual_s, f"events wait for readings: {delays}"
        time.sleep(1)
        terminal.send(100)
        proxy.mode = Mode.PASS
        terminal.finish()
        history.sent |= {f"T1/e/{number}" for number in (*range(10), USUAL)}
        history.check(site, InfluxReadings(server), wait_s=PATIENT_S)
        publisher.close()


def spoil(proxy: FaultProxy, trouble: str) -> None:
    """Begin that trouble."""
    if trouble in {"503", "429"}:
        proxy.respond(f"{trouble} No", Retry_After="1")
        return
    proxy.delay_s = 0.3
    proxy.mode = {
        "reset": Mode.RESET,
        "slow": Mode.DELAY,
        "half-open": Mode.HALF_OPEN,
        "lost replies": Mode.CUT_REPLIES,
    }[trouble]


def test_kill_9_of_the_server_while_it_writes(tmp_path: Path, server: Influxd) -> None:
    """What the ledger calls stored is found, however the server dies."""
    history = History()
    with site_on(tmp_path / "var", server.port) as site:
        site.start()
        publisher = Publisher(terminal_address(site.settings), "T1")
        terminal = Terminal(history, publisher)
        stop = threading.Event()
        speaking = until(stop, terminal, 200)
        for _ in range(3):
            time.sleep(history.chance.uniform(0.3, 1.0))
            server.stop(signal.SIGKILL)
            time.sleep(history.chance.uniform(0.0, 0.5))
            server.start()
        stop.set()
        speaking.join()
        terminal.finish()
        history.check(site, InfluxReadings(server), wait_s=PATIENT_S)
        publisher.close()


def test_one_line_that_the_server_refuses(tmp_path: Path, server: Influxd) -> None:
    """Fault 9, through the whole gateway: the line is among the dead letters, all others are stored."""
    with site_on(tmp_path / "var", server.port, GRIDCREW_READINGS__KEEP_DAYS="30") as site:
        site.start()
        publisher = Publisher(terminal_address(site.settings), "T1")
        for seq in range(25):
            # Older than the retention of the database: it refuses such points, and only those.
            old = seq == 13
            meters = ["T1-m1"] if old else [f"T1-m{number}" for number in range(1, 201)]
            at_ms = START_MS - 60 * 86_400_000 if old else 0
            publisher.publish(seq, "gridcrew/v1/T1/readings", readings_body(seq, meters, at_ms=at_ms))
        publisher.flush()
        await_true(lambda: site.settled(25), "all frames", PATIENT_S)
        answer = json.loads(server.query('SELECT count(voltage_a_v) FROM "reading"', DATABASE))
        assert answer["results"][0]["series"][0]["values"][0][1] == 24 * 200
        (letter,) = site.dead_letters.listed()
        assert "T1-m1" in letter.problem
        assert "retention policy" in letter.problem
        publisher.close()


def test_a_copy_after_a_restart_does_not_undo_a_restatement(tmp_path: Path, server: Influxd) -> None:
    """Fault 14 across a restart: the store has forgotten what it wrote, the ledger has not."""
    first, restated = (readings_body(seq, ["T1-m1"], at_ms=START_MS) for seq in (1, 200))
    with site_on(tmp_path / "var", server.port) as site:
        for received, frames in ((2, (first, restated)), (3, (first,))):
            site.start()
            publisher = Publisher(terminal_address(site.settings), "T1")
            for number, body in enumerate(frames):
                publisher.publish(number, "gridcrew/v1/T1/readings", body)
            publisher.flush()
            publisher.close()
            await_true(partial(_has_received, site, received), "the frames", PATIENT_S)
            site.end()
        counters = site.records.counters()
        assert (counters.duplicate, counters.stored) == (1, 2)
        answer = json.loads(server.query('SELECT energy_import_kwh FROM "reading"', DATABASE))
        assert [row[1] for row in answer["results"][0]["series"][0]["values"]] == [2.0]


def _has_received(site: Installation, frames: int) -> bool:
    counters = site.records.counters()
    return counters.received == frames and not counters.pending
