"""``gridcrew worker``"""

import signal
import threading

import click

from field_api.app import Installation, build_worker
from gridcrew.logging_setup import set_up_logging
from gridcrew.settings import Settings


@click.command(name="worker")
def command() -> None:
    """Turn outages into incidents, orders and notices."""
    settings = Settings()
    set_up_logging(settings.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    home = Installation(settings.database_location, settings.data_dir.absolute(), settings.language)
    worker = build_worker(home)
    worker.warm()
    click.echo("worker ready")
    worker.run(stop)
