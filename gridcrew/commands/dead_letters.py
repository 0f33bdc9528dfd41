"""``gridcrew dead-letters``: frames that could not be understood; seen, and tried again after a fix."""

import time
from datetime import UTC, datetime

import click
import msgspec

from geo.adapters.database import open_database
from gridcrew.settings import Settings
from telemetry.adapters.gateway_records import SqlDeadLetters
from telemetry.deadletters import DeadLetter

_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
_limit = click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
_after = click.option(
    "--after", default=0, show_default=True, type=click.IntRange(0), help="Only those after this id."
)


@click.group(name="dead-letters", invoke_without_command=True)
@_json
@_limit
@_after
@click.pass_context
def command(context: click.Context, as_json: bool, limit: int, after: int) -> None:
    """List the frames that could not be understood, oldest first; show one; try them again."""
    if context.invoked_subcommand is None:
        _list(as_json, limit, after)


@command.command(name="list")
@_json
@_limit
@_after
def list_command(as_json: bool, limit: int, after: int) -> None:
    """List them, oldest first."""
    _list(as_json, limit, after)


@command.command(name="show")
@click.option("--id", "letter_id", type=click.IntRange(1), required=True, help="Which one.")
@_json
def show(letter_id: int, as_json: bool) -> None:
    """Show one whole, with its body."""
    letter = _letters().get(letter_id)
    if letter is None:
        raise click.ClickException(f"there is no dead letter {letter_id}")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_plain(letter))))
        return
    for name, value in _plain(letter).items():
        click.echo(f"{name}: {value}")


@command.command(name="replay")
@click.option("--id", "letter_id", type=click.IntRange(1), help="This one.")
@click.option("--problem", default="", help="Those whose problem contains this text.")
@click.option("--all", "every", is_flag=True, help="All of them.")
def replay(letter_id: int | None, problem: str, every: bool) -> None:
    """Let the gateway decode them again: what it then understands is stored and leaves the dead letters."""
    if sum((letter_id is not None, bool(problem), every)) != 1:
        raise click.UsageError("expected one of --id, --problem, --all")
    asked = _letters().ask_again(int(time.time() * 1000), letter_id, problem)
    if letter_id is not None and not asked:
        raise click.ClickException(f"there is no dead letter {letter_id}")
    click.echo(f"{asked} dead letters will be tried again by the running gateway")


def _letters() -> SqlDeadLetters:
    return SqlDeadLetters(open_database(Settings().database_location, "gateway"))


def _list(as_json: bool, limit: int, after: int) -> None:
    letters = _letters()
    found = letters.listed(after, limit)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_plain(letter) for letter in found])))
        return
    for letter in found:
        again = " (asked again)" if letter.asked_again else ""
        click.echo(f"{letter.id}\t{_iso(letter)}\t{letter.topic}\t{letter.problem}{again}")
    click.echo(f"{len(found)} of {letters.count()} dead letters")


def _plain(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "received_at": _iso(letter),
        "door": letter.door,
        "topic": letter.topic,
        "problem": letter.problem,
        "code_version": letter.code_version,
        "asked_again": letter.asked_again,
        "key": letter.key,
        "body": letter.body.decode("utf-8", "replace"),
    }


def _iso(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(letter.received_ms / 1000, UTC).isoformat(timespec="milliseconds")
