"""``gridcrew device list``"""

from datetime import UTC, datetime

import click
import msgspec

from geo.adapters.database import open_database
from gridcrew.settings import Settings
from telemetry.adapters.gateway_records import SqlGatewayRecords
from telemetry.ports import DeviceState


@click.group(name="device")
def command() -> None:
    """Terminals as the gateway knows them."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@click.option("--after", default="", help="Only those after this id.")
def list_devices(as_json: bool, limit: int, after: str) -> None:
    """List terminals by id: whether they speak, since when, and when they last did."""
    records = SqlGatewayRecords(open_database(Settings().database_location, "gateway"))
    found = records.terminals(after, limit)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_plain(state) for state in found])))
        return
    for state in found:
        click.echo(f"{state.device}\t{'online' if state.online else 'offline'}\t{_iso(state.last_seen_ms)}")


def _plain(state: DeviceState) -> dict[str, object]:
    return {
        "terminal": state.terminal,
        "online": state.online,
        "first_seen_at": _iso(state.first_seen_ms),
        "last_seen_at": _iso(state.last_seen_ms),
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
