"""``gridcrew worker``"""

import signal
import threading
from typing import Final

import click

from field_api.adapters.data_files import BadDataFile
from field_api.app import build_worker
from field_api.sideline_app import build_sideline
from gridcrew.dispatching import start_dispatching
from gridcrew.fault_watching import start_watching
from gridcrew.home import installation, sideline_plan
from gridcrew.logging_setup import set_up_logging
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry.fault_rule import RuleRefused

END_S: Final = 5.0
SEARCH_END_S: Final = 1.0
"""A search, or loops that are being compiled, may be cut off: nothing is kept half."""


@click.command(name="worker")
def command() -> None:
    """Turn outages into incidents, orders, notices and plans; watch readings; write the board."""
    settings = Settings()
    set_up_logging(settings.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = build_worker(installation(settings), open_readings(settings))
    worker.warm()
    try:
        watching = start_watching(settings, stop)
        dispatching = start_dispatching(settings, stop)
    except (RuleRefused, BadDataFile) as problem:
        raise click.ClickException(str(problem)) from None
    beside = build_sideline(installation(settings), sideline_plan(settings), open_readings(settings))
    beside_thread = threading.Thread(target=beside.run, args=(stop,), name="sideline", daemon=True)
    beside_thread.start()
    click.echo("worker ready")
    worker.run(stop)
    watching.join(END_S)
    dispatching.join(SEARCH_END_S)
    beside_thread.join(END_S)
