"""``gridcrew worker``"""

import logging
import signal
import threading

import click

from field_api.app import Installation, build_worker
from gridcrew.settings import Settings


@click.command(name="worker")
def command() -> None:
    """Turn outages into incidents, orders and notices."""
    settings = Settings()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    home = Installation(settings.database_location, settings.data_dir.absolute(), settings.language)
    worker = build_worker(home)
    worker.warm()
    click.echo("worker ready")
    worker.run(stop)
