"""A real Mosquitto that runs ``deploy/mosquitto.conf``: only folders are put in, and a listener beside it."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from gateway.adapters.mqtt.door import BrokerAddress
from tests.gateway.running import await_true
from tests.ports import free_port

DEPLOYED = Path(__file__).parents[2] / "deploy/mosquitto.conf"
PASSWORD = "se:cret@"
SITE, OBSERVER = "site", "observer"


class Mosquitto:
    """May be killed and started again on the same folder and port."""

    def __init__(self, home: Path, *, deployed: bool = True, beside: str = "") -> None:
        """``deployed`` False: Mosquitto's own defaults but for persistence, as the negative control.

        ``beside``: more lines of configuration.
        """
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir()
        self._configure(deployed, beside)

    def _configure(self, deployed: bool, more: str) -> None:
        home, beside = self.home, self.home / "gridcrew"
        beside.mkdir()
        passwords = home / "passwords"
        for option, user in (["-c", SITE], ["-b", OBSERVER]):
            options = ["-c", "-b"] if option == "-c" else ["-b"]
            subprocess.run(
                ["mosquitto_passwd", *options, str(passwords), user, PASSWORD],
                check=True,
                capture_output=True,
            )
        # The observer may listen to everything and say nothing.
        (home / "acl").write_text(f"user {SITE}\ntopic readwrite #\nuser {OBSERVER}\ntopic read #\n")
        # As root it would otherwise change to an account that cannot read this folder.
        account = "user root\n" if os.geteuid() == 0 else ""
        (beside / "here.conf").write_text(
            f"{account}listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            f"acl_file {home}/acl\nlog_dest file {home}/log\nlog_type all\n{more}"
        )
        text = DEPLOYED.read_text(encoding="utf-8")
        assert "/etc/mosquitto/gridcrew" in text
        assert "/var/lib/mosquitto/" in text
        text = text.replace("/etc/mosquitto/gridcrew", str(beside)).replace("/var/lib/mosquitto/", f"{home}/")
        if not deployed:
            text = f"include_dir {beside}\npersistence true\npersistence_location {home}/\n"
        (home / "mosquitto.conf").write_text(text, encoding="utf-8")

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen(
            [program, "-c", str(self.home / "mosquitto.conf")], stderr=subprocess.DEVNULL
        )
        await_true(self._listens, "mosquitto")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None

    def url(self, user: str = SITE) -> str:
        return f"mqtt://{user}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}"

    def address(self, user: str = SITE) -> BrokerAddress:
        return BrokerAddress.from_url(self.url(user))

    def log(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def running_mosquitto(home: Path, *, deployed: bool = True, beside: str = "") -> Iterator[Mosquitto]:
    made = Mosquitto(home, deployed=deployed, beside=beside)
    made.start()
    try:
        yield made
    finally:
        if made.process is not None:
            made.end(signal.SIGKILL)
