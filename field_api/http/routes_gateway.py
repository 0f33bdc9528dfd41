"""The gateway itself: doors, lanes, room on the disk, dead letters, what was tried and refused."""

from typing import Final

from pydantic import Field

from field_api.http.fields import Page, PageQuery
from field_api.http.operations import OFFICE, Answer, Call, Operations
from field_api.http.paging import number_after
from field_api.http.problems import HttpProblem
from field_api.http.routes_devices import DECIDERS
from field_api.instants import iso, iso_or_none
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from telemetry.masking import masked

operations: Final = Operations()
LANES: Final = ("events", "bulk", "backfill")
PRESSURES: Final = ("free", "slow", "hold_bulk", "events_only")


class DeadLetterResource(Resource):
    id: str
    received_at: Instant
    topic: str
    problem: str
    size: int


class DeadLetterPage(Page[DeadLetterResource]):
    pass


class DoorResource(Resource):
    name: str
    ready: bool
    since: Instant = Field(description="Since when it is ready, or not.")
    trouble: str
    counters: dict[str, int]


class LaneResource(Resource):
    name: str
    pending: int = Field(description="Frames on disk that are not yet stored.")
    oldest_pending_s: float
    spool_bytes: int
    store_away: bool = Field(description="A store refuses or cannot be reached; frames wait.")


class GatewayResource(Resource):
    seen_at: Instant | None = Field(description="When the gateway last wrote this down; null: never.")
    frames: dict[str, int] = Field(description="received = stored + dead + duplicate + pending")
    pressure: str = Field(description="What must wait for want of room: free, slow, hold_bulk, events_only.")
    capacity_h: float | None = Field(description="Hours until the disk is full at the present rate.")
    doors: tuple[DoorResource, ...]
    lanes: tuple[LaneResource, ...]


class SecurityEventResource(Resource):
    id: str
    threat: str
    source: str
    door: str
    finding: str
    times: int
    first_at: Instant
    last_at: Instant


class SecurityEventPage(Page[SecurityEventResource]):
    pass


@operations.add(
    "GET", "/api/v1/gateway", "How the gateway is: doors, lanes, room",
    roles=OFFICE, answers={200: GatewayResource},
)  # fmt: skip
def get_gateway(call: Call) -> Answer:
    """As it last wrote it down, every two seconds."""
    board, counters = call.services.watch.board, call.services.gateway.counters()
    gauges = board.gauges()
    capacity_s = gauges.get("capacity_s")
    resource = GatewayResource(
        seen_at=iso_or_none(gauges.get("board_ms")),
        frames={
            name: int(getattr(counters, name))
            for name in ("received", "duplicate", "stored", "dead", "pending")
        },
        pressure=PRESSURES[min(gauges.get("pressure", 0), len(PRESSURES) - 1)],
        capacity_h=None if capacity_s is None else round(capacity_s / 3600, 1),
        doors=tuple(
            DoorResource(
                name=door.name, ready=door.ready, since=iso(door.since_ms), trouble=masked(door.trouble),
                counters=dict(door.counters),
            )
            for door in board.doors()
        ),
        lanes=tuple(
            LaneResource(
                name=lane,
                pending=gauges.get(f"pending.{lane}", 0),
                oldest_pending_s=gauges.get(f"oldest_pending_ms.{lane}", 0) / 1000,
                spool_bytes=gauges.get(f"spool_bytes.{lane}", 0),
                store_away=bool(gauges.get(f"store_away.{lane}", 0)),
            )
            for lane in LANES
        ),
    )  # fmt: skip
    return Answer(200, resource)


@operations.add(
    "GET", "/api/v1/dead-letters", "Frames that could not be taken, oldest first",
    roles=OFFICE, query=PageQuery, answers={200: DeadLetterPage},
)  # fmt: skip
def list_dead_letters(call: Call) -> Answer:
    """A page of them, without their bodies; personal numbers are masked."""
    query = call.query(PageQuery)
    letters = call.services.dead_letters.listed(number_after(query.cursor) or 0, query.limit + 1)
    items = tuple(
        DeadLetterResource(
            id=str(letter.id), received_at=iso(letter.received_ms), topic=masked(letter.topic),
            problem=masked(letter.problem), size=len(letter.body),
        )
        for letter in letters[: query.limit]
    )  # fmt: skip
    cursor = items[-1].id if len(letters) > query.limit else None
    return Answer(200, DeadLetterPage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/security-events", "What was tried at the doors and refused, newest first",
    roles=DECIDERS | {Role.AUDITOR}, query=PageQuery, answers={200: SecurityEventPage},
)  # fmt: skip
def list_security_events(call: Call) -> Answer:
    """One per hour, threat and source. Only for those who see the whole company."""
    if not call.scope.whole_company:
        raise HttpProblem(403, "session.whole_company_only")
    query = call.query(PageQuery)
    events = call.services.security.newest(number_after(query.cursor), query.limit + 1)
    items = tuple(
        SecurityEventResource(
            id=str(event.id), threat=event.threat, source=masked(event.source), door=event.door,
            finding=masked(event.finding), times=event.times, first_at=iso(event.first_ms),
            last_at=iso(event.last_ms),
        )
        for event in events[: query.limit]
    )  # fmt: skip
    cursor = items[-1].id if len(events) > query.limit else None
    return Answer(200, SecurityEventPage(items=items, next_cursor=cursor))
