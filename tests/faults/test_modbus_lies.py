"""Fault 22 (and 20 for Modbus): answers that are late, foreign, malformed or never end.

A raw server lies about one unit; what it says must never become a value of anybody, and the honest unit
beside it must go on being read.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from gateway.codecs.modbus import Poll
from simulators.adapters.modbus_meters import Fault, SimulatedBus, meters_of
from tests.gateway.modbus_site import Site, wait_for

HONEST, LIAR = 1, 2
TRUTH, LIE = 2301, 6666
"""What register 0 of every unit holds, and what only lies say."""

MODEL = """
source = "this test"
[defaults]
table = "holding"
[[quantity]]
name = "voltage_a_v"
address = 0
scale = 0.1
[[quantity]]
name = "voltage_b_v"
address = 100
scale = 0.1
"""

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    def __init__(self, frame: bytes, rtu: bool) -> None:
        self.rtu = rtu
        self.tid = b"" if rtu else frame[:2]
        self.unit, self.function = frame[0 if rtu else 6], frame[1 if rtu else 7]
        self.address = int.from_bytes(frame[2:4] if rtu else frame[8:10], "big")
        self.count = int.from_bytes(frame[4:6] if rtu else frame[10:12], "big")

    def answer(
        self,
        value: int,
        unit: int | None = None,
        tid: bytes | None = None,
        function: int | None = None,
        count: int | None = None,
    ) -> bytes:
        """A well-formed answer, whosesoever."""
        words = (count if count is not None else self.count) * value.to_bytes(2, "big")
        told = bytes((self.unit if unit is None else unit, function or self.function, len(words))) + words
        return _framed(told, self.rtu, self.tid if tid is None else tid)

    def refusal(self, code: int) -> bytes:
        return _framed(bytes((self.unit, self.function | 0x80, code)), self.rtu, self.tid)


def _framed(told: bytes, rtu: bool, tid: bytes) -> bytes:
    if rtu:
        return told + _crc(told)
    return tid + b"\0\0" + len(told).to_bytes(2, "big") + told


def _crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


@contextmanager
def liar(lie: Answer, *, rtu: bool = False) -> Iterator[int]:
    """A server that answers the honest unit truly and the other by ``lie``; its port."""
    started, ports, ends = threading.Event(), [], []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                request = Request(await reader.readexactly(8 if rtu else 12), rtu)
                if request.unit == HONEST:
                    writer.write(request.answer(TRUTH))
                    await writer.drain()
                else:
                    await lie(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        end = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ends.append((asyncio.get_running_loop(), end))
        started.set()
        await end.wait()
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert started.wait(5)
    try:
        yield ports[0]
    finally:
        loop, end = ends[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(5)


async def late(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers come after the timeout, in the middle of other requests."""
    data = request.answer(LIE)
    asyncio.get_running_loop().call_later(0.25, writer.write, data)


