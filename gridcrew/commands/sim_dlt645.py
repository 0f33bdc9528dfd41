"""``gridcrew sim dlt645``: simulated DL/T 645 meters behind a DTU."""

import itertools
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import click

from simulators.adapters.dlt645_dtu import SimulatedDtu
from simulators.dlt645 import USUAL_VALUES, SimulatedMeter

MAX_METERS = 64
OFF_SHARE = 0.5
"""Of the time between two losses a meter is without supply."""


@click.command(name="dlt645")
@click.option(
    "--port", default=9645, show_default=True, type=click.IntRange(0, 65_535), help="0 picks a free one."
)
@click.option(
    "--meters", default=3, show_default=True, type=click.IntRange(1, MAX_METERS), help="On the line."
)
@click.option("--dial", metavar="HOST:PORT", default="", help="Call a head-end instead of waiting for one.")
@click.option("--registration", default="", help="What the DTU says first when it calls.")
@click.option(
    "--lose", "lose_s", default=0.0, help="Let one meter after another lose supply, each so many s."
)
def command(port: int, meters: int, dial: str, registration: str, lose_s: float) -> None:
    """Play DL/T 645 meters (000000000001 and on) behind a DTU on loopback until Ctrl-C."""
    fleet = [SimulatedMeter(f"{number:012d}", USUAL_VALUES) for number in range(1, meters + 1)]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with SimulatedDtu(fleet, port) as dtu:
            if dial:
                host, _, where = dial.rpartition(":")
                if not host or not where.isdecimal():
                    raise click.BadParameter(f"expected HOST:PORT, found {dial!r}", param_hint="--dial")
                dtu.dial(host, int(where), registration.encode())
            click.echo(f"{meters} meters behind a DTU on 127.0.0.1:{dtu.port}")
            _play(dtu, fleet, lose_s, stop)
    except OSError as problem:
        raise click.ClickException(str(problem)) from problem


def _play(dtu: SimulatedDtu, fleet: list[SimulatedMeter], lose_s: float, stop: threading.Event) -> None:
    """One meter after another: its report leaves, it falls silent, it returns with a record of the loss."""
    for meter in itertools.cycle(fleet):
        if stop.wait(lose_s * (1 - OFF_SHARE) if lose_s > 0 else None):
            return
        began = _meter_time()
        dtu.push(meter.report())
        meter.powered = False
        stop.wait(lose_s * OFF_SHARE)
        meter.losses.insert(0, (began, _meter_time()))
        meter.powered = True


def _meter_time() -> str:
    """As a meter in China notes it."""
    at = datetime.fromtimestamp(time.time(), UTC) + timedelta(hours=8)
    return at.strftime("%y%m%d%H%M%S")
