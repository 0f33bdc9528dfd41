"""``gridcrew dead-letters``"""

from datetime import UTC, datetime

import click
import msgspec

from geo.adapters.database import open_database
from gridcrew.settings import Settings
from telemetry.adapters.gateway_records import SqlDeadLetters
from telemetry.deadletters import DeadLetter


@click.command(name="dead-letters")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of text.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@click.option(
    "--after", default=0, show_default=True, type=click.IntRange(0), help="Only those after this id."
)
def command(as_json: bool, limit: int, after: int) -> None:
    """List the frames that could not be understood, oldest first."""
    letters = SqlDeadLetters(open_database(Settings().database_location, "gateway"))
    found = letters.listed(after, limit)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_plain(letter) for letter in found])))
        return
    for letter in found:
        click.echo(f"{letter.id}\t{_iso(letter)}\t{letter.topic}\t{letter.problem}")
    click.echo(f"{len(found)} of {letters.count()} dead letters")


def _plain(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "received_at": _iso(letter),
        "topic": letter.topic,
        "problem": letter.problem,
        "code_version": letter.code_version,
        "key": letter.key,
        "body": letter.body.decode("utf-8", "replace"),
    }


def _iso(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(letter.received_ms / 1000, UTC).isoformat(timespec="milliseconds")
