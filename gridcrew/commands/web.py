"""``gridcrew web``: the API and pages in some processes, the server-sent events in one of their own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import click
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import field_api
from field_api.app import build_event_services, build_services
from field_api.http.app import create_app
from field_api.http.events_app import create_events_app
from field_api.http.services import Services, WebConfig
from field_api.http.shared import Shared
from gridcrew.fault_watching import rules as fault_rules
from gridcrew.home import installation
from gridcrew.logging_setup import set_up_logging
from gridcrew.registration import expectations
from gridcrew.settings import Settings
from gridcrew.stores import open_readings

ADDRESSES: Final = "web.json"
"""Where a running web notes its addresses; gone when it is."""
BACKLOG: Final = 1024
START_S: Final = 300.0
STOP_S: Final = 4.0
WORKERS: Final = "gridcrew.web_workers"
MOST_PROCESSES: Final = 4
"""That are started unasked, however many cores there are: each holds the network in memory."""
SHARED: Final = "GRIDCREW_WEB_SHARED"
"""Names the descriptor of the memory that they share to the processes; nobody else sets it."""
GRACE_S: Final = 2
KEEP_ALIVE_S: Final = 75
"""Longer than proxies keep an idle connection (mostly 60 s): who closes first may lose a request."""
CONNECTIONS: Final = 2_000
"""Of each process, idle ones included."""
SPARE_THREADS: Final = 8
"""Threads of the events process beside the streams: for refusals and health."""


@click.command(name="web")
def command() -> None:
    """Serve the API, the pages and the live events; the addresses are noted in web.json."""
    settings = Settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        _listening(settings.web.host, settings.web.port) as web,
        _listening(settings.web.host, settings.web.events_port) as events,
    ):
        noted = settings.data_dir / ADDRESSES
        noted.unlink(missing_ok=True)
        children = _start(settings, web, events)
        try:
            if _ready(settings, (web, events), children, stop):
                _note_addresses(settings, web, events)
                click.echo("web ready")
                _watch(children, stop)
        finally:
            noted.unlink(missing_ok=True)
            _end(children)
    if not stop.is_set():
        raise click.ClickException("a process of the web ended by itself")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Bound before anything starts, so that both processes know both ports."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            raise click.ClickException(f"cannot listen on {host}:{port}: {problem.strerror}") from problem
        listener.listen(BACKLOG)
        yield listener


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _start(
    settings: Settings, web: socket.socket, events: socket.socket
) -> tuple[subprocess.Popen[bytes], ...]:
    environment = dict(os.environ) | {
        "GRIDCREW_DATA_DIR": str(settings.data_dir.absolute()),
        "GRIDCREW_WEB__PORT": str(_port(web)),
        "GRIDCREW_WEB__EVENTS_PORT": str(_port(events)),
    }
    processes = settings.web.processes or min(os.cpu_count() or 1, MOST_PROCESSES)
    threads = max(2, settings.web.threads // processes)
    streams = settings.web.max_streams + SPARE_THREADS
    with tempfile.TemporaryFile() as shared:
        environment[SHARED] = str(shared.fileno())
        return (
            _gunicorn(web, processes, threads, "web_application", environment, shared.fileno()),
            _gunicorn(events, 1, streams, "events_application", environment),
        )


def _gunicorn(
    listener: socket.socket,
    processes: int,
    threads: int,
    factory: str,
    environment: dict[str, str],
    *files: int,
) -> subprocess.Popen[bytes]:
    """``files``: descriptors that the processes inherit beside the listener's."""
    number = listener.fileno()
    arguments = [
        *("--bind", f"fd://{number}", "--workers", str(processes), "--worker-class", "gthread"),
        *("--threads", str(threads), "--worker-connections", str(CONNECTIONS)),
        *("--graceful-timeout", str(GRACE_S), "--keep-alive", str(KEEP_ALIVE_S)),
        *("--config", f"python:{WORKERS}", "--log-level", "warning", "--no-control-socket"),
    ]
    program = [sys.executable, "-m", "gunicorn", *arguments, f"{WORKERS}:{factory}()"]
    return subprocess.Popen(  # noqa: S603 (our own program)
        [*_die_with_parent(), *program],
        env=environment, pass_fds=(number, *files), stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _die_with_parent() -> list[str]:
    """Where the system can do it, both processes end when this one is killed, and leave their ports."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _ready(
    settings: Settings,
    listeners: Sequence[socket.socket],
    children: Sequence[subprocess.Popen[bytes]],
    stop: threading.Event,
) -> bool:
    deadline_s = time.monotonic() + START_S
    waiting = [_port(listener) for listener in listeners]
    while waiting and time.monotonic() < deadline_s and not stop.wait(0.1):
        if any(child.poll() is not None for child in children):
            return False
        waiting = [port for port in waiting if not _answers(settings.web.host, port)]
    return not waiting


def _answers(host: str, port: int) -> bool:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    connection = HTTPConnection(here, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _note_addresses(settings: Settings, web: socket.socket, events: socket.socket) -> None:
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    noted = {
        "url": f"http://{host}:{_port(web)}/",
        "events_url": f"http://{host}:{_port(events)}/api/v1/events",
        "pid": os.getpid(),
    }
    draft = settings.data_dir / f"{ADDRESSES}.new"
    draft.write_text(json.dumps(noted), encoding="utf-8")
    draft.replace(settings.data_dir / ADDRESSES)


def _watch(children: Sequence[subprocess.Popen[bytes]], stop: threading.Event) -> None:
    while not stop.wait(0.2):
        if any(child.poll() is not None for child in children):
            return


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline_s = time.monotonic() + STOP_S
    for child in children:
        try:
            child.wait(max(0.1, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def web_application() -> Flask:
    """For gunicorn: the API and pages."""
    settings = Settings()
    set_up_logging(settings.log)
    home, readings = installation(settings), open_readings(settings)
    services = build_services(
        home,
        replace(_config(settings), shared=Shared(int(os.environ[SHARED]))),
        readings,
        settings.sim.control_port,
        expectations(settings),
        fault_rules(settings),
    )
    threading.Thread(target=_warm, args=(services,), daemon=True).start()
    return _behind_proxies(create_app(services), settings)


def events_application() -> Flask:
    """For gunicorn: the events. SIGTERM ends the streams before the server waits for them."""
    settings = Settings()
    set_up_logging(settings.log)
    services = build_event_services(installation(settings), _config(settings))
    services.hub.start()
    before = signal.getsignal(signal.SIGTERM)

    def leave(number: int, frame: object) -> None:
        services.hub.close()
        if callable(before):
            before(number, frame)  # type: ignore[arg-type]

    signal.signal(signal.SIGTERM, leave)
    return _behind_proxies(create_events_app(services), settings)


def _behind_proxies(app: Flask, settings: Settings) -> Flask:
    """Whose address it is, as the site's own proxies say; nobody else's word is taken."""
    count = settings.web.proxies
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    return app


def _warm(services: Services) -> None:
    """Read the network before the first person asks."""
    site = services.sites.current()
    if site is not None:
        site.warm()


def _config(settings: Settings) -> WebConfig:
    return WebConfig(
        demo=settings.demo,
        language=settings.language,
        web_port=settings.web.port,
        events_port=settings.web.events_port,
        dist=Path(field_api.__file__).parent / "web" / "dist",
        max_streams=settings.web.max_streams,
        requests_per_s=settings.web.requests_per_s,
    )
