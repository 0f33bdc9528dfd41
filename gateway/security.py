"""What a supervisor of security must hear: findings, and how a broker's log tells of them. Pure.

Findings come from three sides: a frame whose payload speaks in another's name (decoders), a claim that the
embedded broker refused (``gridcrew.broker_access``), and lines of a broker's log.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_TEXT: Final = 240
MAX_NAME: Final = 64
MAX_SOURCES: Final = 500
"""Told apart between two reports; an attack from more is one source, ``MANY``."""
MANY: Final = "(many)"


class Threat(StrEnum):
    """What was tried."""

    SPOOFING = "spoofing"
    """A payload that names another terminal than its topic."""
    FOREIGN_TOPIC = "foreign-topic"
    """Publishing or listening where only others may."""
    CLIENT_ID = "client-id"
    """A valid certificate with the client id of another."""
    CERTIFICATE = "certificate"
    """Revoked, expired, unknown, of a foreign authority, with a name that is no id, or none at all."""
    PASSWORD = "password"  # noqa: S105 (a word, not a secret)
    FLOOD = "flood"
    """More than a terminal has to say; it was cut off."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was tried, ``count`` times, and refused."""

    threat: Threat
    source: str
    """Who: terminal id of the certificate or client id, else the address without port."""
    text: str
    count: int = 1


def finding(threat: Threat, source: str, text: str, count: int = 1) -> Finding:
    """A finding whose words are fit to be stored and shown: one line, printable, of limited length."""
    return Finding(threat, _clean(source, MAX_NAME) or "(nobody)", _clean(text, MAX_TEXT), count)


def _clean(words: str, most: int) -> str:
    shown = "".join(sign if sign.isprintable() else "�" for sign in words)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


@dataclass(slots=True)
class Tally:
    """Findings counted by threat and source, so that an attack cannot flood its own record."""

    _counts: dict[tuple[Threat, str], Finding] = field(default_factory=dict)

    def add(self, found: Finding) -> None:
        """Count it; the first text of a source stands for all."""
        key = (found.threat, found.source)
        if key not in self._counts and len(self._counts) >= MAX_SOURCES:
            key = (found.threat, MANY)
        known = self._counts.get(key)
        text, count = (known.text, known.count) if known else (found.text, 0)
        self._counts[key] = Finding(found.threat, key[1], text, count + found.count)

    def take(self) -> tuple[Finding, ...]:
        """All that was counted since the last call."""
        taken = tuple(self._counts.values())
        self._counts.clear()
        return taken

    def __len__(self) -> int:
        return len(self._counts)


def told(words: Iterable[str], terminal: str) -> tuple[Finding, ...]:
    """Findings of a decoder (``Decoded.security``) about a frame on the topics of ``terminal``."""
    return tuple(finding(Threat.SPOOFING, terminal, text) for text in words)


_NATS_LINE: Final = re.compile(
    r"^\[\d+\] \S+ \S+ \[(?:ERR|WRN|INF)\] (?P<host>\S+):\d+ - mid:\d+ - "
    r"(?:\"(?P<id>[^\"]*)\" - )?(?P<what>.*)$"
)
_NATS_MEANINGS: Final = (
    (re.compile(r"^(?:Publish|Subscription) Violation - (.*)"), Threat.FOREIGN_TOPIC),
    (re.compile(r"^authentication error - User (.*)"), Threat.PASSWORD),
    (re.compile(r"TLS handshake error: (.*)"), Threat.CERTIFICATE),
)


def read_nats_line(line: str) -> Finding | None:
    """What a line of nats-server's log says; None where it is no refusal.

    Written by ``server/client.go`` and ``server/auth.go`` of nats-server 2.15: ``pubPermissionViolation``,
    ``subPermissionViolation``, ``authViolation`` and the handshake of ``doTLSServerHandshake``.
    """
    parsed = _NATS_LINE.match(line.rstrip("\n"))
    if parsed is None:
        return None
    for pattern, threat in _NATS_MEANINGS:
        if told_by := pattern.search(parsed["what"]):
            source = parsed["id"] if parsed["id"] and threat is Threat.FOREIGN_TOPIC else parsed["host"]
            # A scanner that hangs up is no threat by itself.
            if threat is Threat.CERTIFICATE and not _is_about_certificates(told_by[1]):
                return None
            return finding(threat, source, parsed["what"])
    return None


_MOSQUITTO_MEANINGS: Final = (
    (
        re.compile(r"Denied PUBLISH from (?P<who>.+?) \(d\d, q\d, r\d, m\d+, '(?P<what>.*)'"),
        Threat.FOREIGN_TOPIC,
    ),
    (re.compile(r"Denied SUBSCRIBE from (?P<who>\S+)(?P<what>.*)"), Threat.FOREIGN_TOPIC),
    (re.compile(r"Client (?P<who>\S+) disconnected, not (?P<what>authorised)"), Threat.PASSWORD),
    (re.compile(r"OpenSSL Error(?:\[\d+\])?: (?P<what>.*)(?P<who>)"), Threat.CERTIFICATE),
)


def read_mosquitto_line(line: str) -> Finding | None:
    """What a line of Mosquitto's log says; None where it is no refusal.

    Mosquitto 2.0 with ``log_type`` debug, notice and error: a denied publication of MQTT 3.1.1 is still
    acknowledged to the client, so its log line is the only trace of it.
    """
    for pattern, threat in _MOSQUITTO_MEANINGS:
        if parsed := pattern.search(line):
            if threat is Threat.CERTIFICATE and not _is_about_certificates(parsed["what"]):
                return None
            return finding(threat, parsed["who"] or "(before its name)", parsed[0])
    return None


def _is_about_certificates(words: str) -> bool:
    return "certificate" in words or "unknown ca" in words or "bad_certificate" in words
