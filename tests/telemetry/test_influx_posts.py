"""What becomes of lines that InfluxDB refuses, loses or finds too many: a server behind a faulty wire."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from telemetry.adapters.influx_posts import Patience, deliver
from telemetry.adapters.influx_readings import InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress, InfluxServer
from telemetry.ports import ReadingsAway, ReadingsRefused
from telemetry.readings import ReadingBatch
from tests.faults.proxy import FaultProxy, Mode
from tests.influx import Influxd, influxd

START_MS = 1_795_305_600_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx"), max_body=400_000) as started:
        yield started


@pytest.fixture
def proxy(server: Influxd) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as between:
        yield between


def store_on(port: int, database: str, timeout_s: float = 5.0) -> InfluxReadingStore:
    return InfluxReadingStore(InfluxAddress(f"http://127.0.0.1:{port}", database, "v1", timeout_s=timeout_s))


def some(seq: int, meters: int = 5000, terminal: str = "T1") -> ReadingBatch:
    return ReadingBatch(
        terminal, "b1", seq, START_MS + seq * 1000, START_MS + seq * 1000 + 50,
        tuple(f"m{number}" for number in range(meters)), ("voltage_a_v", "energy_import_kwh"), (1, 2),
        np.arange(2 * meters, dtype=np.int64).reshape(meters, 2) + 1000,
    )  # fmt: skip


def count(server: Influxd, database: str) -> int:
    answer = json.loads(server.query('SELECT count(voltage_a_v) FROM "reading"', database))
    series = answer["results"][0].get("series")
    return int(series[0]["values"][0][1]) if series else 0


@pytest.mark.parametrize("bad", [0, 1234, 4999])
def test_one_bad_line_of_5000_costs_only_itself(server: Influxd, bad: int) -> None:
    """The catalogue's fault 9, with posts that are too large for the server (413) on the way."""
    store, database = store_on(server.port, f"bad{bad}"), f"bad{bad}"
    whole = some(1)
    meters = list(whole.meters)
    meters[bad] = "x" * 70_000  # longer than the server's keys may be
    for _ in range(2):
        with pytest.raises(ReadingsRefused) as caught:
            store.write([replace(whole, meters=tuple(meters)), some(2, meters=10)])
        (refused,) = caught.value.refused
        assert (refused.terminal, refused.boot, refused.seq, refused.meter) == ("T1", "b1", 1, meters[bad])
        assert "max key length exceeded" in refused.reason
    assert count(server, database) == 4999 + 10
    store.close()


def test_an_instant_that_no_database_holds_is_refused_alone(server: Influxd) -> None:
    store = store_on(server.port, "instants")
    late = replace(some(1, meters=3), at_ms=2**62)
    with pytest.raises(ReadingsRefused, match="3 readings refused, first m0: 400") as caught:
        store.write([some(2, meters=3), late, some(3, meters=3)])
    assert {(refused.seq, refused.meter) for refused in caught.value.refused} == {
        (1, "m0"), (1, "m1"), (1, "m2"),
    }  # fmt: skip
    assert count(server, "instants") == 6
    store.close()


def test_too_many_at_a_time_are_halved(server: Influxd) -> None:
    store = store_on(server.port, "halves")
    assert store.write([some(seq) for seq in range(1, 4)]) == 3
    assert count(server, "halves") == 15_000
    store.close()


def test_a_lost_reply_is_written_again_with_the_same_effect(server: Influxd, proxy: FaultProxy) -> None:
    """The catalogue's fault 8."""
    store = store_on(proxy.port, "lost")
    store.write([some(1, meters=100)])
    proxy.mode = Mode.CUT_REPLIES
    with pytest.raises(ReadingsAway):
        store.write([some(2, meters=100)])
    assert count(server, "lost") == 200, "stored, and nobody was told"
    proxy.mode = Mode.PASS
    assert written_in_the_end(store, [some(2, meters=100)]) == 1
    assert count(server, "lost") == 200
    assert store.write([some(2, meters=100)]) == 0, "now it is known"
    store.close()


def written_in_the_end(store: InfluxReadingStore, batches: list[ReadingBatch]) -> int:
    deadline_s = time.monotonic() + 15
    while True:
        try:
            return store.write(batches)
        except ReadingsAway:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.DROP_REPLIES, Mode.HALF_OPEN])
def test_a_server_that_cannot_be_reached_is_away(server: Influxd, proxy: FaultProxy, mode: Mode) -> None:
    store = store_on(proxy.port, mode.name.lower(), timeout_s=0.3)
    store.write([some(1, meters=10)])
    proxy.mode = mode
    with pytest.raises(ReadingsAway):
        store.write([some(2, meters=10)])
    with pytest.raises(ReadingsAway):
        store.latest(["m1"])
    proxy.mode = Mode.PASS
    proxy.reset_all()
    assert written_in_the_end(store, [some(2, meters=10)]) == 1
    assert count(server, mode.name.lower()) == 20
    store.close()


