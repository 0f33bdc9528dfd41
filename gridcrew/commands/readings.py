"""``gridcrew readings``: look at what is stored; move old days into the archive."""

import importlib
import time
from datetime import UTC, datetime

import click
import msgspec

from field_api.instants import iso
from gridcrew.settings import Settings
from gridcrew.stores import open_influx, open_readings, readings_folder
from telemetry.downsampling import DAY_MS, HOUR_MS, QUARTER_MS, Bucket
from telemetry.ports import ReadingsAway
from telemetry.readings import Quality, Reading

EVERY = {"15m": QUARTER_MS, "1h": HOUR_MS, "1d": DAY_MS}
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


class _Away(click.Group):
    """A store that is away is told in one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ReadingsAway as problem:
            raise click.ClickException(str(problem)) from problem


@click.group(name="readings", cls=_Away)
def command() -> None:
    """What meters measured: look at it, or move old days into the archive."""


@command.command(name="latest")
@click.argument("meters", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
def latest(meters: tuple[str, ...], as_json: bool) -> None:
    """The newest reading of each of METERS."""
    store = open_readings(Settings())
    found = store.latest(meters)
    store.close()
    _print([_plain(found[meter]) for meter in meters if meter in found], as_json)


@command.command(name="series")
@click.argument("meter")
@click.option("--from", "from_", type=_MOMENT, required=True, help="UTC, the first instant.")
@click.option("--to", type=_MOMENT, help="UTC, the instant behind the last; without it now.")
@click.option("--every", type=click.Choice(list(EVERY)), help="By spans of time instead of one by one.")
@click.option("--offset-h", default=8, show_default=True, help="Hours that local days begin before UTC ones.")
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1, 100_000), help="At most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
def series(
    meter: str,
    from_: datetime,
    to: datetime | None,
    every: str | None,
    offset_h: int,
    limit: int,
    as_json: bool,
) -> None:
    """Readings of one METER, oldest first."""
    store = open_readings(Settings())
    from_ms, to_ms = _ms(from_), _ms(to) if to else time.time_ns() // 1_000_000
    if every is None:
        rows = [_plain(reading) for reading in store.series(meter, from_ms, to_ms, limit)]
    else:
        spans = store.aggregated(meter, from_ms, to_ms, EVERY[every], -offset_h * HOUR_MS)
        rows = [_plain_span(bucket) for bucket in spans[:limit]]
    store.close()
    _print(rows, as_json)


@command.command(name="archive")
@click.option("--older-than", type=click.FloatRange(1), help="Days; without it as the settings say.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
def archive(older_than: float | None, as_json: bool) -> None:
    """Move whole old days of the embedded store into Parquet files, beside a running gateway."""
    settings = Settings()
    days = older_than or settings.readings.archive_after_days
    if settings.readings.store != "embedded" or not days:
        raise click.ClickException("nothing to archive: expected the embedded store, and --older-than DAYS")
    try:
        archiving = importlib.import_module("telemetry.adapters.archiving")
    except ImportError as problem:
        raise click.ClickException("the archive needs pyarrow: install gridcrew[archive]") from problem
    before_ms = time.time_ns() // 1_000_000 - int(days * DAY_MS)
    rows = []
    for day in archiving.archive_before(readings_folder(settings), before_ms):
        row = {"day": iso(day.day_ms)[:10], "file": str(day.file), "rows": day.rows, "batches": day.batches}
        rows.append(row)
        if not as_json:
            click.echo("\t".join(map(str, row.values())))
    if as_json:
        _print(rows, as_json)


@command.command(name="downsample")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Local day; without it yesterday.")
@click.option(
    "--days", default=3, show_default=True, type=click.IntRange(1, 4000), help="It and those before."
)
@click.option("--offset-h", default=8, show_default=True, help="Hours that local days begin before UTC ones.")
def downsample(day: datetime | None, days: int, offset_h: int) -> None:
    """Keep quarter-hours, hours and days in InfluxDB beyond the readings; again where late values came."""
    settings = Settings()
    if settings.readings.store != "influxdb":
        raise click.ClickException("the embedded store computes spans when it is asked: nothing to keep")
    offset_ms = offset_h * HOUR_MS
    now_ms = time.time_ns() // 1_000_000 + offset_ms
    last_ms = _ms(day) if day else now_ms - now_ms % DAY_MS - DAY_MS
    store = open_influx(settings)
    for begin_ms in range(last_ms - (days - 1) * DAY_MS, last_ms + 1, DAY_MS):
        meters = store.keep_day(begin_ms - offset_ms)
        click.echo(f"{iso(begin_ms)[:10]}\t{meters} meters")
    store.close()


def _plain(reading: Reading) -> dict[str, object]:
    return {
        "meter": reading.meter,
        "at": iso(reading.at_ms),
        "terminal": reading.terminal,
        "received_at": iso(reading.received_ms),
        "values": reading.values,
        "doubts": {quantity: _doubts(doubt) for quantity, doubt in reading.doubts.items()},
    }


def _plain_span(bucket: Bucket) -> dict[str, object]:
    values = {
        quantity: {
            "count": found.count, "last": found.last, "mean": found.mean, "low": found.low,
            "high": found.high,
            "doubts": _doubts(found.doubt),
        }
        for quantity, found in bucket.values.items()
    }  # fmt: skip
    return {"begin": iso(bucket.begin_ms), "values": values}


def _doubts(quality: Quality) -> list[str]:
    return [str(doubt.name).lower() for doubt in Quality if doubt & quality]


def _print(rows: list[dict[str, object]], as_json: bool) -> None:
    # Decimals as numbers with all their digits: they were measured, not computed.
    encoder = msgspec.json.Encoder(decimal_format="number")
    if as_json:
        click.echo(msgspec.json.format(encoder.encode(rows)))
        return
    for row in rows:
        click.echo(encoder.encode(row))


def _ms(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000)
