"""The grid of an instant as commands see it: the version in force then, in the positions known of then."""

import time
from dataclasses import dataclass
from typing import Final

import click
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.live_grid import LiveGrid
from gridcrew.network_reading import accepted, network_in_force, read
from gridcrew.settings import Settings
from telemetry.adapters.event_files import BadFile, instant_ms
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_tables import evidence
from telemetry.adapters.switch_reader import SwitchReader
from telemetry.switch_history import SwitchHistory

EVIDENCE_LOGS: Final = ("gateway", "desk")
at_option = click.option("--at", metavar="TIME", help="As of this instant, ISO-8601 (now).")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a question is about."""

    grid: LiveGrid
    at_ms: int


def moment(source: str | None, grids: int, at: str | None) -> Moment:
    """The stored grid of that instant; a SOURCE is looked at in its normal positions."""
    at_ms = time.time_ns() // 1_000_000 if at is None else asked_ms(at)
    if source is not None:
        return Moment(LiveGrid.of(accepted(read(source, grids))), at_ms)
    network = network_in_force(at_ms)
    return Moment(LiveGrid.of(network, history().switches(network, at_ms)), at_ms)


def asked_ms(text: str) -> int:
    """An instant of an option."""
    try:
        return instant_ms(text, "options", "--at")
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None


def history() -> SwitchHistory:
    """What was told of switches, jumpers and generators."""
    location = Settings().database_location
    engines = {name: open_database(location, name) for name in EVIDENCE_LOGS}
    ready = {name: engine for name, engine in engines.items() if inspect(engine).has_table(evidence.name)}
    return SwitchReader({name: SqlEvidenceLog(engine) for name, engine in ready.items()}).history()