async def wrong_unit(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(request.answer(LIE, unit=HONEST))


async def wrong_transaction(request: Request, writer: asyncio.StreamWriter) -> None:
    for step in (1, -1, -int.from_bytes(request.tid, "big")):
        told = (int.from_bytes(request.tid, "big") + step) & 0xFFFF
        writer.write(request.answer(LIE, tid=told.to_bytes(2, "big")))


async def wrong_length(request: Request, writer: asyncio.StreamWriter) -> None:
    for count in random.Random(request.address).sample([0, 2, 3, 50], 4):
        writer.write(request.answer(LIE, count=count))


async def wrong_function(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(request.answer(LIE, function=4))


async def stall(request: Request, writer: asyncio.StreamWriter) -> None:
    """Half a frame, and the rest when somebody else is being asked."""
    data = request.answer(LIE)
    writer.write(data[:5])
    asyncio.get_running_loop().call_later(0.25, writer.write, data[5:])


async def exceptions(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(request.refusal(CHANCE.choice([4, 5, 6, 10, 11, 0x77])))


async def garbage(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(CHANCE.randbytes(CHANCE.randrange(1, 600)))


async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
    """Far more than any frame, and a true-looking answer at its end."""
    writer.write(random.Random(request.address).randbytes(200_000) + request.answer(LIE, unit=HONEST))


CHANCE = random.Random(20_261_122)
"""Lies differ from request to request, and are the same in every run."""
LIES = [late, wrong_unit, wrong_transaction, wrong_length, wrong_function, stall, exceptions, garbage, flood]


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu_over_tcp"])
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lie_is_attributed_to_nobody(tmp_path: Path, lie: Answer, rtu: bool) -> None:
    if rtu and lie is wrong_transaction:
        pytest.skip("RTU frames carry no transaction")
    site = Site(tmp_path)
    site.model("two", MODEL)
    used = psutil.Process().cpu_times()
    with liar(lie, rtu=rtu) as port, site.door() as door:
        kind = "rtu_over_tcp" if rtu else "tcp"
        devices = [f'id = "M{unit}"; unit = {unit}; model = "two"; every_s = 0.1' for unit in (HONEST, LIAR)]
        site.connection("line", port, devices, kind=kind, timeout_s=0.2)
        began_s = time.monotonic()
        wait_for(lambda: len(site.taken.answers("M1")) > 10, "the honest unit", 20)
        assert door.alive
    spent = psutil.Process().cpu_times()
    _check(site.taken.answers("M1"), site.taken.answers("M2"))
    busy_s = spent.user + spent.system - used.user - used.system
    assert busy_s < 0.7 * (time.monotonic() - began_s) + 1.5


def _check(honest: list[Poll], lying: list[Poll]) -> None:
    said = {data for poll in honest for *_, data in poll.blocks}
    assert said == {f"{TRUTH:04x}"}
    # The wrong unit's only answers may be those of refusals: no register of it was ever believed.
    assert not [poll for poll in lying if poll.blocks]


def test_a_late_answer_to_one_register_is_not_that_of_another(tmp_path: Path) -> None:
    """RTU carries no number: after silence, a straggler that fits the next request is not taken for it."""
    site = Site(tmp_path)
    site.model("two", MODEL)
    seen: list[int] = []

    async def once_late(request: Request, writer: asyncio.StreamWriter) -> None:
        seen.append(request.address)
        data = request.answer(1000 + request.address)
        # Each answer takes a while; now and then one comes after its request was given up, in the midst of
        # the next one. Where exactly differs from time to time.
        late_s = 0.26 + 0.04 * (len(seen) % 7)
        delay_s = late_s if len(seen) % 5 == 2 else 0.1
        asyncio.get_running_loop().call_later(delay_s, writer.write, data)

    with liar(once_late, rtu=True) as port, site.door():
        site.connection(
            "line",
            port,
            ['id = "M2"; unit = 2; model = "two"; every_s = 0.3'],
            kind="rtu_over_tcp",
            timeout_s=0.2,
        )
        wait_for(lambda: len(site.taken.answers("M2")) > 14, "answers", 30)
    for poll in site.taken.answers("M2"):
        for _, address, _, data in poll.blocks:
            assert int(data, 16) == 1000 + address


def test_three_dead_units_of_ten_slow_nobody(tmp_path: Path) -> None:
    """The seven that live keep nearly all of their polls, from the very beginning.

    Three quarters, because the machine may be busy; a line that waits for the dead keeps less than half.
    """
    site = Site(tmp_path)
    units = dict.fromkeys(range(1, 11), "acrel-adw300")
    with SimulatedBus(meters_of(units)) as bus, site.door() as door:
        for unit in (2, 5, 9):
            bus.fault(unit, Fault("dead"))
        site.connection(
            "line",
            bus.port,
            [f'id = "M{unit}"; unit = {unit}; model = "acrel-adw300"; every_s = 0.5' for unit in units],
            timeout_s=0.3,
        )
        wait_for(lambda: site.taken.answers("M1"), "M1")
        time.sleep(8)
        counters = door.counters()
        polls = {unit: [poll.at for poll in site.taken.answers(f"M{unit}")] for unit in units}
    for unit in set(units) - {2, 5, 9}:
        times = polls[unit]
        assert len(times) >= 0.75 * 8 / 0.5, (unit, len(times))
        assert max(later - earlier for earlier, later in pairwise(times)) < 3_000
    assert not polls[2]
    assert counters["timeouts"] < 3 * 9
    assert counters["silent"] == 3


def test_a_stuck_line_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path)
    with SimulatedBus(meters_of({1: "acrel-adw300"})) as bus, site.door(stuck_s=2.0) as door:
        site.connection("line", bus.port, ['id = "M1"; unit = 1; model = "acrel-adw300"; every_s = 0.1'])
        wait_for(lambda: site.taken.answers("M1"), "M1")

        async def for_ever(*_: object) -> bytes:
            await asyncio.Event().wait()
            return b""

        # Only this very line hangs, as a driver that never comes back would.
        monkeypatch.setattr(door._buses["line"].link, "read", for_ever)
        before = len(site.taken.answers("M1"))
        wait_for(lambda: door.counters().get("restarted", 0) == 1, "the restart", 10)
        wait_for(lambda: len(site.taken.answers("M1")) > before + 2, "M1 is polled again")
