"""``gridcrew gateway import``: check files of another installation and hand them to the inbox."""

import json
from pathlib import Path
from typing import Final

import click

from gateway.adapters.files.crossing_import import checked, load_received
from gateway.crossing import CrossingRefused
from gridcrew.settings import Settings

SUBFOLDER: Final = "crossing"


@click.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(folder: Path, as_json: bool) -> None:
    """Hand the exported files in FOLDER to the inbox, each checked; the running gateway imports them.

    A file that was altered or cut off is named and left where it is. Importing a file again changes nothing.
    """
    settings = Settings()
    inbox = settings.inbox_folder / SUBFOLDER
    inbox.mkdir(parents=True, exist_ok=True)
    handed: list[str] = []
    refused: dict[str, str] = {}
    try:
        received = load_received(settings.data_dir.absolute())
        for path in sorted(folder.glob("gridcrew-crossing-*.jsonl")):
            try:
                head, tail = checked(path)
                why = received.judge(head, tail.sha256)
            except CrossingRefused as problem:
                why = str(problem)
            if why:
                refused[path.name] = why
            elif why is None:
                _hand_over(path, inbox)
                handed.append(path.name)
    except (CrossingRefused, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        click.echo(json.dumps({"handed_over": handed, "refused": refused}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{len(handed)} files handed to {inbox}")
        for name, reason in refused.items():
            click.echo(f"refused {name}: {reason}", err=True)
    if refused:
        raise SystemExit(2)


def _hand_over(path: Path, inbox: Path) -> None:
    draft = inbox / f"{path.name}.part"
    draft.write_bytes(path.read_bytes())
    draft.rename(inbox / path.name)
