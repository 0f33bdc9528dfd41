"""Giving terminals their certificates and taking them back: the authority signs, the register remembers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.access import DAY_MS, SERIAL_PATTERN, SPEAKS, Certificate, checked_name
from gateway.adapters.ledger.certificates import SqlCertificates
from gridcrew.authority import Authority, new_key, pem_of, request_key

MAX_REASON: Final = 200


class Refusal(ValueError):
    """What was asked would leave a terminal with too many certificates, or names none."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a terminal is given."""

    certificate: Certificate
    pem: bytes
    key: bytes = field(repr=False)
    """Empty where the terminal made its key itself."""
    trusted: bytes
    """The authorities by which it knows the broker."""


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The four things that can be done with a terminal's certificates; instants are ``now_ms``."""

    authority: Authority
    register: SqlCertificates
    days: int

    def provision(self, terminal: str, request: bytes | None, now_ms: int) -> Package:
        """The first certificate of a terminal, or the next after all others ended; raises Refusal."""
        held = [each for each in self.register.of_terminal(checked_name(terminal)) if _speaks(each, now_ms)]
        if held:
            raise Refusal(
                f"{terminal} holds certificate {held[-1].serial}: use `gridcrew access rotate {terminal}`"
            )
        return self._issue(terminal, request, now_ms, None)

    def rotate(self, terminal: str, request: bytes | None, overlap_days: float, now_ms: int) -> Package:
        """A new certificate; the old ones stay valid for the overlap. Raises Refusal where there is none."""
        held = [each for each in self.register.of_terminal(checked_name(terminal)) if _speaks(each, now_ms)]
        if not held:
            raise Refusal(f"{terminal} has no valid certificate: use `gridcrew access provision {terminal}`")
        return self._issue(terminal, request, now_ms, now_ms + int(overlap_days * DAY_MS))

    def revoke(self, what: str, reason: str, now_ms: int) -> tuple[Certificate, ...]:
        """All certificates of a terminal that still count, or one by its serial number; raises Refusal."""
        named = self.register.of_terminal(what)
        if not named and SERIAL_PATTERN.fullmatch(what.lower().replace(":", "")):
            found = self.register.by_serial(what.lower().replace(":", "").lstrip("0"))
            named = (found,) if found else ()
        if not named:
            raise Refusal(f"no terminal and no serial number is {what[:80]!r}")
        counting = tuple(each for each in named if each.revoked_ms is None and now_ms < each.until_ms)
        if not counting:
            raise Refusal(f"{what} has no certificate that could be revoked")
        self.register.revoke([each.serial for each in counting], now_ms, reason[:MAX_REASON])
        self.authority.write_crl(self.register.revoked(), now_ms)
        return counting

    def of_older_authorities(self, now_ms: int) -> tuple[Certificate, ...]:
        """Certificates in force that would be worth nothing once only the newest authority is trusted."""
        newest = self.authority.generations()[-1]
        listed = self.register.listed()
        return tuple(each for each in listed if each.authority != newest and _speaks(each, now_ms))

    def _issue(
        self, terminal: str, request: bytes | None, now_ms: int, retire_others_ms: int | None
    ) -> Package:
        key = new_key() if request is None else None
        public = key.public_key() if key is not None else request_key(request or b"", terminal)
        pem, certificate = self.authority.issue(terminal, public, self.days, now_ms)
        self.register.add(certificate, retire_others_ms)
        private = pem_of(key) if key is not None else b""
        return Package(certificate, pem, private, self.authority.trusted_file.read_bytes())


def silenced(certificates: Sequence[Certificate], now_ms: int) -> tuple[str, ...]:
    """Terminals all of whose certificates have ended."""
    speaking = {each.terminal for each in certificates if _speaks(each, now_ms)}
    return tuple(sorted({each.terminal for each in certificates} - speaking))


def speaking(certificates: Sequence[Certificate], now_ms: int) -> tuple[str, ...]:
    """Terminals with a certificate in force."""
    return tuple(sorted({each.terminal for each in certificates if _speaks(each, now_ms)}))


def _speaks(certificate: Certificate, now_ms: int) -> bool:
    return certificate.state(now_ms) in SPEAKS
