"""``gridcrew audit``: is the record of who did what as it was written?"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from field_api.adapters.audit_files import BadHead, exported_row, read_head, signed_head
from field_api.adapters.sql_desk import SqlDesk
from field_api.people.audit_chain import Head, breaches
from field_api.people.ports import AuditLog
from field_api.ports import DeskSession
from geo.adapters.database import open_database
from gridcrew.sealed_networks import vault
from gridcrew.settings import Settings


@click.group(name="audit")
def command() -> None:
    """The audit record: verify, export, and its signed head."""


@command.command()
@click.option(
    "--head", "heads", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A head exported earlier: tells also whether the end was cut off. More than once.",
)  # fmt: skip
def verify(heads: tuple[Path, ...]) -> None:
    """Go through the whole record; code 1 names the first rows that were altered, deleted or cut off."""
    trusted = [_trusted(file) for file in heads]
    with _audit() as audit:
        newest = audit.newest()
        found = breaches(audit.all_rows(), trusted)
    for breach in found:
        click.echo(breach.problem)
    if found:
        sys.exit(1)
    count = 0 if newest is None else newest.sequence
    click.echo(f"{count} rows, each follows the one before")
    if not heads:
        click.echo("without --head nobody can tell whether rows are missing at the end")


@command.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file; else the terminal.")
def head(out: Path | None) -> None:
    """The newest row's number and hash, signed: keep it where this machine cannot change it."""
    with _audit() as audit:
        newest = audit.newest()
    if newest is None:
        raise click.ClickException("the record is empty")
    text = signed_head(Head(newest.sequence, newest.hash), newest.at_ms, vault(Settings()))
    if out is None:
        click.echo(text)
        return
    out.write_text(f"{text}\n", encoding="utf-8")
    click.echo(f"head of row {newest.sequence} in {out}")


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only rows after this number.")
def export(file: Path, after: int) -> None:
    """Write the rows as JSON lines, oldest first, and the signed head beside them (FILE.head.json)."""
    written = 0
    with _audit() as audit, file.open("w", encoding="utf-8") as lines:
        newest = audit.newest()
        for row in audit.all_rows(after):
            lines.write(json.dumps(exported_row(row), ensure_ascii=False) + "\n")
            written += 1
    if newest is not None:
        text = signed_head(Head(newest.sequence, newest.hash), newest.at_ms, vault(Settings()))
        file.with_name(f"{file.name}.head.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(f"{written} rows in {file}")


def _trusted(file: Path) -> Head:
    try:
        return read_head(file.read_text(encoding="utf-8"), vault(Settings()))
    except BadHead as problem:
        raise click.ClickException(f"{file}: {problem}") from problem


@contextmanager
def _audit() -> Iterator[AuditLog]:
    engine = open_database(Settings().database_location, "desk")
    try:
        with SqlDesk(engine).reading() as session:
            yield _log(session)
    finally:
        engine.dispose()


def _log(session: DeskSession) -> AuditLog:
    return session.audit
