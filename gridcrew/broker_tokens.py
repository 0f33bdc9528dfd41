"""What nats-server's authorisation callout asks and is answered: JSON web tokens signed with Ed25519. Pure.

Formats of github.com/nats-io/nkeys (a key is a prefix byte, 32 bytes and a CRC-16/XMODEM in base 32) and
github.com/nats-io/jwt v2 (``authorization_request``, ``authorization_response``, ``user``).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gridcrew.authority import common_name, serial_of

_ACCOUNT_PREFIX: Final = 0
_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_UNLIMITED: Final = -1


class Unreadable(ValueError):
    """Not a request of nats-server."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who stands at the door, as nats-server tells it."""

    server: str
    """Id of the server, to which the answer is addressed."""
    user: str
    """Public key that the server made for this connection."""
    connection: int
    host: str
    client_id: str
    name: str
    """Common name of the certificate that the handshake verified; empty where there was none."""
    serial: str


def read_question(body: bytes) -> Question:
    """The request of a callout; raises Unreadable."""
    try:
        payload = body.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))["nats"]
        client = claims["client_info"]
        chains = claims.get("client_tls", {}).get("verified_chains") or [[]]
        shown = x509.load_pem_x509_certificate(chains[0][0].encode()) if chains[0] else None
        return Question(
            server=claims["server_id"]["id"],
            user=claims["user_nkey"],
            connection=int(client["id"]),
            host=str(client.get("host", "")),
            client_id=str(client.get("mqtt_id", "")),
            name=common_name(shown) if shown else "",
            serial=serial_of(shown) if shown else "",
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise Unreadable(f"{type(problem).__name__}: {problem}") from problem


class Signer:
    """The callout's key; nats-server knows its public half from the configuration."""

    def __init__(self, seed: bytes) -> None:
        """``seed``: 32 random bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = _encoded(_ACCOUNT_PREFIX, raw)

    def admit(
        self, question: Question, permissions: Mapping[str, Mapping[str, list[str]]], until_s: int, now_s: int
    ) -> bytes:
        """Let it in with these rights; the server cuts the connection at ``until_s``."""
        rights = {"pub": permissions["publish"], "sub": permissions["subscribe"]}
        limits = {"subs": _UNLIMITED, "data": _UNLIMITED, "payload": _UNLIMITED}
        user = self._token(
            question.user,
            # Without accounts of our own all users live in the server's global one.
            {"aud": "$G", "name": question.name, "exp": until_s},
            {**rights, **limits, "allowed_connection_types": ["MQTT"], "type": "user", "version": 2},
            now_s,
        )
        return self._answer(question, {"jwt": user}, now_s)

    def refuse(self, question: Question, reason: str, now_s: int) -> bytes:
        """Keep it out; the server's log gets the reason, the client does not."""
        return self._answer(question, {"error": reason}, now_s)

    def _answer(self, question: Question, content: Mapping[str, str], now_s: int) -> bytes:
        kind = {"type": "authorization_response", "version": 2}
        return self._token(question.user, {"aud": question.server}, {**content, **kind}, now_s).encode()

    def _token(self, subject: str, claims: Mapping[str, Any], nats: Mapping[str, Any], now_s: int) -> str:
        whole = {"jti": subject, "iat": now_s, "iss": self.public, "sub": subject, **claims, "nats": nats}
        signed = b".".join(
            _base64(json.dumps(part, separators=(",", ":")).encode()) for part in (_HEADER, whole)
        )
        return (signed + b"." + _base64(self._key.sign(signed))).decode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _encoded(prefix: int, raw: bytes) -> str:
    whole = bytes([prefix]) + raw
    return base64.b32encode(whole + binascii.crc_hqx(whole, 0).to_bytes(2, "little")).decode().rstrip("=")
