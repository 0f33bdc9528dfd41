"""Servers that all contestants share: a broker, an InfluxDB, on free ports, with files in one folder."""

import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def program(
    command: Sequence[str], folder: Path, log: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; its output goes to ``folder/log``."""
    with (folder / log).open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment or None
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens on it."""
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{process.args!r} did not open port {port}") from None
            time.sleep(0.05)


@contextmanager
def mosquitto(folder: Path, name: str = "mosquitto") -> Iterator[int]:
    """A Mosquitto that drops nothing while a session is away; answers its port."""
    port = free_port()
    config = folder / f"{name}.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
        "max_inflight_messages 500\nmemory_limit 0\n",
        encoding="utf-8",
    )
    with program(["mosquitto", "-c", str(config)], folder, f"{name}.log") as process:
        await_port(port, process)
        yield port


@contextmanager
def influxdb(folder: Path, name: str = "influxdb") -> Iterator[int]:
    """An InfluxDB 1.x with an empty database ``gridcrew``; answers its HTTP port."""
    port, rpc = free_port(), free_port()
    home = folder / name
    config = folder / f"{name}.toml"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
        f'[meta]\ndir = "{home}/meta"\n[data]\ndir = "{home}/data"\nwal-dir = "{home}/wal"\n'
        "max-series-per-database = 0\nmax-values-per-tag = 0\nquery-log-enabled = false\n"
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n',
        encoding="utf-8",
    )
    with program(["influxd", "-config", str(config)], folder, f"{name}.log") as process:
        await_port(port, process)
        query(port, "CREATE DATABASE gridcrew")
        yield port


def query(port: int, text: str) -> bytes:
    """The server's answer to one InfluxQL statement."""
    body = urllib.parse.urlencode({"q": text, "db": "gridcrew"}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/query", body, timeout=60) as answer:
        content: bytes = answer.read()
        return content
