"""Terminals and meters: are they heard, are they believed, how complete are their readings."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import MAX_LIMIT, Identifier, Page, PageQuery, Query
from field_api.http.operations import EVERYONE, OFFICE, READERS, Answer, Call, Operations
from field_api.http.paging import number_after
from field_api.http.problems import HttpProblem
from field_api.instants import iso, iso_or_none
from field_api.people.users import Role
from field_api.projection import Site
from field_api.resources import Instant, Resource
from geo.errors import UnknownElement
from telemetry.completeness import INTERVAL_MS, INTERVALS, MeterDay, Outcome, day_of, day_start_ms, expected
from telemetry.device_watch import DeviceView
from telemetry.devices import Approval, Cause, DeviceKind, Link
from telemetry.gateway_ports import DeviceFilter, DeviceRecord
from telemetry.outage_cover import OpenOutage, covered

operations: Final = Operations()
DECIDERS: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
MAX_LOOKED: Final = 5_000
"""Devices looked at for one page; where few of them are mine the page is short and the next begins there."""
MAX_WORST: Final = 10_000
_DAY: Final = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"


class CertificateResource(Resource):
    state: str
    serial: str
    until: Instant | None


class DeviceResource(Resource):
    id: str
    kind: DeviceKind
    parent: str = Field(description="The terminal that speaks for it; empty for a terminal.")
    transformer: str = Field(description="The transformer that it belongs to; empty where nobody knows.")
    approval: Approval
    decided_by: str
    decided_at: Instant | None
    link: Link
    cause: Cause = Field(description="Why it is not heard: power, communication, terminal, gateway.")
    since: Instant | None = Field(description="Since when; null: it was never heard.")
    alarm: bool = Field(description="The fault is its own, not that of what stands above it.")
    first_seen_at: Instant
    last_seen_at: Instant | None
    door: str
    model: str
    maker: str
    firmware: str
    clock_offset_s: float | None = Field(description="How far its clock is behind; negative: ahead.")
    certificate: CertificateResource


class DevicePage(Page[DeviceResource]):
    pass


class DevicesQuery(Query):
    kind: Literal["terminal", "meter", "sensor"] | None = None
    state: Literal["pending", "approved", "blocked"] | None = None
    parent: Identifier | None = None
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT)
    cursor: Identifier | None = Field(default=None, description="The id after which the page begins.")


class CompletenessQuery(Query):
    day: str | None = Field(default=None, pattern=_DAY, description="A day in China; today is the default.")


class IntervalResource(Resource):
    at: Instant
    expected: int
    received: int
    late: int
    duplicate: int
    stored: int
    dead: int


class CompletenessResource(Resource):
    device: str
    day: str
    share: float = Field(description="Of what was expected by now, how much is stored.")
    intervals: tuple[IntervalResource, ...]


class WorstQuery(PageQuery):
    day: str | None = Field(default=None, pattern=_DAY, description="A day in China; today is the default.")


class MeterCompletenessResource(Resource):
    meter: str
    terminal: str
    day: str
    share: float = Field(description="Of the readings expected until now, those stored.")
    covered: int = Field(description="Quarter-hours with a reading stored.")
    expected: int
    received: int
    late: int
    duplicate: int
    stored: int
    dead: int


class CompletenessPage(Page[MeterCompletenessResource]):
    pass


class TerminalCompletenessResource(Resource):
    terminal: str
    day: str
    share: float = Field(description="Of the meters' quarter-hours until now, those with a reading stored.")
    meters: int
    worst_meter_intervals: int
    late: int
    duplicate: int
    dead: int


class TerminalCompletenessPage(Page[TerminalCompletenessResource]):
    pass


@operations.add(
    "GET", "/api/v1/devices", "Terminals, meters and sensors of my grid cells, by id",
    roles=READERS, query=DevicesQuery, answers={200: DevicePage}, refuses=frozenset({503}),
)  # fmt: skip
def list_devices(call: Call) -> Answer:
    """A page may be short though others follow: the cursor says where to go on.

    Devices that the network in force does not know belong to no cell: only the whole company sees them.
    """
    query, site = call.query(DevicesQuery), call.services.sites.current()
    kind = None if query.kind is None else DeviceKind(query.kind)
    wanted = DeviceFilter(kind, None if query.state is None else Approval(query.state), query.parent)
    found, last, more = _page(call, site, wanted, query)
    items = tuple(_resource(view) for view in _views(call, site, found))
    return Answer(200, DevicePage(items=items, next_cursor=last if more else None))


def _page(
    call: Call, site: Site | None, wanted: DeviceFilter, query: DevicesQuery
) -> tuple[list[DeviceRecord], str, bool]:
    """(mine, the last that was looked at, whether there are more)"""
    found: list[DeviceRecord] = []
    last, looked = query.cursor or "", 0
    while looked < MAX_LOOKED:
        rows = call.services.watch.registry.listed(wanted, last, MAX_LIMIT + 1)
        for row in rows[:MAX_LIMIT]:
            if len(found) == query.limit:
                return found, last, True
            if _is_mine(call, site, row):
                found.append(row)
            last = row.device
        looked += len(rows)
        if len(rows) <= MAX_LIMIT:
            return found, last, False
    return found, last, True


def _is_mine(call: Call, site: Site | None, record: DeviceRecord) -> bool:
    if call.scope.whole_company:
        return True
    cell = None if site is None else _cell(site, record)
    return cell is not None and call.scope.sees(cell)


def _cell(site: Site, record: DeviceRecord) -> str | None:
    for name in (record.device, record.parent):
        try:
            element = site.find(name)
        except UnknownElement:
            continue
        if element.type in {"meter", "terminal", "sensor"}:
            return site.cell_of_element(element)
    return None


@operations.add(
    "GET", "/api/v1/devices/{device_id:path}", "One device",
    roles=READERS, answers={200: DeviceResource}, refuses=frozenset({503}),
)  # fmt: skip
def get_device(call: Call) -> Answer:
    """Of my grid cells."""
    record, site = _record(call)
    (view,) = _views(call, site, [record])
    return Answer(200, _resource(view))


def _record(call: Call) -> tuple[DeviceRecord, Site | None]:
    name, site = call.path["device_id"], call.services.sites.current()
    record = call.services.watch.registry.get([name]).get(name)
    if record is None or not _is_mine(call, site, record):
        raise HttpProblem(404, "device.unknown", device=name)
    return record, site


@operations.add(
    "POST", "/api/v1/devices/{device_id:path}/approve", "Believe a terminal",
    roles=DECIDERS, answers={200: DeviceResource}, refuses=frozenset({409}),
)  # fmt: skip
def approve_device(call: Call) -> Answer:
    """Its frames are taken from now on; what was held back comes in by and by."""
    return _decided(call, Approval.APPROVED)


@operations.add(
    "POST", "/api/v1/devices/{device_id:path}/block", "Block a terminal",
    roles=DECIDERS, answers={200: DeviceResource}, refuses=frozenset({409}),
)  # fmt: skip
def block_device(call: Call) -> Answer:
    """Its frames go to the dead letters until it is approved again."""
    return _decided(call, Approval.BLOCKED)


def _decided(call: Call, approval: Approval) -> Answer:
    record, site = _record(call)
    if record.kind is not DeviceKind.TERMINAL:
        raise HttpProblem(409, "device.not_a_terminal", terminal=record.parent)
    decided = call.services.watch.registry.decide(
        record.device, approval, f"user: {call.user.username}", call.now_ms
    )
    (view,) = _views(call, site, [decided or record])
    return Answer(200, _resource(view))


@operations.add(
    "GET", "/api/v1/devices/{device_id:path}/completeness", "Readings of one meter, interval by interval",
    roles=EVERYONE, query=CompletenessQuery, answers={200: CompletenessResource},
)  # fmt: skip
def get_completeness(call: Call) -> Answer:
    """Expected, received, late, duplicate, stored, dead. Of a terminal: its frames that named no meter."""
    record, _ = _record(call)
    watch, day = call.services.watch, _day(call.query(CompletenessQuery).day, call.now_ms)
    (found,) = watch.meter_days([record], day, call.now_ms)
    if record.kind is DeviceKind.TERMINAL:
        found = _with_unnamed(call, found)
    return Answer(200, _completeness(found))


def _with_unnamed(call: Call, found: MeterDay) -> MeterDay:
    unnamed = call.services.watch.completeness.unnamed(found.device, found.day)
    return MeterDay(found.device, found.day, found.expected * 0, found.counts + unnamed)


@operations.add(
    "GET", "/api/v1/completeness", "Meters that are least complete, worst first",
    roles=OFFICE, query=WorstQuery, answers={200: CompletenessPage},
)  # fmt: skip
def list_completeness(call: Call) -> Answer:
    """Of the whole company, at most 10,000; counted with a delay of a minute. Complete ones are left out."""
    query, watch = call.query(WorstQuery), call.services.watch
    day, start = _day(query.day, call.now_ms), number_after(query.cursor) or 0
    end = min(start + query.limit, MAX_WORST)
    days = watch.worst_meters(day, call.now_ms, end + 1)
    site, known = call.services.sites.current(), watch.registry.get([one.device for one in days[start:end]])
    items = tuple(
        _meter_completeness(one, known[one.device])
        for one in days[start:end]
        if one.device in known and _is_mine(call, site, known[one.device])
    )
    cursor = str(end) if len(days) > end and end < MAX_WORST else None
    return Answer(200, CompletenessPage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/completeness/terminals", "Terminals whose meters are least complete, worst first",
    roles=OFFICE, query=WorstQuery, answers={200: TerminalCompletenessPage},
)  # fmt: skip
def list_terminal_completeness(call: Call) -> Answer:
    """Of the whole company; counted with a delay of a minute."""
    query = call.query(WorstQuery)
    day, start = _day(query.day, call.now_ms), number_after(query.cursor) or 0
    rows = call.services.watch.completeness.worst_terminals(day, query.limit + 1, start)
    owed = int((expected(INTERVALS, day, call.now_ms) > 0).sum())
    site = call.services.sites.current()
    known = call.services.watch.registry.get([row.terminal for row in rows[: query.limit]])
    items = tuple(
        TerminalCompletenessResource(
            terminal=row.terminal, day=_date(day), share=round(row.share(owed), 4), meters=row.meters,
            worst_meter_intervals=row.least, late=row.late, duplicate=row.duplicate, dead=row.dead,
        )
        for row in rows[: query.limit]
        if row.terminal in known and _is_mine(call, site, known[row.terminal])
    )  # fmt: skip
    cursor = str(start + query.limit) if len(rows) > query.limit else None
    return Answer(200, TerminalCompletenessPage(items=items, next_cursor=cursor))


def _views(call: Call, site: Site | None, records: Sequence[DeviceRecord]) -> tuple[DeviceView, ...]:
    network = None if site is None else site.network
    return call.services.watch.views(records, network, _outages(call, site), call.now_ms)


def _outages(call: Call, site: Site | None) -> Callable[[Sequence[DeviceRecord]], Mapping[str, int]]:
    if site is None:
        return lambda _: {}
    supply = call.services.supply
    outages = [
        OpenOutage(revision.started_at_ms, supply.impact(revision).scope)
        for revision in supply.open_now()
        if revision.network_hash == site.network.content_hash
    ]
    return lambda records: covered(site.network, outages, records)


def _resource(view: DeviceView) -> DeviceResource:
    record, told, offset_ms = view.record, view.condition, view.record.clock_offset_ms
    return DeviceResource(
        id=record.device,
        kind=record.kind,
        parent=record.parent,
        transformer=view.transformer,
        approval=record.approval,
        decided_by=record.decided_by,
        decided_at=iso_or_none(record.decided_ms),
        link=told.link,
        cause=told.cause,
        since=iso_or_none(told.since_ms),
        alarm=told.alarm,
        first_seen_at=iso(record.first_seen_ms),
        last_seen_at=iso_or_none(view.heard_ms),
        door=record.door,
        model=record.model,
        maker=record.maker,
        firmware=record.firmware,
        clock_offset_s=None if offset_ms is None else offset_ms / 1000,
        certificate=CertificateResource(
            state=record.certificate_state,
            serial=record.certificate_serial,
            until=iso_or_none(record.certificate_until_ms),
        ),
    )


def _meter_completeness(found: MeterDay, record: DeviceRecord) -> MeterCompletenessResource:
    sums = found.counts.sum(axis=1)
    return MeterCompletenessResource(
        meter=found.device,
        terminal=record.parent,
        day=_date(found.day),
        share=round(found.share, 4),
        covered=found.covered,
        expected=int(found.expected.sum()),
        received=int(found.received.sum()),
        late=int(sums[Outcome.LATE]),
        duplicate=int(sums[Outcome.DUPLICATE]),
        stored=int(found.stored.sum()),
        dead=int(sums[Outcome.DEAD]),
    )


def _completeness(found: MeterDay) -> CompletenessResource:
    stored, received = found.stored, found.received
    start_ms = day_start_ms(found.day)
    intervals = tuple(
        IntervalResource(
            at=iso(start_ms + place * INTERVAL_MS),
            expected=int(found.expected[place]),
            received=int(received[place]),
            late=int(found.counts[Outcome.LATE, place]),
            duplicate=int(found.counts[Outcome.DUPLICATE, place]),
            stored=int(stored[place]),
            dead=int(found.counts[Outcome.DEAD, place]),
        )
        for place in range(INTERVALS)
    )
    return CompletenessResource(
        device=found.device, day=_date(found.day), share=round(found.share, 4), intervals=intervals
    )


def _day(text: str | None, now_ms: int) -> int:
    """The number of the day; a day that its month does not have is one of the next month."""
    if text is None:
        return day_of(now_ms)
    year, month, number = map(int, text.split("-"))
    first = datetime(year, month, 1, tzinfo=UTC)
    return int(first.timestamp()) // 86_400 + number - 1


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
