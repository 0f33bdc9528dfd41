"""Access files for a broker of the site: Mosquitto's, or a nats-server's that is not ours. Pure.

Mosquitto binds the client id to the certificate (``use_username_as_clientid``), so nobody can take a session
over. A nats-server without our doorkeeper cannot: its file says so.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Final

from gateway.access import (
    STATE_GRID_DOWN,
    STATE_GRID_ROOT,
    gateway_rights,
    nats_permissions,
    terminal_rights,
)
from gateway.contract.topics import COMMAND, MAX_FRAME_BYTES, ROOT
from gridcrew.authority import GATEWAY_NAME
from gridcrew.broker_configuration import HANDSHAKE_S, MAX_CONNECTIONS, MAX_PAYLOAD_BYTES, MAX_SUBSCRIPTIONS

TERMINALS_PORT: Final = 8883
GATEWAY_PORT: Final = 8884
IN_FLIGHT: Final = 1_000
_ITERATIONS: Final = 101


def mosquitto_configuration(place: str) -> str:
    """For Mosquitto 2.0's ``include_dir``; ``place`` is the folder of these files on its machine."""
    tls = (
        f"cafile {place}/trusted.pem\ncertfile {place}/broker.pem\nkeyfile {place}/broker.key\n"
        f"crlfile {place}/revoked.pem\nrequire_certificate true\ntls_version tlsv1.2\n"
    )
    return f"""# Made by `gridcrew access export --broker mosquitto`; read again on SIGHUP after each export.
per_listener_settings false
allow_anonymous false
acl_file {place}/acl
password_file {place}/passwords

# The gateway reads denials in the log (mqtt.broker_log). Only `debug` tells them, and every message too.
log_type error
log_type warning
log_type notice
log_type debug

# Limits of one client. Nothing is dropped that was acknowledged: max_queued_messages 0 is "no limit".
message_size_limit {MAX_FRAME_BYTES}
max_packet_size {MAX_PAYLOAD_BYTES}
max_inflight_messages {IN_FLIGHT}
max_queued_messages 0

# Terminals: the certificate's name is the user name is the client id.
listener {TERMINALS_PORT}
{tls}use_identity_as_username true
use_username_as_clientid true
max_connections {MAX_CONNECTIONS}

# The gateway: certificate and password; it has two sessions, so its client ids are its own.
listener {GATEWAY_PORT}
{tls}max_connections 16
"""


def mosquitto_acl(silenced: Sequence[str]) -> str:
    """Who may say and hear what; ``silenced`` terminals nothing, should they still be connected."""
    rights = gateway_rights()
    lines = [f"user {GATEWAY_NAME}"]
    lines += [f"topic read {name}" for name in rights.subscribe]
    lines += [f"topic write {name}" for name in rights.publish]
    for terminal in silenced:
        lines += ["", f"user {terminal}"]
        lines += [f"topic deny {name}" for name in terminal_rights(terminal).publish]
    lines += [
        "",
        f"pattern write {ROOT}/%u/#",
        f"pattern read {ROOT}/%u/{COMMAND}",
        f"pattern write {STATE_GRID_ROOT}/%u/#",
        *(f"pattern read {STATE_GRID_ROOT}/%u/{channel}" for channel in STATE_GRID_DOWN),
        f"pattern write {STATE_GRID_ROOT}/devices/%u/#",
        f"pattern read {STATE_GRID_ROOT}/devices/%u/command",
    ]
    return "\n".join(lines) + "\n"


def mosquitto_password(user: str, password: str, salt: bytes) -> str:
    """A line of Mosquitto 2.0's password file: PBKDF2 with SHA-512 (``$7$``); ``salt``: 12 random bytes."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, 64)
    return f"{user}:$7${_ITERATIONS}${_text(salt)}${_text(digest)}\n"


def nats_configuration(place: str, terminals: Sequence[str]) -> str:
    """A whole ``mqtt`` and ``authorization`` for a nats-server of the site; one user per terminal.

    The server finds the user by the certificate's subject. It does not look at the client id: a terminal with
    a certificate could take the session of another over. Prefer the embedded broker or Mosquitto.
    """
    rights = {GATEWAY_NAME: gateway_rights(), **{each: terminal_rights(each) for each in terminals}}
    users = [{"user": f"CN={name}", "permissions": nats_permissions(may)} for name, may in rights.items()]
    tls = {
        "cert_file": f"{place}/broker.pem",
        "key_file": f"{place}/broker.key",
        "ca_file": f"{place}/trusted.pem",
        "verify_and_map": True,
        "min_version": "1.2",
        "timeout": HANDSHAKE_S,
    }
    content = {
        "max_payload": MAX_PAYLOAD_BYTES,
        "max_connections": MAX_CONNECTIONS,
        "max_subscriptions": MAX_SUBSCRIPTIONS,
        "mqtt": {"port": TERMINALS_PORT, "max_ack_pending": 500, "tls": tls},
        "authorization": {"users": users},
    }
    return json.dumps(content, indent=1)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
