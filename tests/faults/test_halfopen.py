"""Faults 18 and 19 at the broker's side: a connection that died in silence, a client that crawls."""

import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from gateway.contract.topics import EVENTS, READINGS, topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, Terminal, event_body
from tests.faults.proxy import FaultProxy, Mode
from tests.gateway.mosquitto import PASSWORD, SITE, running_mosquitto
from tests.gateway.running import Installation, Publisher, await_true, installation, readings_body

KEEPALIVE_S = 2


@pytest.mark.parametrize("traffic", [False, True], ids=["idle", "under load"])
def test_a_dead_connection_is_found_out_and_the_session_resumes(tmp_path: Path, traffic: bool) -> None:
    """Fault 18: bytes vanish and nobody is told. Within 1.5 keep-alive spans the gateway knows."""
    history = History()
    with running_mosquitto(tmp_path / "broker") as broker, FaultProxy(broker.port) as proxy:
        url = f"mqtt://{SITE}:{PASSWORD.replace(':', '%3A').replace('@', '%40')}@127.0.0.1:{proxy.port}"
        environment = {"GRIDCREW_MQTT__URL": url, "GRIDCREW_MQTT__KEEPALIVE_S": str(KEEPALIVE_S)}
        with installation(tmp_path / "var", **environment) as site:
            site.start()
            publisher = Publisher(broker.address(), "T1")
            terminal = Terminal(history, publisher, broken_each=0)
            terminal.send(20)
            ready = site.folder / "gateway.ready"
            proxy.mode = Mode.HALF_OPEN
            began_s = time.monotonic()
            if traffic:
                terminal.send(200)
            await_true(lambda: not ready.exists(), "the gateway to notice")
            noticed_s = time.monotonic() - began_s
            terminal.send(20)
            proxy.mode = Mode.PASS
            proxy.reset_all()
            await_true(ready.exists, "the session's return")
            terminal.finish()
            publisher.close()
            assert len(history.acknowledged) == terminal.seq
            history.check(site)
            # The watch looks each tenth of a second, the door each fifth.
            assert noticed_s < 1.5 * KEEPALIVE_S + 0.5
            assert "the broker has said nothing for" in site.log()


def connect_packet(client_id: str) -> bytes:
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(client_id)) + client_id.encode()
    return b"\x10" + bytes([len(body)]) + body


def publish_packet(name: str, body: bytes) -> bytes:
    content = struct.pack(">H", len(name)) + name.encode() + struct.pack(">H", 1) + body
    size, length = len(content), b""
    while True:
        digit, size = size % 128, size // 128
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return b"\x32" + length + content


def test_clients_that_crawl_starve_nobody(tmp_path: Path) -> None:
    """Fault 19: frames that come byte by byte, or half and then nothing; the others' events pass at once."""
    with installation(tmp_path / "var") as site, EmbeddedBroker(site.settings) as broker:
        site.start()
        stop = threading.Event()
        crawlers = [_crawler(broker.port, f"slow{number}", stop) for number in range(10)]
        publisher = Publisher(terminal_address(site.settings), "T1")
        waits_s = [_through(site, publisher, seq) for seq in range(20)]
        stop.set()
        for crawler in crawlers:
            crawler.join()
        publisher.close()
        assert sorted(waits_s)[-2] < 2, waits_s
        assert (site.folder / "gateway.ready").exists()


def _crawler(port: int, name: str, stop: threading.Event) -> threading.Thread:
    def crawl() -> None:
        packet = publish_packet(topic(name, READINGS), readings_body(1, [f"m{n}" for n in range(500)]))
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(connect_packet(name))
            line.recv(4)
            for place in range(len(packet)):
                line.sendall(packet[place : place + 1])
                if stop.wait(0.002 if place < 200 else 0.2):
                    return

    thread = threading.Thread(target=crawl, daemon=True)
    thread.start()
    return thread


def _through(site: Installation, publisher: Publisher, seq: int) -> float:
    """Seconds from publishing an event until it is in the evidence log."""
    before = site.records.counters().stored
    began_s = time.monotonic()
    publisher.publish(seq, topic("T1", EVENTS), event_body(seq))
    await_true(lambda: site.records.counters().stored > before, "the event")
    return time.monotonic() - began_s


@pytest.mark.soak
def test_a_lossy_line_loses_nothing(tmp_path: Path) -> None:
    """Fault 19: one packet in five is lost on loopback for this port; needs root and nftables."""
    if os.geteuid() or os.system("nft list tables >/dev/null 2>&1"):  # noqa: S605
        pytest.skip("needs root and nft")
    history = History()
    with installation(tmp_path / "var") as site, EmbeddedBroker(site.settings) as broker:
        site.start()
        rule = f"tcp dport {broker.port} numgen random mod 5 == 0 drop"
        os.system("nft add table inet gridcrew_test")  # noqa: S605
        os.system("nft 'add chain inet gridcrew_test in { type filter hook input priority 0; }'")  # noqa: S605
        try:
            os.system(f"nft add rule inet gridcrew_test in {rule}")  # noqa: S605
            publisher = Publisher(terminal_address(site.settings), "T1")
            terminal = Terminal(history, publisher)
            terminal.send(500)
            terminal.finish()
            publisher.close()
        finally:
            os.system("nft delete table inet gridcrew_test")  # noqa: S605
        assert history.acknowledged
        history.check(site, wait_s=120)
