"""Fault 21: huge payloads, very many tiny packets, very many connections. Limits hold, others are served."""

import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from typing import Final

import psutil
import pytest

from gateway.adapters.mqtt.door import BrokerAddress
from gateway.contract.topics import MAX_FRAME_BYTES, topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from simulators.adapters.dlt645_dtu import SimulatedDtu
from tests.faults.history import check_balance
from tests.gateway import golden
from tests.gateway.dlt645_site import meters
from tests.gateway.running import Installation, Publisher, await_true, readings_body
from tests.ports import free_port

EVENT: Final = '{"v":1,"boot":"b","seq":%d,"events":[{"at":%d,"device":"m%d","kind":"power_off"}]}'
MOST_MEMORY: Final = 400 * 1024 * 1024
"""Beyond what the gateway held before the flood."""


def _memory(site: Installation) -> int:
    assert site.process is not None
    parent = psutil.Process(site.process.pid)
    return sum(each.memory_info().rss for each in (parent, *parent.children(recursive=True)))


def _send_event(terminal: Publisher, seq: int) -> None:
    """Another terminal's last gasp, acknowledged to it."""
    terminal.publish(seq, topic("T9", "events"), (EVENT % (seq, 1_795_300_000_000 + seq, seq)).encode())
    terminal.flush()
    assert seq in terminal.acknowledged


def _await_event(site: Installation, seq: int, wait_s: float = 20) -> None:
    key = f"T9/b/{seq}/"
    await_true(
        lambda: any(row.evidence.key.startswith(key) for row in site.evidence.read(0, 10_000)),
        f"the other terminal's event {seq}",
        wait_s,
    )


@contextlib.contextmanager
def _many_files(number: int) -> Iterator[None]:
    """So many descriptors for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(number, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_huge_payload_is_refused_and_the_largest_allowed_is_taken(
    site: Installation, broker: EmbeddedBroker
) -> None:
    site.start()
    address = terminal_address(site.settings)
    before = _memory(site)
    largest = Publisher(address, "largest")
    body = readings_body(1, ["m1"]).ljust(MAX_FRAME_BYTES)
    largest.publish(1, topic("T1", "readings"), body)
    largest.flush()
    largest.close()
    assert largest.acknowledged == {1}
    for size in (MAX_FRAME_BYTES + 20_000, 1_000_000, 50_000_000):
        # Byte by byte: a client library would never see how early the server hangs up.
        with socket.create_connection((address.host, address.port), 5) as connection:
            connection.settimeout(5)
            connection.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02T1")
            assert connection.recv(4)[:2] == b"\x20\x02"
            where = b"\x00\x17gridcrew/v1/T1/readings\x00\x01"
            left, length = size + len(where), b""
            while left:
                length += bytes([left & 0x7F | (0x80 if left > 0x7F else 0)])
                left >>= 7
            with contextlib.suppress(OSError):
                connection.sendall(b"\x32" + length + where + b"x" * size)
            with contextlib.suppress(OSError):
                assert connection.recv(64)[:1] != b"\x40", "a frame beyond the limit was acknowledged"
    other = Publisher(address, "other")
    _send_event(other, 1)
    other.close()
    _await_event(site, 1)
    await_true(lambda: bool(site.readings.latest(["m1"])), "the largest frame stored")
    assert site.records.counters().received == 2
    assert broker.alive()
    assert _memory(site) - before < MOST_MEMORY
    check_balance(site)


def _tiny_packets(site: Installation, number: int, wait_s: float) -> None:
    site.start()
    address = terminal_address(site.settings)
    before = _memory(site)
    flood, other = Publisher(address, "flood"), Publisher(address, "other")
    began_s = time.monotonic()
    for seq in range(number):
        flood.publish(seq, topic("T1", "readings"), b"{%d" % seq)
        if seq == number // 2:
            _send_event(other, 1)
            half_s = time.monotonic() - began_s
            _await_event(site, 1, 10)
            print(f"the event was through {time.monotonic() - began_s - half_s:.2f} s after it was sent")
    deadline_s = time.monotonic() + wait_s
    while len(flood.acknowledged) < number and time.monotonic() < deadline_s:
        flood.flush()
    flood.close()
    other.close()
    assert len(flood.acknowledged) == number
    await_true(lambda: site.settled(number + 1), "all taken up", wait_s)
    counters = site.records.counters()
    print(f"{number} tiny packets in {time.monotonic() - began_s:.1f} s: {counters}")
    # Each is in the dead letters: acknowledged and of no use, but never gone.
    assert counters.dead == site.dead_letters.count() == number
    assert _memory(site) - before < MOST_MEMORY
    check_balance(site)


def test_tiny_packets_are_all_accounted_for(site: Installation, broker: EmbeddedBroker) -> None:
    _tiny_packets(site, 10_000, 90)


@pytest.mark.soak
def test_very_many_tiny_packets(site: Installation, broker: EmbeddedBroker) -> None:
    _tiny_packets(site, 100_000, 600)


def _connections(site: Installation, number: int) -> None:
    """Idle, half-spoken and full MQTT connections; DTUs and terminals of 698 that never say a word."""
    dial_port, head_end_port = free_port(), free_port()
    folder = site.folder / "site" / "connections"
    folder.mkdir(parents=True)
    [meter] = meters(1)
    (folder / "port.toml").write_text(
        f'kind = "dlt645_listen"\nport = {dial_port}\nmax_connections = 20\n[[lines]]\nline = "dtu"\n'
        f'registration = "REG1"\ninterval_s = 1\n[[lines.meters]]\naddress = "{meter.address}"\n'
    )
    (folder / "head-end.toml").write_text(
        f'kind = "dlt698_listen"\nport = {head_end_port}\nmax_connections = {number // 3 + 5}\n'
    )
    site.start()
    address = terminal_address(site.settings)
    before = _memory(site)
    other = Publisher(address, "other")
    with (
        SimulatedDtu([meter]) as dtu,
        socket.create_connection(("127.0.0.1", head_end_port), 10) as known,
        contextlib.ExitStack() as flood,
    ):
        dtu.dial("127.0.0.1", dial_port, b"REG1")
        await_true(lambda: bool(site.readings.latest([meter.address])), "the meter")
        connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04%04d"
        for count in range(number):
            target = (address.port, dial_port, head_end_port)[count % 3]
            connection = flood.enter_context(socket.create_connection(("127.0.0.1", target), 10))
            if target == address.port and count % 2:
                connection.sendall(connect % (count % 10_000))
        _send_event(other, 2)
        other.close()
        _await_event(site, 2)
        known.settimeout(10)
        known.sendall(golden.golden_frame("dlt698", "login").body)
        assert known.recv(100), "the terminal that was there first is served"
        seen_ms = site.readings.latest([meter.address])[meter.address].at_ms
        await_true(
            lambda: site.readings.latest([meter.address])[meter.address].at_ms > seen_ms, "polls go on"
        )
        assert broker_is_sound(address)
        assert _memory(site) - before < MOST_MEMORY
    check_balance(site)


def broker_is_sound(address: BrokerAddress) -> bool:
    """It still takes a connection at once."""
    with socket.create_connection((address.host, address.port), 2) as connection:
        return connection.fileno() > 0


def test_many_connections_leave_others_served(site: Installation, broker: EmbeddedBroker) -> None:
    _connections(site, 300)


@pytest.mark.soak
def test_very_many_connections(site: Installation, broker: EmbeddedBroker) -> None:
    with _many_files(20_000):
        _connections(site, 5_000)