@pytest.mark.parametrize("status", ["500 Oops", "503 Service Unavailable", "429 Too Many Requests", "401 No"])
def test_troubles_of_the_server_are_not_troubles_of_the_lines(
    server: Influxd, proxy: FaultProxy, status: str
) -> None:
    database = f"s{status[:3]}"
    store = store_on(proxy.port, database)
    store.write([some(1, meters=10)])
    proxy.respond(status)
    with pytest.raises(ReadingsAway, match=status[:3]):
        store.write([some(2, meters=10)])
    proxy.mode = Mode.PASS
    assert written_in_the_end(store, [some(2, meters=10)]) == 1
    assert count(server, database) == 20
    store.close()


def test_retry_after_is_honoured(server: Influxd, proxy: FaultProxy) -> None:
    store = store_on(proxy.port, "wait")
    proxy.respond("429 Too Many Requests", Retry_After="2")
    with pytest.raises(ReadingsAway) as caught:
        store.write([some(1, meters=10)])
    assert caught.value.retry_after_s == 2
    asked = sum(proxy.seen.values())
    proxy.mode = Mode.PASS
    begun_s = time.monotonic()
    for _ in range(20):
        with pytest.raises(ReadingsAway, match="asking again in"):
            store.write([some(1, meters=10)])
    assert sum(proxy.seen.values()) == asked, "nobody knocked meanwhile"
    assert written_in_the_end(store, [some(1, meters=10)]) == 1
    assert time.monotonic() - begun_s > 1.5
    store.close()


def test_waits_double_with_jitter_and_end() -> None:
    patience, waits, now_s = Patience(), [], 0.0
    for _ in range(12):
        patience.trouble(ReadingsAway("away"), now_s)
        wait_s = 0.0
        while _too_early(patience, now_s + wait_s):
            wait_s += 0.05
        waits.append(wait_s)
        now_s += wait_s
    assert 0.2 <= waits[0] <= 0.55
    assert all(15 <= wait <= 30.1 for wait in waits[-4:])
    assert len(set(waits[-4:])) > 1
    patience.trouble(ReadingsAway("away", retry_after_s=86_400), now_s)
    patience.trouble(ReadingsAway("away"), now_s + 1)
    assert not _too_early(patience, now_s + 30.1), "no server makes us wait for a day"
    patience.success()
    assert not _too_early(patience, now_s)


def _too_early(patience: Patience, now_s: float) -> bool:
    try:
        patience.check(now_s)
    except ReadingsAway:
        return True
    return False


def test_the_order_of_a_terminal_is_kept_through_retries(server: Influxd, proxy: FaultProxy) -> None:
    """A restatement is never overtaken by what it restates, however many writers there are."""
    store = store_on(proxy.port, "order", timeout_s=1.0)
    first = some(1, meters=4000)
    batches = [
        replace(first, seq=seq, received_ms=first.received_ms + seq, scaled=first.scaled + seq)
        for seq in range(1, 9)
    ]
    proxy.mode, proxy.delay_s = Mode.DELAY, 0.01
    assert written_in_the_end(store, batches) == 8
    proxy.mode = Mode.PASS
    found = store.latest(["m7"])["m7"]
    assert found.values["voltage_a_v"] == (int(first.scaled[7, 0]) + 8) / Decimal(10)
    store.close()


def test_what_follows_a_failed_write_is_written_behind_it_again(server: Influxd, proxy: FaultProxy) -> None:
    """Else the earlier value, coming again, would undo the restatement that overtook it."""
    store = store_on(proxy.port, "behind")
    first = some(1, meters=10)
    second = replace(first, seq=2, received_ms=first.received_ms + 1, scaled=first.scaled + 1)
    store.write([some(99, meters=1)])
    proxy.respond("503 Service Unavailable")
    failing = store.begin([first])
    failing.posts[0].sent.exception()
    proxy.mode = Mode.PASS
    overtaking = store.begin([second])
    with pytest.raises(ReadingsAway):
        failing.result()
    assert overtaking.result() == 1
    assert written_in_the_end(store, [first]) == 1
    assert store.write([second]) == 1
    assert store.latest(["m5"])["m5"].values["voltage_a_v"] == Decimal("101.1")
    store.close()


def test_every_line_is_answered_for(server: Influxd) -> None:
    """Bad lines anywhere: each is named by its place, everything else is stored."""
    chance = random.Random(5)
    server.query('CREATE DATABASE "places"')
    deliverer = InfluxServer(InfluxAddress(server.url, "places", "v1"))
    lines = [f"reading,meter=m{k},terminal=T voltage_a_v={k}.5 {START_MS}".encode() for k in range(300)]
    bad = set(chance.sample(range(300), 9)) | {0, 299}
    for place in bad:
        lines[place] = b"reading,meter=m" + b"x" * place + b" nonsense"
    found = deliver(deliverer, b"\n".join(lines) + b"\n")
    assert {line.place for line in found} == bad
    assert all(line.line == lines[line.place] for line in found)
    assert count(server, "places") == 300 - len(bad)
    deliverer.close()
