"""An installation with certificates: its authority, an embedded broker with mutual TLS, terminals' files."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.ledger.certificates import SqlCertificates
from gridcrew.authority import Authority, authority_of
from gridcrew.broker import EmbeddedBroker
from gridcrew.provisioning import Package, Provisioning
from gridcrew.settings import Settings
from tests.gateway.running import WAIT_S, Installation, installation


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Papers:
    """A terminal's files."""

    name: str
    certificate: Path
    key: Path
    trusted: Path

    def arguments(self) -> list[str]:
        """For mosquitto_pub and mosquitto_sub."""
        return ["--cafile", str(self.trusted), "--cert", str(self.certificate), "--key", str(self.key)]

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.trusted))
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(slots=True)
class Certified:
    """An installation whose terminals need certificates."""

    site: Installation
    settings: Settings
    authority: Authority
    register: SqlCertificates
    port: int = 0

    @property
    def desk(self) -> Provisioning:
        return Provisioning(self.authority, self.register, 365)

    def papers(self, package: Package, folder: str = "papers") -> Papers:
        """The package as files."""
        home = self.site.folder.parent / folder
        home.mkdir(exist_ok=True)
        name = package.certificate.terminal
        made = Papers(name, home / f"{name}.pem", home / f"{name}.key", home / f"{name}-trusted.pem")
        made.certificate.write_bytes(package.pem)
        made.key.write_bytes(package.key)
        made.trusted.write_bytes(package.trusted)
        return made

    def terminal(self, name: str) -> Papers:
        """Files of a terminal with a fresh certificate."""
        return self.papers(self.desk.provision(name, None, now_ms()))

    def run(
        self, program: str, papers: Papers, client_id: str, *more: str
    ) -> subprocess.CompletedProcess[str]:
        """mosquitto_pub or mosquitto_sub with these papers and that client id."""
        return subprocess.run(
            [program, "-h", "127.0.0.1", "-p", str(self.port), *papers.arguments(), "-i", client_id, *more],
            capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip

    def publish(self, papers: Papers, topic: str, body: str, client_id: str = "") -> bool:
        """Whether the broker let it in and acknowledged."""
        told = self.run("mosquitto_pub", papers, client_id or papers.name, "-q", "1", "-t", topic, "-m", body)
        return told.returncode == 0


@contextmanager
def certified(folder: Path, **environment: str) -> Iterator[Certified]:
    """An installation with an authority; no broker yet."""
    known = {"GRIDCREW_MQTT__TLS": "mutual", **environment}
    with installation(folder / "var", **known) as site:
        settings = site.settings.model_copy(
            update={"mqtt": site.settings.mqtt.model_copy(update={"tls": "mutual"})}
        )
        authority = authority_of(settings)
        authority.create((), now_ms())
        yield Certified(site, settings, authority, SqlCertificates(site.engine))


@contextmanager
def certified_broker(folder: Path, **environment: str) -> Iterator[tuple[Certified, EmbeddedBroker]]:
    """The same with its embedded broker running."""
    with certified(folder, **environment) as made, EmbeddedBroker(made.settings) as broker:
        made.port = broker.port
        yield made, broker
