"""``gridcrew network rollback``: bring back an earlier version, whole or of some feeders."""

import json
from datetime import UTC, datetime

import click

from geo.ports import NetworkVersion
from gridcrew.network_house import House, author, change_document, note, refusals, tell_change
from gridcrew.network_reading import as_json


@click.command(name="rollback")
@click.option("--to", "to", metavar="HASH|TIME", help="A version's hash, or an instant; the one before this.")
@click.option("--feeder", "feeders", multiple=True, help="Only these feeders; repeatable.")
@note
@as_json
def command(to: str | None, feeders: tuple[str, ...], note: str, as_json: bool) -> None:
    """Make an earlier version take effect again, as a new version; history stays."""
    house, by = House(), author(note)
    with refusals():
        changed = house.changes.roll_back(_version(house, to, by.now_ms), feeders or None, by)
    if as_json:
        click.echo(json.dumps(change_document(changed), ensure_ascii=False, indent=2))
    else:
        tell_change(changed)


def _version(house: House, to: str | None, now_ms: int) -> NetworkVersion:
    past = [version for version in house.store.versions() if version.effective_ms <= now_ms]
    if to is None:
        earlier = [version for version in past if version.content_hash != past[-1].content_hash]
        found = earlier[-1] if earlier else None
    elif any(version.content_hash == to for version in past):
        found = next(version for version in reversed(past) if version.content_hash == to)
    else:
        found = house.store.effective(_instant_ms(to))
    if found is None:
        raise click.ClickException(
            f"no version {to or 'before this one'}; gridcrew network versions lists them"
        )
    return found


def _instant_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException(
            f"--to: expected a version's hash or an ISO-8601 time, found {text!r}"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
