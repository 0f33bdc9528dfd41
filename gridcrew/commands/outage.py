"""``gridcrew outage``: list, show and explain what the detector told; conclude a night again and compare."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

import click
import msgspec
from sqlalchemy import Engine, inspect

from geo.adapters.database import open_database
from gridcrew.lazy_group import LazyGroup
from gridcrew.learned import detection_model
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.adapters.event_files import BadFile, instant_ms, iso
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.night_replay import NightReplay
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.adapters.sentence_file import load_sentences
from telemetry.detector import DetectorRules
from telemetry.explanation import Explanation
from telemetry.night import Difference, Night
from telemetry.outages import OutageRevision
from telemetry.wording import LANGUAGES, Wording, percent

LOGS: Final = ("gateway", "desk")
ZONE: Final = ZoneInfo("Asia/Shanghai")

_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
_language = click.option(
    "--language", type=click.Choice(LANGUAGES), help="Of the sentences (the site's own: web.language)."
)


SUBCOMMANDS: Final = {
    "learn": "What confirmed outages teach of the devices.",
    "plan": "Enter, cancel, list planned work.",
}


@click.group(name="outage", cls=LazyGroup, lazy=SUBCOMMANDS, prefix="gridcrew.commands.outage_")
def command() -> None:
    """Outages: what is out, why it is believed, and the same night again from its evidence."""


@command.command(name="list")
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@_json
def list_command(every: bool, limit: int, as_json: bool) -> None:
    """List outages, newest start first."""
    found = [logged.revision for logged in _log().current(open_only=not every)][:limit]
    if as_json:
        click.echo(_pretty([_plain(revision) for revision in found]))
        return
    for revision in found:
        click.echo(_line(revision))
    click.echo(f"{len(found)} outages")


@command.command(name="show")
@click.argument("outage_id", metavar="ID")
@_json
def show(outage_id: str, as_json: bool) -> None:
    """Show an outage with all its revisions."""
    chain = [logged.revision for logged in _log().revisions(outage_id)] or _unknown(outage_id)
    if as_json:
        newest = _plain(chain[-1])
        click.echo(_pretty(newest | {"revisions": [_plain(revision) for revision in chain]}))
        return
    for name, value in _plain(chain[-1]).items():
        click.echo(f"{name:<16} {' '.join(map(str, value)) if isinstance(value, list | tuple) else value}")
    click.echo("revisions")
    for revision in chain:
        click.echo(f"  {revision.revision:>3}  {iso(revision.at_ms)}  {_line(revision)}")


@command.command(name="explain")
@click.argument("outage_id", metavar="ID")
@click.option("--customer", metavar="ID", help="Why this customer is in it, or not.")
@click.option("--revision", type=click.IntRange(1), help="As of this revision (the newest).")
@_language
@_json
def explain(
    outage_id: str, customer: str | None, revision: int | None, language: str | None, as_json: bool
) -> None:
    """Say why, what else was possible, and what would settle it."""
    settings = Settings()
    chain = [logged.revision for logged in _log().revisions(outage_id)] or _unknown(outage_id)
    explanation = SqlExplanations(_outages(settings)).of(outage_id, revision)
    if explanation is None:
        raise click.ClickException(
            f"no explanation is kept of {outage_id}" + (f" revision {revision}" if revision else "")
        )
    told = next(each for each in chain if each.revision == explanation.revision)
    wording = Wording(load_sentences(), language or settings.language, _clock)
    if as_json:
        click.echo(_pretty(_explained(explanation, told, wording, customer)))
    elif customer is not None:
        click.echo(_of_customer(explanation, wording, customer))
    else:
        click.echo(f"{outage_id}  {explanation.revision}  {iso(explanation.at_ms)}")
        for sentence in wording.sentences(explanation, told):
            click.echo(f"  {sentence.text}")


@command.command(name="replay")
@click.option("--from", "start", required=True, metavar="TIME", help="ISO-8601 UTC.")
@click.option("--to", "end", required=True, metavar="TIME", help="ISO-8601 UTC.")
@_json
def replay(start: str, end: str, as_json: bool) -> None:
    """Conclude a night again from the evidence logs and compare with what was published.

    Exit code 0: the same causes, intervals and customers; 1: something differs.
    """
    try:
        from_ms, to_ms = instant_ms(start, "--from", "TIME"), instant_ms(end, "--to", "TIME")
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None
    if not from_ms < to_ms <= time.time_ns() // 1_000_000:
        raise click.ClickException("--from and --to: expected a span of time that is over")
    night = _night(Settings()).replay(from_ms, to_ms)
    click.echo(_pretty(_replayed(night)) if as_json else _page(night))
    if night.differences:
        raise SystemExit(1)


def _night(settings: Settings) -> NightReplay:
    location = settings.database_location
    outages = SqlOutageLog(_outages(settings))
    model = detection_model(settings)
    return NightReplay(
        logs={name: SqlEvidenceLog(open_database(location, name)) for name in LOGS},
        outages=outages,
        networks=open_networks(settings),
        rules=DetectorRules(model, stable_ms=round(settings.detector.stable_s * 1000)),
    )


def _outages(settings: Settings) -> Engine:
    engine = open_database(settings.database_location, "outages")
    if not inspect(engine).has_table("explanations"):
        raise click.ClickException(f"no outages at {settings.database_location}: run gridcrew migrate")
    return engine


def _log() -> SqlOutageLog:
    return SqlOutageLog(_outages(Settings()))


def _unknown(outage_id: str) -> NoReturn:
    raise click.ClickException(f"no outage {outage_id!r}; gridcrew outage list --all")


def _explained(
    explanation: Explanation, revision: OutageRevision, wording: Wording, customer: str | None
) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.to_builtins(explanation)
    if customer is not None:
        answer["customers"] = [each for each in answer["customers"] if each["customer"] == customer]
        answer["sentences"] = [_of_customer(explanation, wording, customer)]
    else:
        told = wording.sentences(explanation, revision)
        answer["sentences"] = [{"section": one.section, "text": one.text} for one in told]
    return answer


def _of_customer(explanation: Explanation, wording: Wording, customer: str) -> str:
    for found in explanation.customers:
        if found.customer == customer:
            return wording.customer(found)
    return wording.no_customer(customer)


def _plain(revision: OutageRevision) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(revision)
    for name in ("at", "started_at", "restored_at"):
        plain[name] = iso(plain.pop(f"{name}_ms"))
    return plain


def _line(revision: OutageRevision) -> str:
    ended = f" – {iso(revision.restored_at_ms)}" if revision.restored_at_ms is not None else ""
    return (
        f"{revision.outage_id}  {revision.state.value:<9}  {revision.cause.kind} {revision.cause.element}  "
        f"P {percent(revision.probability)}  {revision.expected:.0f} customers  "
        f"{iso(revision.started_at_ms)}{ended}"
    )


def _replayed(night: Night) -> dict[str, Any]:
    return {
        "from": iso(night.from_ms),
        "to": iso(night.to_ms),
        "evidence": night.rows,
        "published": len(night.published),
        "replayed": len(night.again),
        "same": night.same,
        "differences": [_difference(one) for one in night.differences],
    }


def _difference(one: Difference) -> Mapping[str, Any]:
    return {"outage": one.outage_id, "what": one.what, "published": one.published, "replayed": one.replayed}


def _page(night: Night) -> str:
    head = (
        f"{iso(night.from_ms)} – {iso(night.to_ms)}: {night.rows} rows of evidence, "
        f"{len(night.published)} outages published, {len(night.again)} replayed, {night.same} the same"
    )
    lines = [head] + [
        f"{one.outage_id}  {one.what}: {one.published} → {one.replayed}" for one in night.differences
    ]
    return "\n".join(lines)


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZONE).strftime("%m-%d %H:%M:%S")


def _pretty(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
