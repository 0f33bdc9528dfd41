"""What nats-server is told: limits, users, what they may say and hear, and TLS. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.access import nats_subject
from gateway.contract import state_grid
from gateway.contract.topics import COMMAND, MAX_FRAME_BYTES, ROOT, UP_CHANNELS

GATEWAY_USER: Final = "gateway"
TERMINAL_USER: Final = "terminal"
DOORKEEPER_USER: Final = "doorkeeper"

MAX_PAYLOAD_BYTES: Final = MAX_FRAME_BYTES + 1024
"""Frame and topic and the server's own headers."""
MAX_ACK_PENDING: Final = 500
"""Frames on their way per subscription. The server cuts a client with more than ``MAX_PENDING_BYTES``
unsent and delivers again only after ``ack_wait``; six subscriptions × 500 × 65 KiB = 192 MiB stay below."""
MAX_PENDING_BYTES: Final = 256 * 1024 * 1024
MAX_STORE_BYTES: Final = 8 * 1024**3
MAX_LOG_BYTES: Final = 10 * 1024 * 1024
MAX_CONNECTIONS: Final = 25_000
MAX_SUBSCRIPTIONS: Final = 64
"""Of one connection."""
ACK_WAIT: Final = "5s"
"""What a killed gateway had not acknowledged comes again this long after it was sent, not at once."""
HANDSHAKE_S: Final = 5
CALLOUT_S: Final = 15
"""After a restart all terminals ask at once; who waits longer than this is refused and tries again."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where terminals connect, and whether without a password (loopback only)."""

    host: str
    port: int
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Passwords:
    gateway: str = field(repr=False)
    terminal: str = field(default="", repr=False)
    """Empty: no terminal may enter."""


@dataclass(frozen=True, slots=True)
class Mutual:
    """TLS on both sides: certificates instead of passwords, and a doorkeeper who is asked."""

    trusted_file: Path
    certificate_file: Path
    key_file: Path
    doorkeeper_port: int
    doorkeeper_password: str = field(repr=False)
    issuer: str
    """Public key that signs the doorkeeper's answers."""


def configuration(
    folder: Path, listener: Listener, passwords: Passwords, mutual: Mutual | None = None
) -> str:
    """The server's configuration; its JSON is valid in the server's own language."""
    content = _common(folder)
    mqtt: dict[str, object] = {
        "host": listener.host,
        "port": listener.port,
        "max_ack_pending": MAX_ACK_PENDING,
        "ack_wait": ACK_WAIT,
    }
    up, down = _up(), _down()
    users = [_user(GATEWAY_USER, passwords.gateway, publish=down, subscribe=up)]
    if passwords.terminal:
        users.append(_user(TERMINAL_USER, passwords.terminal, publish=up, subscribe=down))
    if listener.anonymous:
        mqtt["no_auth_user"] = TERMINAL_USER
    authorization: dict[str, object] = {"users": users}
    if mutual is not None:
        mqtt["tls"] = _tls(mutual)
        authorization |= _callout(mutual)
        content |= {"port": mutual.doorkeeper_port, "accounts": _doorkeeper(mutual)}
    return json.dumps({**content, "mqtt": mqtt, "authorization": authorization}, indent=1)


def _common(folder: Path) -> dict[str, Any]:
    store = {"store_dir": str(folder / "messages"), "sync_interval": "always", "max_file": MAX_STORE_BYTES}
    return {
        "server_name": "gridcrew",
        # The server's own protocol: loopback, a random port, nobody but the doorkeeper may enter by it.
        "host": "127.0.0.1",
        "port": -1,
        "log_file": str(folder / "server.log"),
        "logfile_size_limit": MAX_LOG_BYTES,
        "logfile_max_num": 3,
        "max_payload": MAX_PAYLOAD_BYTES,
        "max_pending": MAX_PENDING_BYTES,
        "max_connections": MAX_CONNECTIONS,
        "max_subscriptions": MAX_SUBSCRIPTIONS,
        "jetstream": store,
    }


def _up() -> list[str]:
    own = [nats_subject(f"{ROOT}/+/{channel}") for channel in sorted(UP_CHANNELS)]
    return own + [nats_subject(name) for name in (*state_grid.EVENT_FILTERS, *state_grid.BULK_FILTERS)]


def _down() -> list[str]:
    answers = [f"/v1/+/{channel}" for channel in sorted(state_grid.REPLY_TO.values())]
    return [nats_subject(name) for name in (f"{ROOT}/+/{COMMAND}", *answers)]


def _tls(mutual: Mutual) -> dict[str, object]:
    return {
        "cert_file": str(mutual.certificate_file),
        "key_file": str(mutual.key_file),
        "ca_file": str(mutual.trusted_file),
        "verify": True,
        "min_version": "1.2",
        "timeout": HANDSHAKE_S,
    }


def _callout(mutual: Mutual) -> dict[str, object]:
    asked = {"issuer": mutual.issuer, "account": "$SYS", "auth_users": [DOORKEEPER_USER, GATEWAY_USER]}
    return {"timeout": CALLOUT_S, "auth_callout": asked}


def _doorkeeper(mutual: Mutual) -> Mapping[str, object]:
    return {"$SYS": {"users": [{"user": DOORKEEPER_USER, "password": mutual.doorkeeper_password}]}}


def _user(name: str, password: str, publish: list[str], subscribe: list[str]) -> dict[str, object]:
    return {
        "user": name,
        "password": password,
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}},
        "allowed_connection_types": ["MQTT"],
    }
