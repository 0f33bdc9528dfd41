"""``gridcrew gateway export``: evidence and readings as numbered files for another zone."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import click
from sqlalchemy.exc import SQLAlchemyError

from gateway.adapters.delivery.service import GatewayFailed, locked, open_spools
from gateway.adapters.files.crossing_export import CrossingExport, Rows, evidence_rows, readings_rows
from gateway.adapters.files.crossing_spool import spooled_rows
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.crossing import (
    EVIDENCE,
    READINGS,
    SPOOLED_READINGS,
    STREAMS,
    CrossingRefused,
    parse_numbers,
)
from gateway.frames import Lane
from geo.adapters.database import open_database
from gridcrew.doors import make_decoder
from gridcrew.registration import device_ledger
from gridcrew.settings import Settings
from gridcrew.stores import readings_folder
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.decimals import prepare

MEGABYTE: Final = 1_000_000


@click.command(name="export")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where files go."
)
@click.option("--every", type=click.FloatRange(1, 86_400), help="Go on, each so many seconds.")
@click.option("--since", type=click.IntRange(0), default=0, help="First export only: evidence after this id.")
@click.option("--resend", metavar="N-M", help="Deliver files again that were exported before.")
@click.option("--stream", type=click.Choice(STREAMS), help="Only this stream.")
@click.option(
    "--max-mb", type=click.FloatRange(0.001, 100), default=8.0, show_default=True, help="Size of a file."
)
@click.option(
    "--keep", type=click.IntRange(1), default=2_000, show_default=True, help="Files kept for --resend."
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, one object a line.")
def command(
    out: Path,
    every: float | None,
    since: int,
    resend: str | None,
    stream: str | None,
    max_mb: float,
    keep: int,
    as_json: bool,
) -> None:
    """Write what is new as numbered, hashed files; how far it came is kept, also through a crash."""
    settings = Settings()
    folder = settings.data_dir.absolute()
    wanted = (stream,) if stream else STREAMS
    try:
        with locked(folder / "crossing.lock", wait_s=0):
            export = CrossingExport(folder, out, int(max_mb * MEGABYTE), keep)
            if resend is not None:
                _resend(export, wanted, resend, as_json)
                return
            rows = _rows(settings, wanted)
            _export(export, rows, since, as_json)
            while every is not None:
                time.sleep(every)
                _export(export, rows, 0, as_json)
    except (CrossingRefused, GatewayFailed, OSError, SQLAlchemyError) as problem:
        raise click.ClickException(str(problem).splitlines()[0]) from problem


def _rows(settings: Settings, wanted: tuple[str, ...]) -> dict[str, Rows]:
    engine = open_database(settings.database_location, "gateway")
    rows: dict[str, Rows] = {EVIDENCE: evidence_rows(SqlEvidenceLog(engine))}
    if settings.readings.store == "embedded":
        rows[READINGS] = readings_rows(EmbeddedFeed(readings_folder(settings)).after)
    else:
        rows |= _spooled(settings, SqlLedger(engine, "export", device_ledger(settings)))
    found = {stream: rows[stream] for stream in wanted if stream in rows}
    if not found:
        raise CrossingRefused(f"--stream: expected one of {', '.join(rows)}, found {', '.join(wanted)}")
    return found


def _spooled(settings: Settings, ledger: SqlLedger) -> dict[str, Rows]:
    """InfluxDB does not know in which order readings were stored: decode the frames again."""
    prepare()
    decode, spools = make_decoder(settings), open_spools(settings.data_dir.absolute())
    return {
        SPOOLED_READINGS[lane]: spooled_rows(
            spools[lane], partial(ledger.cursor, lane), decode, partial(ledger.screen, lane)
        )
        for lane in Lane
    }


def _export(export: CrossingExport, rows: dict[str, Rows], since: int, as_json: bool) -> None:
    for stream, stream_rows in rows.items():
        for made in export.export(stream, stream_rows, since if stream == EVIDENCE else 0):
            if as_json:
                head = made.head
                told = {"file": str(made.path), "stream": stream, "number": head.number, "rows": made.rows}
                click.echo(json.dumps(told | {"first": head.first, "last": head.last}))
            else:
                click.echo(f"{made.path}: {made.rows} rows, {made.head.first}–{made.head.last}")


def _resend(export: CrossingExport, wanted: tuple[str, ...], numbers: str, as_json: bool) -> None:
    if len(wanted) != 1:
        raise click.ClickException(f"--resend: expected --stream with it, one of {', '.join(STREAMS)}")
    tell: Callable[[Path], str] = (lambda path: json.dumps({"file": str(path)})) if as_json else str
    for path in export.resend(wanted[0], parse_numbers(numbers)):
        click.echo(tell(path))
