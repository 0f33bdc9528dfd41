"""Certificates of a demo's simulated terminals, from the installation's own authority.

In a demo all terminals are played, so each may get papers without an engineer; nowhere else are any made.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from field_api.adapters.system_clock import wall_clock_ms
from gateway.adapters.ledger.certificates import SqlCertificates
from geo.adapters.database import open_database
from gridcrew.authority import AuthorityProblem, authority_of
from gridcrew.private_files import write_private
from gridcrew.provisioning import Provisioning, speaking
from gridcrew.settings import Settings

_SPARE_MS: Final = 7 * 86_400_000


def prepare_authority(settings: Settings) -> None:
    """A demo makes its authority by itself; raises AuthorityProblem."""
    authority = authority_of(settings)
    if not authority.exists:
        authority.create((), wall_clock_ms())


@dataclass(slots=True)
class SimulatedPapers:
    """``context(terminal)`` is what that terminal speaks TLS with. Belongs to one thread."""

    settings: Settings
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    def context(self, terminal: str) -> ssl.SSLContext:
        """With a certificate in force: the one from an earlier run or a new one; raises OSError."""
        if terminal not in self._contexts:
            self._contexts[terminal] = self._made(terminal)
        return self._contexts[terminal]

    def _made(self, terminal: str) -> ssl.SSLContext:
        try:
            authority = authority_of(self.settings)
            context = ssl.create_default_context(cafile=str(authority.trusted_file))
            register = SqlCertificates(open_database(self.settings.database_location, "gateway"))
            desk = Provisioning(authority, register, self.settings.access.certificate_days)
            context.load_cert_chain(*self._files(desk, terminal))
        except (AuthorityProblem, ValueError) as problem:
            raise OSError(f"terminal {terminal} gets no certificate: {problem}") from problem
        return context

    def _files(self, desk: Provisioning, terminal: str) -> tuple[Path, Path]:
        folder = self.settings.data_dir / "sim" / "papers"
        certificate, key = folder / f"{terminal}.pem", folder / f"{terminal}.key"
        now_ms = wall_clock_ms()
        held = desk.register.of_terminal(terminal)
        if speaking(held, now_ms + _SPARE_MS) and certificate.exists() and key.exists():
            return certificate, key
        again = bool(speaking(held, now_ms))
        package = desk.rotate(terminal, None, 0, now_ms) if again else desk.provision(terminal, None, now_ms)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(key, package.key)
        write_private(certificate, package.pem)
        return certificate, key
