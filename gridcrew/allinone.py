"""``gridcrew up``: prepare the data folder, start every process, say where to look, end in order."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from field_api.adapters.demo import prepare_demo
from field_api.usecases.prepare_organisation import DemoLogin
from gridcrew.compiled import cache_folder, forget_other_versions
from gridcrew.environment import strange_variables
from gridcrew.migrations.runner import migrate_all
from gridcrew.sealed_networks import open_networks, seal_networks
from gridcrew.settings import Settings
from gridcrew.sim_papers import prepare_authority
from gridcrew.supervisor import NeverReady, Program, Supervisor

DEMO_GRID: Final = "simbench:1-MVLV-urban-all-0-sw"
DEMO_OVERDUE: Final = {"GRIDCREW_GATEWAY__HEARTBEAT_OVERDUE_S": "90"}
"""The simulated terminals' heartbeats are as much closer together."""
READY_S: Final = 300.0

CORE: Final = ("gateway", "detector", "worker", "web")
"""In this order: each finds what it reads from already running."""


class AlreadyRunning(click.ClickException):
    """Two `up` on one data folder would both write the same files."""


@dataclass(frozen=True, slots=True)
class Plan:
    settings: Settings
    seconds: float | None
    """End by itself this long after being ready; None runs until stopped."""
    quiet: bool
    """Only the address and the logins on the terminal."""


def run_all(plan: Plan) -> None:
    """Run the product on this machine until SIGTERM, SIGINT or the time is up."""
    settings = plan.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    with _sole_user(settings):
        forget_other_versions(cache_folder(settings.data_dir))
        migrate_all(settings.database_location)
        seal_networks(settings)
        if settings.demo and settings.mqtt.tls != "off":
            prepare_authority(settings)
        logins = _prepare(settings)
        supervisor = Supervisor(_environment(settings), settings.data_dir / "logs", quiet=plan.quiet)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.request_stop())
        try:
            if _start_all(supervisor, settings):
                click.echo(_banner(settings, logins, time.monotonic() - began_s))
                supervisor.run(plan.seconds)
        finally:
            supervisor.stop()


def _prepare(settings: Settings) -> Sequence[DemoLogin]:
    """A demo starts with the reference grid; otherwise the site imports its own network."""
    if not settings.demo:
        return ()
    store = open_networks(settings)
    if not store.versions():
        click.echo(f"importing the reference grid {DEMO_GRID} …")
        # In a process of its own: the importer's libraries are large and needed only once.
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "gridcrew", "network", "import", DEMO_GRID],
            env=_environment(settings),
            check=True,
        )
    newest = store.get(store.versions()[-1].content_hash)
    return prepare_demo(settings.database_location, newest, settings.language)


def _start_all(supervisor: Supervisor, settings: Settings) -> bool:
    broker = () if settings.mqtt.url else ("broker",)
    for name in (*broker, *CORE):
        supervisor.start(Program(name, (name,)))
        if name in {"broker", "web"} and not _ready(supervisor, name):
            return False
    if settings.demo:
        supervisor.start(Program("sim", ("sim", "run")))
    return all(_ready(supervisor, name) for name in (*CORE, *(("sim",) if settings.demo else ())))


def _ready(supervisor: Supervisor, name: str) -> bool:
    try:
        return supervisor.wait_ready(name, READY_S)
    except NeverReady as problem:
        raise click.ClickException(f"{problem} (logs/{name}.log has more)") from problem


def _environment(settings: Settings) -> dict[str, str]:
    """What the children see: this environment, with what the command line decided."""
    decided = {"GRIDCREW_DATA_DIR": str(settings.data_dir.absolute()), "GRIDCREW_DEMO": str(settings.demo)}
    strange = strange_variables(os.environ)  # told once, by us
    own = {name: value for name, value in os.environ.items() if name not in strange}
    return (DEMO_OVERDUE if settings.demo else {}) | own | decided


def _banner(settings: Settings, logins: Sequence[DemoLogin], seconds: float) -> str:
    address = json.loads((settings.data_dir / "web.json").read_text(encoding="utf-8"))["url"]
    lines = ["", f"Gridcrew is running ({seconds:.0f} s): {address}"]
    lines += [f"  {login.role:<12} {login.username} / {login.password}" for login in logins]
    return "\n".join([*lines, ""])


@contextmanager
def _sole_user(settings: Settings) -> Iterator[None]:
    with (settings.data_dir / "up.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"`gridcrew up` is already running on {settings.data_dir}") from None
        yield
