"""``gridcrew network switch``: enter what was switched by hand; list what is not in its normal position."""

import getpass
import json
import time
import uuid
from typing import Any

import click

from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.people.users import Role, User
from field_api.usecases.errors import Refused
from field_api.usecases.switch_by_hand import SwitchByHand, SwitchRequest
from geo.adapters.database import open_database
from gridcrew.english import in_english
from gridcrew.live_grid import asked_ms, history
from gridcrew.network_reading import as_json, network_in_force, stored_networks
from gridcrew.settings import Settings
from telemetry.adapters.event_files import iso


@click.command(name="switch")
@click.argument("element", required=False)
@click.argument("position", required=False, type=click.Choice(["open", "closed"]))
@click.option("--at", metavar="TIME", help="When it was done, ISO-8601 (now); the list: as of then.")
@click.option("--note", default="", help="Why; kept with your name.")
@as_json
def command(element: str | None, position: str | None, at: str | None, note: str, as_json: bool) -> None:
    """Enter that ELEMENT was opened or closed by hand; nothing is switched by this.

    ELEMENT is a switch or fuse, A~B a jumper between two nodes, ~A a generator at one (closed: connected).
    Without ELEMENT: list what is not in its normal position, and since when.
    """
    if element is None:
        _list(at, as_json)
        return
    if position is None:
        raise click.UsageError(f"{element}: expected open or closed behind it")
    location, name = Settings().database_location, getpass.getuser()
    person = User(f"shell:{name}", name, name, Role.ADMIN, None, (), whole_company=True, language="en")
    sites = NetworkSites(stored_networks(), wall_clock_ms)
    request = SwitchRequest(
        uuid.uuid4().hex, element, position == "closed", note, None if at is None else asked_ms(at)
    )
    try:
        word = SwitchByHand(SqlDesk(open_database(location, "desk")), sites)(person, request, wall_clock_ms())
    except Refused as problem:
        raise click.ClickException(in_english(problem)) from None
    told = {"element": element, "closed": request.closed, "at": iso(word.at_ms), "by": name, "note": note}
    click.echo(
        json.dumps(told, ensure_ascii=False) if as_json else f"{element} {position} since {told['at']}"
    )


def _list(at: str | None, as_json: bool) -> None:
    at_ms = time.time_ns() // 1_000_000 if at is None else asked_ms(at)
    network = network_in_force(at_ms)
    listed: list[dict[str, Any]] = [
        {
            "element": one.element,
            "closed": one.closed,
            "since": iso(one.word.at_ms),
            "source": one.word.source,
        }
        for one in history().positions(network, at_ms)
    ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for row in listed:
        click.echo(
            f"{row['element']}  {'closed' if row['closed'] else 'open'}  {row['since']}  {row['source']}"
        )
    if not listed:
        click.echo("everything is in its normal position")
