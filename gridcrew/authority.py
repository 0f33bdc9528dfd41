"""The installation's own certificate authority: ECDSA on P-256, its key readable by its owner alone.

Generations follow each other: the newest signs certificates of terminals, the oldest that is still trusted
signs those of the broker and the gateway, so that a terminal that knows only the old authority still believes
the broker. While two are trusted, ``trusted.pem`` holds both; ``finish`` forgets the old one.
"""

import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.access import DAY_MS, Certificate, checked_name
from gridcrew.private_files import write_private
from gridcrew.settings import Settings

AUTHORITY_DAYS: Final = 3650
OWN_DAYS: Final = 825
"""Of the broker's and the gateway's certificates; renewed in the last ``RENEW_DAYS`` at a start."""
RENEW_DAYS: Final = 60
WARN_DAYS: Final = 30
CRL_DAYS: Final = 400
"""Brokers refuse everybody once a list is out of date: each export and revocation writes a new one."""
CLOCK_SLACK: Final = timedelta(hours=1)
"""A terminal's clock may be behind: its certificate is valid from a little before it was made."""
GATEWAY_NAME: Final = "gridcrew.gateway"
"""With a dot, so that no terminal can ever have it."""
MAX_CSR_BYTES: Final = 16_384
MIN_RSA_BITS: Final = 2048

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class AuthorityProblem(ValueError):
    """There is no authority yet, there is one already, its key cannot be read, a request is unfit."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One authority of the installation: certificate and key."""

    number: int
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """The authority in a folder; every call reads its files, which are few and small."""

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self.folder = folder
        self._passphrase = passphrase.encode() or None

    @property
    def trusted_file(self) -> Path:
        """PEM bundle of all authorities in force."""
        return self.folder / "trusted.pem"

    @property
    def crl_file(self) -> Path:
        """Revoked certificates, one list per authority in force."""
        return self.folder / "revoked.pem"

    def pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and key file of ``broker`` or ``gateway``."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @property
    def exists(self) -> bool:
        """Whether there is a generation."""
        return bool(self._numbers())

    def create(self, names: Sequence[str], now_ms: int) -> None:
        """Make the first generation, and certificates of broker and gateway; raises AuthorityProblem."""
        if self.exists:
            raise AuthorityProblem(f"there is an authority already in {self.folder}")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_generation(1, now_ms)
        self._write_names(names)
        self.renew_own(now_ms)
        self.write_crl((), now_ms)

    def rotate(self, now_ms: int) -> int:
        """A new generation beside the one in force; its number. Raises AuthorityProblem in mid-rotation."""
        numbers = self._existing()
        if len(numbers) > 1:
            raise AuthorityProblem("a rotation is under way: end it with --finish")
        self._make_generation(numbers[-1] + 1, now_ms)
        return numbers[-1] + 1

    def finish(self, now_ms: int) -> tuple[int, ...]:
        """Trust only the newest generation from now on; the numbers of those given up."""
        *old, _ = self._existing()
        for number in old:
            for suffix in ("pem", "key"):
                self._file(number, suffix).unlink(missing_ok=True)
        self._write_bundle()
        self.renew_own(now_ms)
        return tuple(old)

    def issue(
        self, terminal: str, public_key: PublicKey, days: int, now_ms: int
    ) -> tuple[bytes, Certificate]:
        """A terminal's certificate as PEM and its entry for the register; raises NameRefused."""
        signer = self._generation(self._existing()[-1])
        made = _sign(
            signer, checked_name(terminal), public_key, now_ms, days, [ExtendedKeyUsageOID.CLIENT_AUTH], []
        )
        entry = Certificate(
            serial=serial_of(made),
            terminal=terminal,
            authority=signer.number,
            issued_ms=now_ms,
            until_ms=_ms(made.not_valid_after_utc),
        )
        return made.public_bytes(Encoding.PEM), entry

    def renew_own(self, now_ms: int, *, names: Sequence[str] | None = None) -> bool:
        """Make certificates of broker and gateway anew where missing, expiring or for other names."""
        if names is not None:
            self._write_names(names)
        signer = self._generation(self._existing()[0])
        wanted = self.names()
        server = [ExtendedKeyUsageOID.SERVER_AUTH]
        client = [ExtendedKeyUsageOID.CLIENT_AUTH]
        renewed = False
        for name, subject, purpose, hosts in (
            ("broker", "broker", server, wanted),
            ("gateway", GATEWAY_NAME, client, ()),
        ):
            if _still_good(self.pair(name)[0], signer, now_ms, hosts):
                continue
            key = ec.generate_private_key(ec.SECP256R1())
            made = _sign(signer, subject, key.public_key(), now_ms, OWN_DAYS, purpose, hosts)
            certificate_file, key_file = self.pair(name)
            write_private(key_file, pem_of(key))
            write_private(certificate_file, made.public_bytes(Encoding.PEM))
            renewed = True
        return renewed

    def own_days_left(self, now_ms: int) -> int:
        """Until the first of the broker's and the gateway's certificates runs out."""
        held = [
            x509.load_pem_x509_certificate(self.pair(name)[0].read_bytes()) for name in ("broker", "gateway")
        ]
        return min(_ms(each.not_valid_after_utc) - now_ms for each in held) // DAY_MS

    def names(self) -> tuple[str, ...]:
        """Names and addresses by which terminals reach the broker."""
        return tuple((self.folder / "names").read_text(encoding="utf-8").split())

    def generations(self) -> tuple[int, ...]:
        """Numbers of those in force, oldest first; raises AuthorityProblem where there is none."""
        return self._existing()

    def write_crl(self, revoked: Iterable[Certificate], now_ms: int) -> None:
        """Write the lists of revoked certificates anew."""
        listed = list(revoked)
        parts = [self._crl(self._generation(number), listed, now_ms) for number in self._existing()]
        write_private(self.crl_file, b"".join(parts))

    def _crl(self, signer: Generation, revoked: Sequence[Certificate], now_ms: int) -> bytes:
        now = _moment(now_ms)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(signer.certificate.subject)
            .last_update(now - CLOCK_SLACK)
            .next_update(now + timedelta(days=CRL_DAYS))
        )
        for each in revoked:
            if each.authority == signer.number and each.revoked_ms is not None:
                entry = x509.RevokedCertificateBuilder().serial_number(int(each.serial, 16))
                builder = builder.add_revoked_certificate(
                    entry.revocation_date(_moment(each.revoked_ms)).build()
                )
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _make_generation(self, number: int, now_ms: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = _moment(now_ms)
        # The random part keeps apart the authorities of two installations.
        name = _name(f"Gridcrew authority {number} {secrets.token_hex(4)}")
        usage = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        made = (
            _builder(name, name, key.public_key(), now - CLOCK_SLACK, now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._file(number, "key"), pem_of(key, self._passphrase))
        write_private(self._file(number, "pem"), made.public_bytes(Encoding.PEM))
        self._write_bundle()

    def _write_bundle(self) -> None:
        # Newest first: a reader that takes only one certificate of a file gets the one that stays.
        parts = [self._file(number, "pem").read_bytes() for number in reversed(self._existing())]
        write_private(self.trusted_file, b"".join(parts), mode=0o644)

    def _write_names(self, names: Sequence[str]) -> None:
        kept = dict.fromkeys(("localhost", "127.0.0.1", "::1", *names))
        for name in kept:
            _host(name)
        write_private(self.folder / "names", "\n".join(kept).encode())

    def _generation(self, number: int) -> Generation:
        try:
            key = load_pem_private_key(self._file(number, "key").read_bytes(), self._passphrase)
        except (ValueError, TypeError) as problem:
            raise AuthorityProblem(
                f"the key of authority {number} cannot be read: check access.passphrase ({problem})"
            ) from problem
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityProblem(f"the key of authority {number} is of a foreign kind")
        return Generation(number, x509.load_pem_x509_certificate(self._file(number, "pem").read_bytes()), key)

    def _existing(self) -> tuple[int, ...]:
        numbers = self._numbers()
        if not numbers:
            raise AuthorityProblem("there is no authority yet: run `gridcrew access init` first")
        return numbers

    def _numbers(self) -> tuple[int, ...]:
        found = (
            re.fullmatch(r"authority-(\d+)\.pem", file.name) for file in self.folder.glob("authority-*.pem")
        )
        return tuple(sorted(int(match[1]) for match in found if match))

    def _file(self, number: int, suffix: str) -> Path:
        return self.folder / f"authority-{number}.{suffix}"


def authority_of(settings: Settings) -> Authority:
    """The installation's; raises AuthorityProblem where the file of the passphrase cannot be read."""
    passphrase = settings.access.passphrase
    if settings.access.passphrase_file:
        try:
            passphrase = Path(settings.access.passphrase_file).read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise AuthorityProblem(f"access.passphrase_file: {problem}") from problem
    return Authority(settings.data_dir.absolute() / "access", passphrase)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key for a terminal."""
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """PKCS 8, encrypted where a passphrase is given."""
    lock: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def request_key(pem: bytes, terminal: str) -> PublicKey:
    """The public key of a terminal's signing request, whose key never left it; raises AuthorityProblem."""
    if len(pem) > MAX_CSR_BYTES:
        raise AuthorityProblem(f"the request is larger than {MAX_CSR_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError as problem:
        raise AuthorityProblem("expected a certificate signing request in PEM") from problem
    names = [str(each.value) for each in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names not in ([], [terminal]):
        raise AuthorityProblem(f"the request names {', '.join(names)[:80]!r}, expected {terminal!r}")
    if not request.is_signature_valid:
        raise AuthorityProblem("the request is not signed with its own key")
    key = request.public_key()
    fit = (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS
    )
    if not fit or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise AuthorityProblem(f"the request's key: expected ECDSA of 256 bits or RSA of {MIN_RSA_BITS}")
    return key


def serial_of(certificate: x509.Certificate) -> str:
    """As the register writes it."""
    return f"{certificate.serial_number:x}"


def common_name(certificate: x509.Certificate) -> str:
    """Empty where there is not exactly one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _sign(
    signer: Generation,
    subject: str,
    public_key: PublicKey,
    now_ms: int,
    days: int,
    purpose: Sequence[x509.ObjectIdentifier],
    hosts: Sequence[str],
) -> x509.Certificate:
    now = _moment(now_ms)
    until = min(now + timedelta(days=days), signer.certificate.not_valid_after_utc)
    builder = (
        _builder(signer.certificate.subject, _name(subject), public_key, now - CLOCK_SLACK, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purpose), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
        )
    )
    if hosts:
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer.key, hashes.SHA256())


def _builder(
    issuer: x509.Name, subject: x509.Name, public_key: PublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _still_good(file: Path, signer: Generation, now_ms: int, hosts: Sequence[str]) -> bool:
    if not file.exists():
        return False
    held = x509.load_pem_x509_certificate(file.read_bytes())
    return (
        held.issuer == signer.certificate.subject
        and _ms(held.not_valid_after_utc) - now_ms > RENEW_DAYS * DAY_MS
        and _names_of(held) == set(hosts)
    )


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
        raise AuthorityProblem(f"broker name: expected a host name or an address, found {name[:80]!r}")
    return x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).replace(microsecond=0)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
