"""A POST to an address that was resolved and checked once: no redirect followed, no second look-up made.

The name goes into the Host header and the certificate's check; the connection goes to the very address that
was checked, so that a name that resolves differently a moment later changes nothing (fault 30).
"""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from field_api.partners.webhooks import BadTarget, NotTrusted, TargetRules

TIMEOUT_S: Final = 5.0
WHOLE_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 4096
Resolve = Callable[[str, int], Sequence[str]]


def resolved(host: str, port: int) -> Sequence[str]:
    """Addresses of a name; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class PinnedPost:
    rules: TargetRules
    resolve: Resolve = resolved
    timeout_s: float = TIMEOUT_S

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Returns where the answer was 2xx; raises ``BadTarget``, ``NotTrusted`` or another OSError else."""
        scheme, host, port = self.rules.check(url)
        addresses = self.resolve(host, port)
        if not addresses:
            raise BadTarget("webhook.no_address", host=host)
        for address in addresses:
            self.rules.check_address(address)
        parts = urlsplit(url)
        place = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pinned = _Pinned(host, port, addresses[0], self.timeout_s, scheme == "https", self.rules.authorities)
        status = pinned.posted(place, body, headers)
        if 300 <= status < 400:
            raise BadTarget("webhook.redirects", status=status)
        if status // 100 != 2:
            raise OSError(f"answered {status}")


@dataclass(frozen=True, slots=True)
class _Pinned:
    host: str
    port: int
    address: str
    timeout_s: float
    encrypted: bool
    authorities: str

    def posted(self, place: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The answer's status; raises OSError. A partner that answers drop by drop is cut off."""
        with socket.create_connection((self.address, self.port), self.timeout_s) as raw:
            cut = threading.Timer(WHOLE_S, _shut, [raw])
            cut.daemon = True
            cut.start()
            try:
                connection = self._connected(raw)
                connection.request("POST", place, body=body, headers=dict(headers))
                answer = connection.getresponse()
                answer.read(MAX_ANSWER_BYTES)
                connection.close()
            except HTTPException as problem:
                raise OSError(f"{type(problem).__name__}: {problem}") from problem
            finally:
                cut.cancel()
        return answer.status

    def _connected(self, raw: socket.socket) -> HTTPConnection:
        """Its socket leads to the address; its name, and that of the certificate, is the host's."""
        if not self.encrypted:
            plain = HTTPConnection(self.host, self.port, timeout=self.timeout_s)
            plain.sock = raw
            return plain
        context = _context(self.authorities)
        secure = HTTPSConnection(self.host, self.port, timeout=self.timeout_s, context=context)
        try:
            secure.sock = context.wrap_socket(raw, server_hostname=self.host)
        except ssl.SSLCertVerificationError as problem:
            why = problem.verify_message.rstrip(".")
            raise NotTrusted("webhook.not_trusted", host=self.host, why=why) from problem
        return secure


def _context(authorities: str) -> ssl.SSLContext:
    """Made for each delivery: a certificate that was put in place counts from the next attempt on."""
    context = ssl.create_default_context()
    if authorities:
        try:
            context.load_verify_locations(cafile=authorities)
        except OSError as problem:
            raise NotTrusted("webhook.no_authorities", file=authorities) from problem
    return context


def _shut(raw: socket.socket) -> None:
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
