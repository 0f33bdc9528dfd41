"""``gridcrew outage plan``: planned work entered, cancelled, listed."""

import getpass
import json
import uuid

import click

from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.instants import iso
from field_api.people.users import Role, User
from field_api.usecases.errors import Refused
from field_api.usecases.plan_work import Plan, PlanRequest, PlanWork
from geo.adapters.database import open_database
from gridcrew.english import in_english
from gridcrew.network_reading import as_json, stored_networks
from gridcrew.settings import Settings
from telemetry.adapters.event_files import BadFile, instant_ms
from telemetry.planned_work import PlannedWork


@click.command(name="plan")
@click.argument("element", required=False)
@click.option("--from", "start", metavar="TIME", help="ISO-8601 UTC.")
@click.option("--to", "end", metavar="TIME", help="ISO-8601 UTC.")
@click.option("--cancel", is_flag=True, help="The work of this very element and window is off.")
@click.option("--note", default="", help="Why; kept with your name.")
@as_json
def command(
    element: str | None, start: str | None, end: str | None, cancel: bool, note: str, as_json: bool
) -> None:
    """Enter planned work on ELEMENT: an outage there in its window is planned, and overruns after it.

    Without ELEMENT: list what is planned.
    """
    location, name = Settings().database_location, getpass.getuser()
    person = User(f"shell:{name}", name, name, Role.ADMIN, None, (), whole_company=True, language="en")
    desk = SqlDesk(open_database(location, "desk"))
    plan_work = PlanWork(desk, NetworkSites(stored_networks(), wall_clock_ms))
    if element is not None:
        if start is None or end is None:
            raise click.UsageError(f"{element}: expected --from and --to")
        request = PlanRequest(uuid.uuid4().hex, _work(element, start, end), note, cancel)
        try:
            plan_work(person, request, wall_clock_ms())
        except Refused as problem:
            raise click.ClickException(in_english(problem)) from None
    listed = [_plain(plan) for plan in plan_work.plans(person)]
    shown = [plan for plan in listed if element is None or plan["element"] == element]
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for plan in shown:
        click.echo("  ".join(filter(None, plan.values())))
    if not shown:
        click.echo("nothing is planned")


def _work(element: str, start: str, end: str) -> PlannedWork:
    try:
        return PlannedWork(element, instant_ms(start, "--from", "TIME"), instant_ms(end, "--to", "TIME"))
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None


def _plain(plan: Plan) -> dict[str, str]:
    return {
        "element": plan.work.element,
        "from": iso(plan.work.starts_ms),
        "to": iso(plan.work.ends_ms),
        "state": "planned" if plan.cancelled is None else "cancelled",
        "by": (plan.cancelled or plan.planned).user_name,
        "note": (plan.cancelled or plan.planned).note,
    }
