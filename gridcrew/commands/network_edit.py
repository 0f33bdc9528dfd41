"""``gridcrew network edit``: correct rows by hand; checked as a whole, kept as a new version."""

import json

import click

from geo.editing import Edit
from gridcrew.network_house import House, author, change_document, note, refusals, tell_change
from gridcrew.network_reading import as_json


@click.command(name="edit")
@click.argument("table")
@click.argument("element")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--add", "is_new", is_flag=True, help="A new row.")
@click.option("--remove", is_flag=True, help="Take the row out.")
@note
@as_json
def command(
    table: str, element: str, fields: tuple[str, ...], is_new: bool, remove: bool, note: str, as_json: bool
) -> None:
    """Change a row: TABLE as its CSV file is called (meters), ELEMENT its id, FIELD=VALUE as in that file."""
    if remove and (is_new or fields):
        raise click.UsageError("--remove takes neither fields nor --add")
    if not remove and not fields:
        raise click.UsageError("expected FIELD=VALUE, or --remove")
    edit = Edit(table, element, None if remove else dict(map(_field, fields)), is_new)
    house, by = House(), author(note)
    with refusals():
        changed = house.changes.edit([edit], by)
    if as_json:
        click.echo(json.dumps(change_document(changed), ensure_ascii=False, indent=2))
    else:
        tell_change(changed)


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"expected FIELD=VALUE, found {text!r}")
    return name, value
