"""``gridcrew device ping``: a wish for the gateway, and what became of it."""

import getpass
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import click
import msgspec
from sqlalchemy.exc import SQLAlchemyError

from geo.adapters.database import open_database
from geo.network import Network
from gridcrew.registration import network_in_force
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.evidence import EvidenceKind
from telemetry.pings import MAX_DEVICES, PingWish

EXPIRES_MS: Final = 60_000
_ANSWERS: Final = {
    EvidenceKind.ALIVE: "alive",
    EvidenceKind.VOLTAGE: "alive",
    EvidenceKind.POWER_ON: "alive",
    EvidenceKind.POWER_OFF: "off",
    EvidenceKind.SILENT: "silent",
}


@click.command(name="ping")
@click.argument("devices", nargs=-1, required=True, metavar="METER...")
@click.option("--terminal", default="", help="Who speaks for them; without it the network in force says.")
@click.option("--wait", "wait_s", default=0.0, type=click.FloatRange(0, 600), help="Seconds for answers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def command(devices: tuple[str, ...], terminal: str, wait_s: float, as_json: bool) -> None:
    """Ask meters or terminals whether they live. Reads only; the gateway asks by `gateway.ping`."""
    settings = Settings()
    if len(devices) > MAX_DEVICES:
        raise click.ClickException(f"devices: expected at most {MAX_DEVICES}, found {len(devices)}")
    wishes = _wishes(_by_terminal(settings, devices, terminal), time.time_ns() // 1_000_000)
    log = SqlEvidenceLog(open_database(settings.database_location, "gateway"))
    try:
        newest = log.newest_id()
        SqlPingWishes(open_database(settings.database_location, "desk")).wish(wishes)
    except SQLAlchemyError as problem:
        raise click.ClickException(f"the database is not ready (gridcrew migrate): {problem}") from problem
    answers = _await(log, newest, devices, wait_s) if wait_s else {}
    _show(devices, answers, wishes, as_json=as_json)


def _by_terminal(settings: Settings, devices: Sequence[str], terminal: str) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    network = None if terminal else network_in_force(settings, time.time_ns() // 1_000_000)
    for device in dict.fromkeys(devices):
        groups[terminal or _terminal_of(network, device)].append(device)
    return groups


def _terminal_of(network: Network | None, device: str) -> str:
    if network is None:
        raise click.ClickException("no network is in force: say --terminal")
    row = network.meter_row.get(device)
    if row is not None and network.meters.terminal[row] >= 0:
        return str(network.terminals.ids[network.meters.terminal[row]])
    if device in network.terminals.ids:
        return device
    raise click.ClickException(f"{device}: expected a meter or terminal of the network; else say --terminal")


def _wishes(groups: Mapping[str, list[str]], now_ms: int) -> list[PingWish]:
    who = getpass.getuser()
    return [
        PingWish(
            key=f"cli-{now_ms}-{secrets.token_hex(4)}",
            terminal=terminal,
            devices=tuple(devices),
            asked_ms=now_ms,
            expires_ms=now_ms + EXPIRES_MS,
            asked_by=who,
        )
        for terminal, devices in groups.items()
    ]


def _await(log: SqlEvidenceLog, after: int, devices: Sequence[str], wait_s: float) -> dict[str, str]:
    answers: dict[str, str] = {}
    deadline_s = time.monotonic() + wait_s
    while len(answers) < len(set(devices)) and time.monotonic() < deadline_s:
        rows = log.read(after)
        for row in rows:
            told = _ANSWERS.get(row.evidence.kind)
            for device in set(devices) & set(row.evidence.devices) if told else ():
                answers.setdefault(device, told or "")
        after = rows[-1].id if rows else after
        if not rows:
            time.sleep(0.1)
    return answers


def _show(
    devices: Sequence[str], answers: Mapping[str, str], wishes: Sequence[PingWish], *, as_json: bool
) -> None:
    if as_json:
        told = {"wishes": [wish.key for wish in wishes], "answers": answers}
        click.echo(msgspec.json.format(msgspec.json.encode(told)))
        return
    for device in dict.fromkeys(devices):
        click.echo(f"{device}\t{answers.get(device, 'asked')}")
