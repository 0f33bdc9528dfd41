"""``gridcrew gateway``: runs the gateway; its subcommands look at what it would do."""

import gc
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import click
from sqlalchemy.exc import SQLAlchemyError

from gateway.adapters.delivery.disk import Ballast
from gateway.adapters.delivery.drain import Drain
from gateway.adapters.delivery.drain_house import Housekeeping, Retention
from gateway.adapters.delivery.intake import SpoolIntake
from gateway.adapters.delivery.metrics_board import DoorBoard
from gateway.adapters.delivery.service import GatewayFailed, Receiver, ballast_file, run_drain, spool_folders
from gateway.adapters.delivery.spool_former import FormerSpoolDamaged, take_over
from gateway.adapters.ledger.arrivals import ArrivalsCounter
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.adapters.mqtt.door import BrokerAddress
from gateway.codecs.own_plain import PlainReadings
from gateway.frames import Lane
from gateway.ports import Door, Spool, SpoolUnavailable
from gateway.registry import Registry
from geo.adapters.database import open_database
from gridcrew.doors import make_decoder, make_doors
from gridcrew.lazy_group import LazyGroup
from gridcrew.logging_setup import set_up_logging
from gridcrew.mqtt_sessions import acknowledge, make_sessions
from gridcrew.nightly import start_nightly
from gridcrew.registration import device_ledger
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry import decimals, packing
from telemetry.adapters.gateway_board import SqlGatewayBoard

SWITCH_S: Final = 0.0002
GARBAGE_OBJECTS: Final = 20_000
"""The collector looks after so many more objects: some groups of frames on their way are no garbage."""
SUBCOMMANDS: Final = {
    "try": "Show what would be read of an exported file.",
    "export": "Evidence and readings as numbered files for another zone.",
    "import": "Hand files of another installation to the inbox.",
    "gaps": "Which files of other installations are missing.",
    "import-config": "Bring device files of other gateways.",
    "read": "Poll one device once and show what it says.",
}


@click.group(
    name="gateway",
    cls=LazyGroup,
    lazy=SUBCOMMANDS,
    prefix="gridcrew.commands.gateway_",
    invoke_without_command=True,
)
@click.option("--drain", is_flag=True, hidden=True, help="The child that empties the spool.")
@click.option("--create-sessions", is_flag=True, help="Make the durable sessions at the broker and end.")
@click.option(
    "--acknowledge-sessions", is_flag=True, help="Take note of sessions that a broker lost, and end."
)
@click.pass_context
def command(ctx: click.Context, drain: bool, create_sessions: bool, acknowledge_sessions: bool) -> None:
    """Take in what devices say: MQTT → spool → acknowledge → readings and evidence."""
    if ctx.invoked_subcommand is not None:
        return
    settings = Settings()
    set_up_logging(settings.log)
    if create_sessions or acknowledge_sessions:
        (make_sessions if create_sessions else acknowledge)(settings)
        return
    # A thread with an event must not wait long for one that is busy with readings.
    sys.setswitchinterval(SWITCH_S)
    try:
        _drain(settings) if drain else _receive(settings)
    except GatewayFailed as problem:
        raise click.ClickException(str(problem)) from problem


def _receive(settings: Settings) -> None:
    if settings.mqtt.url:
        try:
            BrokerAddress.from_url(settings.mqtt.url)
        except ValueError as problem:
            raise click.ClickException(f"settings: mqtt.url: {problem}") from problem
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    receiver = Receiver(
        folder=settings.data_dir.absolute(),
        make_doors=lambda intake: _shown_doors(settings, intake),
        drain_command=[sys.executable, "-m", "gridcrew", "gateway", "--drain"],
        ballast_bytes=settings.gateway.ballast_mb * 1_000_000,
        prepare=lambda spools: _take_over(settings, spools),
    )
    start_nightly(settings, stop)
    _keep_what_is_loaded()
    receiver.run(stop, lambda: click.echo("gateway ready"))


def _take_over(settings: Settings, spools: Mapping[Lane, Spool]) -> None:
    try:
        state = SqlGatewayBoard(open_database(settings.database_location, "gateway")).gauges()
        take_over(settings.data_dir.absolute() / "spool", spools, state)
    except (FormerSpoolDamaged, SpoolUnavailable) as problem:
        raise GatewayFailed(str(problem)) from problem
    except SQLAlchemyError as problem:
        raise click.ClickException(f"the gateway's database is not ready: {problem}") from problem


def _shown_doors(settings: Settings, intake: SpoolIntake) -> Sequence[Door]:
    doors = make_doors(settings, intake)
    engine = open_database(settings.database_location, "gateway")
    DoorBoard(engine, doors, settings.data_dir.absolute(), intake.gauges).start()
    return doors


def _drain(settings: Settings) -> None:
    # The receiver decides when we end, by closing the pipe: a Ctrl-C for the whole group must not cut us off.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

    run_drain(
        settings.data_dir.absolute(),
        lambda spools: _make_drain(settings, spools),
        sys.stdin.buffer,
        sys.stdout.buffer,
    )


def _make_drain(settings: Settings, spools: Mapping[Lane, Spool]) -> Drain:
    decimals.prepare()
    packing.prepare()
    folder, configured = settings.data_dir.absolute(), settings.gateway
    readings, decode = open_readings(settings), make_decoder(settings)
    engine = open_database(settings.database_location, "gateway")
    ledger = SqlLedger(engine, _code_version(), device_ledger(settings))
    ArrivalsCounter(engine).start()
    retention = Retention(
        spool_s=configured.spool_keep_days * 86_400,
        dead_ms=int(configured.dead_letters_keep_days * 86_400_000),
        readings_ms=int(settings.readings.keep_days * 86_400_000),
    )
    ballast = Ballast(ballast_file(folder), configured.ballast_mb * 1_000_000)
    registry = Registry(configured.heartbeat_overdue_s)
    try:
        house = Housekeeping(spools, readings, ledger, decode, retention, spool_folders(folder))
        _keep_what_is_loaded()
        return Drain(spools, readings, ledger, registry, decode, house, ballast.release, PlainReadings())
    except SQLAlchemyError as problem:
        raise click.ClickException(f"the gateway's database is not ready: {problem}") from problem


def _keep_what_is_loaded() -> None:
    """What the start has loaded stays for ever: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


def _code_version() -> str:
    try:
        return version("gridcrew")
    except PackageNotFoundError:
        return "from source"
