"""Faults found in readings, and how much of the time voltage was within limits (REL-01)."""

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import Page, PageQuery, Query
from field_api.http.operations import OFFICE, READERS, Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.instants import iso, iso_or_none
from field_api.projection import Site
from field_api.resources import Instant, Resource
from geo.errors import UnknownElement
from geo.tracing import find
from telemetry.alarm_ports import LoggedAlarm
from telemetry.fault_rule import FaultRule
from telemetry.voltage_quality import Counted

operations: Final = Operations()
READ_AT_ONCE: Final = 500


class AlarmQuery(PageQuery):
    state: Literal["open", "all"] = Field(default="open")
    causes: bool = Field(default=True, description="Only those that no other fault explains.")


class AlarmResource(Resource):
    id: str
    rule: str
    name_zh: str
    name_en: str
    severity: str
    subject: str = Field(description="Id of the meter, transformer or element.")
    transformer: str = Field(description="Of the area that it lies in.")
    transformer_name: str = ""
    transformer_name_en: str = ""
    grid_id: str
    since: Instant
    raised_at: Instant
    cleared_at: Instant | None = Field(description="Null: it stands.")
    worst: float | None = Field(description="Of the rule's measure; null where it was gathered from meters.")
    meters: int = Field(description="How many meters' faults it gathers.")
    swallowed_by: str = Field(description="Rule of the transformer's fault, or outage:ID, that explains it.")


class AlarmPage(Page[AlarmResource]):
    pass


class DaysQuery(Query):
    first_day: date = Field(description="Local day, included.")
    last_day: date = Field(description="Local day, included.")


class PassRateResource(Resource):
    grid_id: str
    grid_name: str
    monitored: int = Field(description="Values of phases with supply.")
    outside: int = Field(description="Of them beyond +7 % or −10 % of 220 V.")
    pass_rate_percent: float | None


class PassRatesResource(Resource):
    items: tuple[PassRateResource, ...]


@operations.add(
    "GET", "/api/v1/alarms", "Faults found in readings in my grid cells, newest first",
    roles=READERS, query=AlarmQuery, answers={200: AlarmPage},
)  # fmt: skip
def list_alarms(call: Call) -> Answer:
    """A page of alarms."""
    query = call.query(AlarmQuery)
    site = call.services.sites.current()
    rows: list[AlarmResource] = []
    before = number_after(query.cursor)
    while site is not None and len(rows) <= query.limit:
        found = call.services.alarms.listed(
            standing=query.state == "open", before_id=before, limit=READ_AT_ONCE, explained=not query.causes
        )
        shown = (_shown(site, logged, call.services.fault_rules) for logged in found)
        rows.extend(one for one in shown if call.scope.sees(one.grid_id))
        if len(found) < READ_AT_ONCE:
            break
        before = found[-1].id
    items, cursor = cut(rows[: query.limit + 1], query.limit, lambda row: (int(row.id), ""))
    return Answer(200, AlarmPage(items=tuple(items), next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/voltage-quality", "Voltage pass rate of my grid cells over some days",
    roles=OFFICE, query=DaysQuery, answers={200: PassRatesResource},
)  # fmt: skip
def list_pass_rates(call: Call) -> Answer:
    """(1 − values out of limits / values) · 100 %, cell by cell; no days, no values."""
    query = call.query(DaysQuery)
    site = call.services.sites.current()
    counted = call.services.alarms.pass_rates(query.first_day.isoformat(), query.last_day.isoformat())
    cells: dict[str, Counted] = {}
    for transformer, values in counted.items():
        cell = _cell(site, transformer) if site is not None else ""
        total = cells.setdefault(cell, Counted())
        total.monitored += values.monitored
        total.outside += values.outside
    shown = tuple(_rate(site, cell, cells[cell]) for cell in sorted(cells) if site and call.scope.sees(cell))
    return Answer(200, PassRatesResource(items=shown))


def _rate(site: Site, cell: str, counted: Counted) -> PassRateResource:
    names = dict(zip(site.cells.ids, site.cells.names, strict=True))
    return PassRateResource(
        grid_id=cell, grid_name=names.get(cell, ""), monitored=counted.monitored, outside=counted.outside,
        pass_rate_percent=counted.pass_rate_percent,
    )  # fmt: skip


def _shown(site: Site, logged: LoggedAlarm, rules: Mapping[str, FaultRule]) -> AlarmResource:
    """An alarm of a rule that is no more is shown by the rule's id."""
    alarm, rule = logged.alarm, rules.get(logged.alarm.rule)
    area = site.place_of(alarm.transformer)
    return AlarmResource(
        id=str(logged.id), rule=alarm.rule,
        name_zh=rule.name_zh if rule else alarm.rule, name_en=rule.name_en if rule else alarm.rule,
        severity=rule.severity if rule else "advice",
        subject=alarm.subject, transformer=alarm.transformer,
        transformer_name=area.name, transformer_name_en=area.name_en,
        grid_id=_cell(site, alarm.subject),
        since=iso(alarm.since_ms), raised_at=iso(alarm.raised_ms), cleared_at=iso_or_none(logged.cleared_ms),
        worst=alarm.worst, meters=alarm.meters, swallowed_by=alarm.swallowed_by,
    )  # fmt: skip


def _cell(site: Site, element: str) -> str:
    """The one cell of an element; "" where the network has it no more."""
    try:
        return site.cell_of_element(find(site.network, element))
    except UnknownElement:
        return ""
