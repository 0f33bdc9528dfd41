"""A real installation whose terminals need certificates, beside the embedded broker or a real Mosquitto."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.ledger.security_log import SecurityEvent, SqlSecurityLog
from gridcrew.broker import EmbeddedBroker, reload_running
from tests.gateway.certified import Certified, certified
from tests.gateway.running import await_true
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
GRIDCREW = (sys.executable, "-m", "gridcrew")
BROKERS = ("nats", "mosquitto")


@dataclass(slots=True)
class Gate:
    """The installation, its broker, and how the broker is told that something changed."""

    kind: str
    made: Certified
    home: Path
    process: subprocess.Popen[bytes] | None = None

    def reload(self) -> None:
        """What an operator does after a change: nothing for the embedded broker."""
        if self.process is not None:
            export(self.made, self.home, self.made.port)
            self.process.send_signal(signal.SIGHUP)

    def reload_authority(self) -> None:
        """After a change of the authority the embedded broker is told too (by the command)."""
        self.reload()
        if self.process is None:
            assert reload_running(self.made.settings)

    def events(self) -> list[SecurityEvent]:
        """What the supervisor of security sees."""
        return list(SqlSecurityLog(self.made.site.engine).newest())

    def await_event(self, threat: str, source: str) -> SecurityEvent:
        """The event, once it is there."""
        found: list[SecurityEvent] = []

        def there() -> bool:
            found[:] = [each for each in self.events() if (each.threat, each.source) == (threat, source)]
            return bool(found)

        await_true(there, f"{threat} by {source}")
        return found[0]


@contextmanager
def gate(kind: str, folder: Path) -> Iterator[Gate]:
    """With the gateway running and ready."""
    folder.mkdir(exist_ok=True)
    with nats_gate(folder) if kind == "nats" else mosquitto_gate(folder) as opened:
        yield opened


@contextmanager
def nats_gate(folder: Path) -> Iterator[Gate]:
    with certified(folder) as made, EmbeddedBroker(made.settings) as broker:
        made.port = broker.port
        made.site.start()
        yield Gate("nats", made, folder)


@contextmanager
def mosquitto_gate(folder: Path) -> Iterator[Gate]:
    """Mosquitto with our example configuration and the files that ``gridcrew access export`` writes."""
    home = folder / "mosquitto"
    home.mkdir()
    log = home / "mosquitto.log"
    with certified(folder) as made:
        made.port = free_port()
        export(made, home, made.port)
        (home / "state").mkdir()
        example = (ROOT / "deploy/mosquitto.conf").read_text(encoding="utf-8")
        example = example.replace("/etc/mosquitto/gridcrew", str(home / "include"))
        example = example.replace("/var/lib/mosquitto/", f"{home}/state/")
        account = "user root\n" if os.geteuid() == 0 else ""
        config = home / "mosquitto.conf"
        config.write_text(f"{account}log_dest file {log}\n{example}", encoding="utf-8")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as server:
            try:
                await_true(lambda: _listens(made.port), "mosquitto")
                made.site.environment |= _gateway(made, log)
                made.site.start()
                yield Gate("mosquitto", made, home, server)
            finally:
                server.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def export(made: Certified, home: Path, port: int) -> None:
    """Run the command, then put our ports in place of the standard ones."""
    subprocess.run(
        [*GRIDCREW, "access", "export", "--broker", "mosquitto", "--out", str(home / "files")],
        env=os.environ | made.site.environment, check=True, capture_output=True,
    )  # fmt: skip
    (home / "include").mkdir(exist_ok=True)
    access = (home / "files/access.conf").read_text(encoding="utf-8")
    kept = home / "gateway-port"
    if not kept.exists():
        kept.write_text(str(free_port()), encoding="utf-8")
    access = access.replace("listener 8883", f"listener {port} 127.0.0.1")
    access = access.replace("listener 8884", f"listener {kept.read_text(encoding='utf-8')} 127.0.0.1")
    (home / "include/access.conf").write_text(access, encoding="utf-8")


def _gateway(made: Certified, log: Path) -> dict[str, str]:
    """The gateway's settings as ``site-broker.toml`` tells them, with this test's port."""
    text = (made.authority.folder / "site-broker.toml").read_text(encoding="utf-8")
    told = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    port = (log.parent / "gateway-port").read_text(encoding="utf-8")
    told["url"] = told["url"].replace("BROKER:8884", f"127.0.0.1:{port}")
    return {
        "GRIDCREW_MQTT__TLS": "off",
        "GRIDCREW_MQTT__BROKER_LOG": str(log),
        **{f"GRIDCREW_MQTT__{name.upper()}": value.strip('"') for name, value in told.items()},
    }
