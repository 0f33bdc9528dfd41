"""``gridcrew sim modbus``: simulated Modbus meters on a port."""

import signal
import threading

import click

from simulators.adapters.modbus_meters import FAULTS, HOST, MAX_METERS, Fault, SimulatedBus, meters_of
from simulators.modbus_maps import MAPS


@click.command(name="modbus")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5020, show_default=True, type=click.IntRange(0, 65_535), help="0 picks a free one."
)
@click.option(
    "--meters",
    default=5,
    show_default=True,
    type=click.IntRange(1, MAX_METERS),
    help="Units 1 to N on the bus.",
)
@click.option(
    "--map", "name", type=click.Choice(list(MAPS)), help="What they all are; else one kind after another."
)
@click.option("--rtu", is_flag=True, help="RTU frames over TCP, as a serial device server speaks.")
@click.option("--seed", default=1, show_default=True, help="Seed of their loads.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="UNIT:KIND[:VALUE]",
    help=f"A fault of one meter; kinds: {', '.join(FAULTS)}. May be repeated.",
)
def command(
    host: str, port: int, meters: int, name: str | None, rtu: bool, seed: int, faults: tuple[str, ...]
) -> None:
    """Play Modbus meters on one port until Ctrl-C; their registers follow a load."""
    kinds = list(MAPS)
    maps = {unit: name or kinds[(unit - 1) % len(kinds)] for unit in range(1, meters + 1)}
    bus = SimulatedBus(meters_of(maps, seed), host, port, rtu=rtu)
    for told in faults:
        unit, fault = _fault(told, meters)
        bus.fault(unit, fault)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        bus.start()
    except OSError as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"meters on {host}:{bus.port}: " + ", ".join(f"{unit} {kind}" for unit, kind in maps.items()))
    stop.wait()
    bus.stop()


def _fault(told: str, meters: int) -> tuple[int, Fault]:
    unit, kind, value = ([*told.split(":"), "0"])[:3] if told.count(":") in {1, 2} else ("", "", "")
    found = next((known for known in FAULTS if known == kind), None)
    if not unit.isdecimal() or not 1 <= int(unit) <= meters or found is None or not value.isdecimal():
        raise click.BadParameter(
            f"expected UNIT:KIND[:VALUE] with a unit from 1 to {meters} and one of {', '.join(FAULTS)}, "
            f"found {told!r}",
            param_hint="--fault",
        )
    return int(unit), Fault(found, int(value))
