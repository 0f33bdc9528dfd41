"""Health, metrics, the API's own description, tiles and the way to the events."""

from typing import Final

from flask import current_app
from prometheus_client import CollectorRegistry
from pydantic import Field

from field_api.http.fields import Identifier, Query
from field_api.http.metrics import metrics_text
from field_api.http.openapi import openapi_document
from field_api.http.operations import READERS, Answer, Call, Operation, Operations
from field_api.http.problems import HttpProblem
from field_api.http.security import origin
from field_api.http.site_of import current_site
from field_api.resources import Resource
from field_api.usecases.claim_revision import POSITION

operations: Final = Operations()
TILE_TYPE: Final = "application/vnd.mapbox-vector-tile"
MAX_ZOOM: Final = 20
TILE_DAYS: Final = "private, max-age=604800, immutable"
WORKER_LATE_MS: Final = 30_000


class TileQuery(Query):
    v: Identifier | None = Field(default=None, description="The network's hash: such a tile never changes.")


class EventsQuery(Query):
    after: int | None = Field(default=None, ge=0, le=2**53)


class HealthResource(Resource):
    status: str
    checks: dict[str, str]


@operations.add(
    "GET", "/tiles/{layer}/{z}/{x}/{y}.mvt", "A vector tile of the network",
    roles=READERS, query=TileQuery, answers={200: None}, refuses=frozenset({503}), media_type=TILE_TYPE,
)  # fmt: skip
def get_tile(call: Call) -> Answer:
    """Layers lines, switches, transformers, customers, cells, areas; zoom at most 20."""
    site, source = current_site(call), call.services.tiles
    z, x, y = (_number(call.path[name]) for name in "zxy")
    inside = z <= MAX_ZOOM and max(x, y) < 2**z
    tile = source.tile(site, call.scope, call.path["layer"], z, x, y) if inside else None
    if tile is None:
        raise HttpProblem(404, "request.no_tile")
    versioned = call.query(TileQuery).v is not None
    return Answer(200, tile, {"Cache-Control": TILE_DAYS if versioned else "private, no-cache"})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise HttpProblem(404, "request.no_tile")
    return int(text)


@operations.add(
    "GET", "/api/v1/events", "Live changes as server-sent events, at another address",
    roles=READERS, query=EventsQuery, answers={307: None},
)  # fmt: skip
def find_events(call: Call) -> Answer:
    """The events have a process of their own."""
    after = call.query(EventsQuery).after
    target = f"{origin(call.request, call.services.config.events_port)}/api/v1/events"
    return Answer(307, None, {"Location": target if after is None else f"{target}?after={after}"})


@operations.add(
    "GET", "/healthz", "Is this process well?",
    public=True, answers={200: HealthResource, 503: HealthResource},
)  # fmt: skip
def health(call: Call) -> Answer:
    """200 where the desk's database answers and a network is there; the worker's lag is told beside it."""
    checks = {"desk": "ok", "network": "ok", "worker": "ok"}
    with call.services.desk.reading() as session:
        position = session.positions.get(POSITION)
    if call.services.sites.current() is None:
        checks["network"] = "none imported"
    waiting_ms = call.services.supply.waiting_ms(position, call.now_ms)
    if waiting_ms > WORKER_LATE_MS:
        checks["worker"] = f"a revision waits for {waiting_ms / 1000:.0f} s"
    status = 200 if checks["network"] == "ok" else 503
    words = "ok" if all(check == "ok" for check in checks.values()) else "degraded"
    return Answer(status, HealthResource(status=words, checks=checks))


@operations.add(
    "GET", "/metrics", "Counters and gauges for Prometheus",
    public=True, answers={200: None}, media_type="text/plain; version=0.0.4; charset=utf-8",
)  # fmt: skip
def metrics(call: Call) -> Answer:  # noqa: ARG001 (every operation takes the call)
    """Counts only; no ids."""
    registry: CollectorRegistry = current_app.extensions["gridcrew_metrics"]
    return Answer(200, metrics_text(registry))


@operations.add(
    "GET", "/api/openapi.json", "This document", public=True, answers={200: None},
)  # fmt: skip
def describe(call: Call) -> Answer:  # noqa: ARG001 (every operation takes the call)
    """OpenAPI 3.1."""
    listed: tuple[Operation, ...] = current_app.extensions["gridcrew_operations"]
    return Answer(200, current_app.json.dumps(openapi_document(listed, "1")))
