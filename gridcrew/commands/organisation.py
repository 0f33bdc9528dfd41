"""``gridcrew organisation``: who works where and answers for what, from files and into files; gaps."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import inspect

from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.organisation_folder import read_organisation, write_organisation
from field_api.adapters.organisation_tables import org_units
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.calendars import ZONE
from field_api.instants import iso, milliseconds
from field_api.organisation.columns import SHEETS
from field_api.organisation.coverage import Coverage, Share, coverage
from field_api.organisation.duties import manager_at
from field_api.organisation.establishment import KINDS, Establishment
from field_api.organisation.staffing import Unit, headcounts, team_warnings
from field_api.people.users import WHOLE_COMPANY
from field_api.projection import Site
from field_api.usecases.import_organisation import ImportOrganisation, Outcome
from geo.adapters.database import open_database
from gridcrew.sealed_networks import open_networks, vault
from gridcrew.settings import Settings

_FOLDER = click.Path(path_type=Path, file_okay=False)
MAX_LINES = 200
"""Problems and differences that are printed; of more the number."""


@click.group(name="organisation")
def command() -> None:
    """Who works where and answers for what: import, check, export, gaps, show."""


@command.command(name="import")
@click.argument("folder", type=_FOLDER)
def import_folder(folder: Path) -> None:
    """Make what FOLDER says the organisation in force, all of it or nothing; again changes nothing.

    A file that is there is all of its kind; kinds without a file stay as they are.
    """
    with _desk() as desk:
        read = read_organisation(folder)
        user = ("", f"{getpass.getuser()} (command line)")
        now_ms = wall_clock_ms()
        outcome = ImportOrganisation(desk)(read.records, read.problems, user, now_ms)
    _tell(outcome, now_ms)
    click.echo(f"{len(outcome.differences)} records changed")


@command.command()
@click.argument("folder", type=_FOLDER)
def check(folder: Path) -> None:
    """What an import of FOLDER would change, and what is wrong with it; nothing is entered."""
    with _desk() as desk:
        read = read_organisation(folder)
        outcome = ImportOrganisation(desk).check(read.records, read.problems)
    _tell(outcome, wall_clock_ms())
    click.echo(f"{len(outcome.differences)} records would change")


@command.command()
@click.argument("folder", type=_FOLDER)
def export(folder: Path) -> None:
    """Write the organisation in force into FOLDER, as import reads it. Telephone numbers are in it."""
    with _desk() as desk, desk.reading() as session:
        whole = session.establishment.read()
        records: dict[str, Any] = {kind: whole.of_kind(kind) for kind in KINDS}
        records["cells"] = session.organisation.cells(WHOLE_COMPANY)
        records["crews"] = session.organisation.crews(WHOLE_COMPANY)
    write_organisation(folder, records)
    counted = ", ".join(f"{len(records[sheet.kind])} {sheet.file}" for sheet in SHEETS)
    click.echo(f"{folder}: {counted}")


@command.command()
@click.option("--at", metavar="TIME", help="As of when, ISO-8601 (now).")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def gaps(at: str | None, as_json: bool) -> None:
    """Customers, transformer areas and assets that nobody answers for; ends with 1 where there are any."""
    at_ms = _at_ms(at)
    with _desk() as desk, desk.reading() as session:
        whole = session.establishment.read()
        cells = [cell.id for cell in session.organisation.cells(WHOLE_COMPANY)]
    report = coverage(_site(), cells, whole.assignments, whole.villages, whole.liaisons, at_ms)
    click.echo(json.dumps(_document(report), ensure_ascii=False) if as_json else _page(report))
    if report.gaps or report.villages_without:
        raise SystemExit(1)


@command.command()
@click.option("--at", metavar="TIME", help="As of when, ISO-8601 (now).")
def show(at: str | None) -> None:
    """The units with their headcount, who manages each cell, and what is not as the rules have it."""
    at_ms = _at_ms(at)
    with _desk() as desk, desk.reading() as session:
        whole = session.establishment.read()
        cells = session.organisation.cells(WHOLE_COMPANY)
    counts = headcounts(whole.units, whole.people, at_ms)
    for line in _chart(whole, "", counts, 0):
        click.echo(line)
    for cell in cells:
        manager = manager_at(whole.assignments, cell.id, at_ms)
        person = whole.person.get(manager or "")
        click.echo(f"{cell.id}\t{cell.name}\t{manager or 'nobody'}\t{person.name if person else '–'}")
    _warn(whole, at_ms)


def _chart(whole: Establishment, parent: str, counts: dict[str, int], depth: int) -> Iterator[str]:
    for unit in _below(whole, parent):
        yield f"{'  ' * depth}{unit.id}  {unit.name}  {unit.kind.value}  {counts[unit.id]}"
        yield from _chart(whole, unit.id, counts, depth + 1)


def _below(whole: Establishment, parent: str) -> list[Unit]:
    return [unit for unit in whole.units if unit.parent_id == parent]


def _tell(outcome: Outcome, now_ms: int) -> None:
    """Problems end the command with 1."""
    for difference in outcome.differences[:MAX_LINES]:
        click.echo(str(difference))
    if len(outcome.differences) > MAX_LINES:
        click.echo(f"… and {len(outcome.differences) - MAX_LINES} more")
    for problem in outcome.problems[:MAX_LINES]:
        click.echo(str(problem), err=True)
    if outcome.problems:
        raise click.ClickException(f"{len(outcome.problems)} problems; nothing was changed")
    _warn(outcome.establishment, now_ms)


def _warn(whole: Establishment, at_ms: int) -> None:
    for warning in team_warnings(whole.units, whole.people, at_ms):
        click.echo(f"warning {warning.rule} {warning.unit_id}: {warning.zh} / {warning.en}")


def _page(report: Coverage) -> str:
    shares = (
        ("customers", report.customers),
        ("transformer areas", report.transformer_areas),
        ("assets", report.assets),
        ("villages", report.villages),
    )
    lines = [f"{name:<18} {share.covered}/{share.whole}  {share.part:.2%}" for name, share in shares]
    for gap in report.gaps:
        unknown = "" if gap.known else " (not in the organisation)"
        lines.append(
            f"cell {gap.grid_id}{unknown}: {gap.customers} customers, {gap.transformer_areas} areas, "
            f"{gap.assets} assets, such as {', '.join(gap.examples)}"
        )
    lines += [f"village {village}: no liaison" for village in report.villages_without]
    return "\n".join(lines)


def _document(report: Coverage) -> dict[str, Any]:
    def share(one: Share) -> dict[str, Any]:
        return {"covered": one.covered, "whole": one.whole, "part": one.part}

    return {
        "at": iso(report.at_ms),
        "customers": share(report.customers),
        "transformer_areas": share(report.transformer_areas),
        "assets": share(report.assets),
        "villages": share(report.villages),
        "gaps": [
            {
                "grid_id": gap.grid_id, "known": gap.known, "customers": gap.customers,
                "transformer_areas": gap.transformer_areas, "assets": gap.assets,
                "examples": list(gap.examples),
            }
            for gap in report.gaps
        ],
        "villages_without": list(report.villages_without),
    }  # fmt: skip


def _at_ms(text: str | None) -> int:
    if text is None:
        return wall_clock_ms()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: expected such as 2026-11-22T08:00+08:00") from None
    return milliseconds(found if found.tzinfo else found.replace(tzinfo=ZONE))


def _site() -> Site:
    site = NetworkSites(open_networks(Settings()), wall_clock_ms).current()
    if site is None:
        raise click.ClickException("no network is in force: gridcrew network import SOURCE")
    return site


@contextmanager
def _desk() -> Iterator[SqlDesk]:
    settings = Settings()
    engine = open_database(settings.database_location, "desk")
    try:
        if not inspect(engine).has_table(org_units.name):
            raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
        yield SqlDesk(engine, vault(settings))
    finally:
        engine.dispose()
