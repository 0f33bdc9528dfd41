"""``gridcrew device``: list, show, approve, block, completeness."""

import getpass
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from geo.adapters.database import open_database
from geo.network import Network
from gridcrew.commands import device_ping
from gridcrew.registration import expectations, network_in_force
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry.adapters.completeness_records import SqlCompleteness
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.adapters.gateway_board import SqlGatewayBoard
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.completeness import INTERVALS, MeterDay, Outcome, TerminalDay, day_of, day_start_ms, expected
from telemetry.device_watch import DeviceView, DeviceWatch
from telemetry.devices import Approval, DeviceKind
from telemetry.gateway_ports import DeviceFilter, DeviceRecord
from telemetry.outage_cover import OpenOutage, covered
from telemetry.scope import scope_of, tree_of

_KINDS: Final = click.Choice([kind.value for kind in DeviceKind])
_STATES: Final = click.Choice([approval.value for approval in Approval])
_as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


@click.group(name="device")
def command() -> None:
    """Terminals, meters and sensors as the gateway knows them."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What these commands look at."""

    settings: Settings
    watch: DeviceWatch
    now_ms: int

    @classmethod
    def open(cls) -> "_Desk":
        settings = Settings()
        engine = open_database(settings.database_location, "gateway")
        watch = DeviceWatch(
            SqlDeviceRegistry(engine),
            SqlCompleteness(engine),
            SqlGatewayBoard(engine),
            open_readings(settings),
            expectations(settings),
        )
        return cls(settings, watch, time.time_ns() // 1_000_000)

    def views(self, records: Sequence[DeviceRecord]) -> tuple[DeviceView, ...]:
        network = network_in_force(self.settings, self.now_ms)
        return self.watch.views(records, network, self._outages(network), self.now_ms)

    def _outages(self, network: Network | None) -> Callable[[Sequence[DeviceRecord]], Mapping[str, int]]:
        if network is None:
            return lambda _: {}
        log = SqlOutageLog(open_database(self.settings.database_location, "outages"))
        revisions = [logged.revision for logged in log.current(open_only=True)]
        scopes = [
            OpenOutage(revision.started_at_ms, scope_of(network, tree_of(network, revision), revision))
            for revision in revisions
            if revision.network_hash == network.content_hash
        ]
        return lambda records: covered(network, scopes, records)

    def record(self, device: str) -> DeviceRecord:
        found = self.watch.registry.get([device]).get(device)
        if found is None:
            raise click.ClickException(f"no device {device!r} ever spoke")
        return found


@command.command(name="list")
@_as_json
@click.option("--kind", type=_KINDS, default="terminal", show_default=True, help="Which kind.")
@click.option("--state", type=_STATES, help="Only those in this state of approval.")
@click.option("--parent", help="Only what this terminal speaks for.")
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@click.option("--after", default="", help="Only those after this id.")
def list_devices(
    as_json: bool, kind: str, state: str | None, parent: str | None, limit: int, after: str
) -> None:
    """List devices by id: approval, whether they are heard, and if not, why and since when."""
    desk = _Desk.open()
    wanted = DeviceFilter(DeviceKind(kind), Approval(state) if state else None, parent)
    views = desk.views(desk.watch.registry.listed(wanted, after, limit))
    if as_json:
        _print([_plain(view) for view in views])
        return
    for view in views:
        told = view.condition
        since = f"since {_iso(told.since_ms)}" if told.since_ms else "never heard"
        words = " ".join(filter(None, (told.link, told.cause, since)))
        click.echo(f"{view.record.device}\t{view.record.approval}\t{words}")


@command.command(name="show")
@_as_json
@click.argument("device")
def show_device(as_json: bool, device: str) -> None:
    """All that is known of one device."""
    desk = _Desk.open()
    (view,) = desk.views([desk.record(device)])
    plain = _plain(view)
    if as_json:
        _print(plain)
        return
    for name, value in plain.items():
        click.echo(f"{name}\t{'' if value is None else value}")


@command.command(name="approve")
@_as_json
@click.argument("device")
@click.option("--by", help="Who decides; the login name is the default.")
def approve(as_json: bool, device: str, by: str | None) -> None:
    """Believe a terminal; what was held back of it is replayed."""
    _decide(device, Approval.APPROVED, by, as_json)


@command.command(name="block")
@_as_json
@click.argument("device")
@click.option("--by", help="Who decides; the login name is the default.")
def block(as_json: bool, device: str, by: str | None) -> None:
    """Believe a terminal no more: its frames go to the dead letters until it is approved again."""
    _decide(device, Approval.BLOCKED, by, as_json)


def _decide(device: str, approval: Approval, by: str | None, as_json: bool) -> None:
    desk = _Desk.open()
    if desk.record(device).kind is not DeviceKind.TERMINAL:
        raise click.ClickException(
            f"{device} is no terminal: approve or block the terminal that speaks for it"
        )
    decided = desk.watch.registry.decide(device, approval, f"cli: {by or getpass.getuser()}", desk.now_ms)
    if as_json and decided is not None:
        (view,) = desk.views([decided])
        _print(_plain(view))
        return
    click.echo(f"{device} {approval}")


@command.command(name="completeness")
@_as_json
@click.option("--terminal", help="The meters of this terminal, each with its day.")
@click.option("--meter", help="One meter, interval by interval.")
@click.option("--day", help="Day (China time), such as 2026-11-22; today is the default.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@click.option("--after", default="", help="Only meters after this id (with --terminal).")
@click.option("--by-terminal", is_flag=True, help="The worst terminals in place of the worst meters.")
def show_completeness(
    as_json: bool,
    terminal: str | None,
    meter: str | None,
    day: str | None,
    limit: int,
    after: str,
    by_terminal: bool,
) -> None:
    """Readings expected, received, late, duplicate, stored, dead; without a name of the worst meters."""
    if terminal and meter:
        raise click.UsageError("--terminal and --meter exclude each other")
    desk = _Desk.open()
    number = day_of(desk.now_ms) if day is None else _day(day)
    if meter:
        _print_meter(desk, meter, number, as_json)
    elif terminal:
        _print_terminal(desk, terminal, number, (after, limit), as_json)
    elif by_terminal:
        _print_worst_terminals(desk, number, limit, as_json)
    else:
        _print_worst_meters(desk, number, limit, as_json)


def _print_meter(desk: _Desk, meter: str, day: int, as_json: bool) -> None:
    desk.record(meter)
    (found,) = _meter_days(desk, [meter], day)
    if as_json:
        _print(_sums(found) | {"intervals": _intervals(found)})
        return
    click.echo("at\texpected\treceived\tlate\tduplicate\tstored\tdead")
    for row in _intervals(found):
        click.echo("\t".join(str(value) for value in row.values()))
    click.echo(f"{found.share:.1%} complete")


def _print_terminal(desk: _Desk, terminal: str, day: int, page: tuple[str, int], as_json: bool) -> None:
    desk.record(terminal)
    members = desk.watch.completeness.members(terminal, *page)
    days = [_sums(found) for found in _meter_days(desk, members, day)]
    dead = int(desk.watch.completeness.unnamed(terminal, day)[Outcome.DEAD].sum())
    if as_json:
        _print({"terminal": terminal, "day": _date(day), "dead_frames": dead, "meters": days})
        return
    for row in days:
        click.echo("\t".join(str(value) for value in row.values()))
    click.echo(f"{dead} dead frames of {terminal}")


def _print_worst_meters(desk: _Desk, day: int, limit: int, as_json: bool) -> None:
    found = desk.watch.worst_meters(day, desk.now_ms, limit)
    records = desk.watch.registry.get([one.device for one in found])
    rows = [{"terminal": records[one.device].parent} | _sums(one) for one in found if one.device in records]
    _print_worst(desk, day, {"meters": rows}, as_json)


def _print_worst_terminals(desk: _Desk, day: int, limit: int, as_json: bool) -> None:
    owed = int((expected(INTERVALS, day, desk.now_ms) > 0).sum())
    rows = [_worst_row(row, owed) for row in desk.watch.completeness.worst_terminals(day, limit)]
    _print_worst(desk, day, {"terminals": rows}, as_json)


def _print_worst(desk: _Desk, day: int, named: Mapping[str, list[dict[str, object]]], as_json: bool) -> None:
    waiting = desk.watch.completeness.uncounted()
    if as_json:
        _print({"day": _date(day), "batches_not_counted_yet": waiting, **named})
        return
    for rows in named.values():
        for row in rows:
            click.echo("\t".join(str(value) for value in row.values()))
    click.echo(f"{waiting} batches not counted yet")


def _meter_days(desk: _Desk, meters: Sequence[str], day: int) -> list[MeterDay]:
    records = desk.watch.registry.get(meters)
    return desk.watch.meter_days([records[meter] for meter in meters if meter in records], day, desk.now_ms)


def _worst_row(row: TerminalDay, owed: int) -> dict[str, object]:
    return {
        "terminal": row.terminal,
        "share": round(row.share(owed), 4),
        "meters": row.meters,
        "worst_meter_intervals": row.least,
        "late": row.late,
        "duplicate": row.duplicate,
        "dead": row.dead,
    }


def _sums(found: MeterDay) -> dict[str, object]:
    sums = found.counts.sum(axis=1)
    return {
        "meter": found.device,
        "day": _date(found.day),
        "share": round(found.share, 4),
        "expected": int(found.expected.sum()),
        "received": int(found.received.sum()),
        "late": int(sums[Outcome.LATE]),
        "duplicate": int(sums[Outcome.DUPLICATE]),
        "stored": int(found.stored.sum()),
        "dead": int(sums[Outcome.DEAD]),
    }


def _intervals(found: MeterDay) -> list[dict[str, object]]:
    columns = (
        found.expected, found.received, found.counts[Outcome.LATE], found.counts[Outcome.DUPLICATE],
        found.stored, found.counts[Outcome.DEAD],
    )  # fmt: skip
    names = ("expected", "received", "late", "duplicate", "stored", "dead")
    start_ms = day_start_ms(found.day)
    return [
        {"at": _iso(start_ms + place * 900_000)} | dict(zip(names, map(int, row), strict=True))
        for place, row in enumerate(zip(*columns, strict=True))
    ]


def _day(text: str) -> int:
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter(f"expected a day such as 2026-11-22, found {text!r}") from None
    return int(moment.timestamp()) // 86_400


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _plain(view: DeviceView) -> dict[str, object]:
    record, told = view.record, view.condition
    offset_ms = record.clock_offset_ms
    return {
        "device": record.device,
        "kind": record.kind,
        "parent": record.parent,
        "transformer": view.transformer,
        "approval": record.approval,
        "decided_by": record.decided_by,
        "link": told.link,
        "cause": told.cause,
        "since": _iso(told.since_ms),
        "alarm": told.alarm,
        "first_seen_at": _iso(record.first_seen_ms),
        "last_seen_at": _iso(view.heard_ms),
        "door": record.door,
        "model": record.model,
        "maker": record.maker,
        "firmware": record.firmware,
        "foreign_id": record.foreign_id,
        "clock_offset_s": None if offset_ms is None else offset_ms / 1000,
        "certificate": record.certificate_state,
        "certificate_serial": record.certificate_serial,
        "certificate_until": _iso(record.certificate_until_ms),
    }


def _print(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def _iso(at_ms: int | None) -> str | None:
    return (
        None
        if at_ms is None
        else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    )


command.add_command(device_ping.command)
