"""``gridcrew broker``"""

import signal
import threading

import click

from gridcrew.broker import BrokerFailed, EmbeddedBroker
from gridcrew.settings import Settings


@click.command(name="broker")
def command() -> None:
    """Run the embedded MQTT broker until it is told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with EmbeddedBroker(Settings()) as broker:
            click.echo(f"MQTT on port {broker.port}\nbroker ready")
            while not stop.wait(0.5):
                if not broker.alive():
                    raise click.ClickException("nats-server ended by itself; see broker/server.log")
    except BrokerFailed as problem:
        raise click.ClickException(str(problem)) from problem
