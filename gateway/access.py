"""Who may speak: the certificates of terminals, what each may say and hear, and why one is refused. Pure.

A terminal's certificate has its id as common name, and its id is its MQTT client id: so nobody can speak in
another's name, take another's session over, or be told apart by anything but its key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.contract.topics import COMMAND, ROOT, TERMINAL_PATTERN

DAY_MS: Final = 86_400_000
EXPIRING_MS: Final = 30 * DAY_MS
"""A certificate in its last month is shown as expiring."""
SERIAL_PATTERN: Final = re.compile(r"[0-9a-f]{1,40}")

STATE_GRID_ROOT: Final = "/v1"
"""Topics of the State Grid terminal envelope, ``/v1/{terminal}/…`` (convention 2020.01)."""
STATE_GRID_DOWN: Final = (
    "device/response", "device/command", "topo/response", "service/command", "app/command", "app/response",
    "container/command", "container/response",
)  # fmt: skip
"""What a terminal hears there, below its own id."""
STATE_GRID_ANSWERS: Final = ("device/response", "topo/response")
"""All that the gateway says there: it acknowledges, it commands nothing."""


RESERVED: Final = frozenset({"devices", "file"})
"""``/v1/devices/{gatewayId}/…`` and ``/v1/file/…`` are topics of an older variant: a terminal of that name
could speak for all others there."""


class CertificateState(StrEnum):
    """What a certificate is worth at an instant."""

    VALID = "valid"
    EXPIRING = "expiring"
    """Valid, but to be renewed now."""
    RETIRING = "retiring"
    """Replaced by a newer one, still valid for the overlap."""
    EXPIRED = "expired"
    REVOKED = "revoked"


SPEAKS: Final = frozenset({CertificateState.VALID, CertificateState.EXPIRING, CertificateState.RETIRING})


class NameRefused(ValueError):
    """Not a terminal's id; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the register knows of one certificate; the key itself is nowhere."""

    serial: str
    """Lower-case hexadecimal, as OpenSSL prints it without colons."""
    terminal: str
    authority: int
    """Which generation of the authority signed it."""
    issued_ms: int
    until_ms: int
    """End of validity as written in it."""
    retires_ms: int | None = None
    """After its rotation: from then on it is refused."""
    revoked_ms: int | None = None
    reason: str = ""
    """Why it was revoked."""

    def state(self, now_ms: int) -> CertificateState:
        """Its worth at ``now_ms``."""
        if self.revoked_ms is not None:
            return CertificateState.REVOKED
        if now_ms >= self.ends_ms:
            return CertificateState.EXPIRED
        if self.retires_ms is not None:
            return CertificateState.RETIRING
        soon = now_ms >= self.until_ms - EXPIRING_MS
        return CertificateState.EXPIRING if soon else CertificateState.VALID

    @property
    def ends_ms(self) -> int:
        """When it stops being accepted unless revoked before."""
        return self.until_ms if self.retires_ms is None else min(self.until_ms, self.retires_ms)


def checked_name(terminal: str) -> str:
    """The id itself; raises NameRefused for wildcards, slashes, blanks, and what is too long."""
    if not TERMINAL_PATTERN.fullmatch(terminal):
        raise NameRefused(
            f"terminal id: expected 1 to 32 of A-Z, a-z, 0-9, '_' and '-', found {terminal[:80]!r}"
        )
    if terminal in RESERVED:
        raise NameRefused(f"terminal id: {terminal!r} is a part of other terminals' topics; choose another")
    return terminal


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody shows at the door: a certificate that the authority signed, and a client id."""

    name: str
    """Common name of the certificate."""
    serial: str
    client_id: str


def refusal(claim: Claim, known: Certificate | None, now_ms: int) -> str:
    """Why the claim is refused, in one phrase; empty where it may enter."""
    if not TERMINAL_PATTERN.fullmatch(claim.name) or claim.name in RESERVED:
        return "the certificate's name is no terminal id"
    if known is None:
        return "the certificate is not in the register"
    if known.terminal != claim.name:
        return "the certificate was issued to another terminal"
    state = known.state(now_ms)
    if state not in SPEAKS:
        return f"the certificate is {state}"
    if claim.client_id != claim.name:
        return "the client id is another's"
    return ""


@dataclass(frozen=True, slots=True)
class Rights:
    """MQTT topic filters; ``no_publish`` wins over ``publish``."""

    publish: tuple[str, ...]
    no_publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def terminal_rights(terminal: str) -> Rights:
    """What a terminal may say and hear: below its own id and nothing else."""
    return Rights(
        publish=(
            f"{ROOT}/{terminal}/#",
            f"{STATE_GRID_ROOT}/{terminal}/#",
            f"{STATE_GRID_ROOT}/devices/{terminal}/#",
        ),
        no_publish=(f"{ROOT}/{terminal}/{COMMAND}",),
        subscribe=(
            f"{ROOT}/{terminal}/{COMMAND}",
            *(f"{STATE_GRID_ROOT}/{terminal}/{channel}" for channel in STATE_GRID_DOWN),
            f"{STATE_GRID_ROOT}/devices/{terminal}/command",
        ),
    )


def gateway_rights() -> Rights:
    """The gateway hears all terminals, pings them, and answers the State Grid envelope."""
    return Rights(
        publish=(
            f"{ROOT}/+/{COMMAND}",
            *(f"{STATE_GRID_ROOT}/+/{channel}" for channel in STATE_GRID_ANSWERS),
        ),
        no_publish=(),
        subscribe=(f"{ROOT}/#", f"{STATE_GRID_ROOT}/#"),
    )


def nats_subject(topic_filter: str) -> str:
    """An MQTT topic or filter as nats-server names it inside.

    A slash becomes a dot and one at the start stays (docs.nats.io, MQTT topics and NATS subjects); dots and
    blanks in a level do not occur in our names.
    """
    lead = "/" if topic_filter.startswith("/") else ""
    levels = topic_filter.split("/")
    return lead + ".".join({"+": "*", "#": ">"}.get(level, level) for level in levels)


def nats_permissions(rights: Rights) -> dict[str, dict[str, list[str]]]:
    """The rights in nats-server's configuration language."""
    publish = {"allow": _subjects(rights.publish)}
    if rights.no_publish:
        publish["deny"] = _subjects(rights.no_publish)
    return {"publish": publish, "subscribe": {"allow": _subjects(rights.subscribe)}}


def _subjects(filters: Sequence[str]) -> list[str]:
    return [nats_subject(name) for name in filters]
