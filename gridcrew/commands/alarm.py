"""``gridcrew alarm``: faults found in readings, and by what rules."""

import json
from typing import Any

import click
from sqlalchemy import inspect

from geo.adapters.database import open_database
from gridcrew.fault_watching import rules
from gridcrew.settings import Settings
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.adapters.alarm_tables import ALARMS
from telemetry.alarm_ports import LoggedAlarm
from telemetry.fault_rule import FaultRule, Limit, RuleRefused
from telemetry.instants import iso_seconds

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group(name="alarm")
def command() -> None:
    """Faults found in readings: what stands, and the rules."""


@command.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@click.option("--explained", is_flag=True, help="Those that another fault or an outage explains, too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@as_json
def list_alarms(everything: bool, explained: bool, limit: int, as_json: bool) -> None:
    """Alarms, newest first."""
    settings = Settings()
    engine = open_database(settings.database_location, "desk")
    if not inspect(engine).has_table(ALARMS.name):
        raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    found = SqlAlarmBook(engine).listed(standing=not everything, limit=limit, explained=explained)
    known = {rule.id: rule for rule in _rules(settings)}
    if as_json:
        click.echo(json.dumps([_document(one, known) for one in found], ensure_ascii=False, indent=2))
        return
    for one in found:
        document = _document(one, known)
        click.echo("  ".join(str(value) for value in document.values() if value not in ("", None)))


@command.command(name="rules")
@as_json
def list_rules(as_json: bool) -> None:
    """What is looked at: the shipped rules, with the site's ``fault_rules/*.toml`` on top."""
    for_all = _rules(Settings())
    if as_json:
        click.echo(json.dumps([_rule(rule) for rule in for_all], ensure_ascii=False, indent=2))
        return
    for rule in for_all:
        limits = f"{_limit(rule.raises)}, over {_limit(rule.clears)}" if rule.raises else "gathered"
        click.echo(
            f"{rule.id}  {rule.name_zh} / {rule.name_en}  [{rule.severity}]  {rule.measure or ''} {limits}"
        )


def _rules(settings: Settings) -> tuple[FaultRule, ...]:
    try:
        return rules(settings)
    except RuleRefused as problem:
        raise click.ClickException(str(problem)) from None


def _rule(rule: FaultRule) -> dict[str, Any]:
    return {
        "id": rule.id, "name_zh": rule.name_zh, "name_en": rule.name_en, "severity": rule.severity,
        "subject": rule.subject, "measure": rule.measure, "raises": _limit(rule.raises),
        "clears": _limit(rule.clears), "swallowed_by": rule.swallowed_by, "source": rule.source,
    }  # fmt: skip


def _limit(limit: Limit | None) -> str | None:
    if limit is None:
        return None
    side = f"below {limit.below:g}" if limit.below is not None else f"above {limit.above:g}"
    return f"{side} for {limit.for_min:g} min" if limit.for_min else side


def _document(logged: LoggedAlarm, rules: dict[str, FaultRule]) -> dict[str, Any]:
    alarm, rule = logged.alarm, rules.get(logged.alarm.rule)
    return {
        "id": logged.id, "rule": alarm.rule, "name_zh": rule.name_zh if rule else "",
        "name_en": rule.name_en if rule else "", "subject": alarm.subject, "transformer": alarm.transformer,
        "since": iso_seconds(alarm.since_ms), "raised_at": iso_seconds(alarm.raised_ms),
        "cleared_at": None if logged.cleared_ms is None else iso_seconds(logged.cleared_ms),
        "worst": alarm.worst, "meters": alarm.meters or None, "swallowed_by": alarm.swallowed_by,
    }  # fmt: skip
