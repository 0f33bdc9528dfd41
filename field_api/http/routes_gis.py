"""OGC API – Features (part 1, Core) for GIS clients (QGIS, ArcGIS, GDAL): outages, orders, crews, lines.

OGC 17-069r4. Parameters that are wrong are answered 400, as that standard wants it.
"""

import calendar
import json
import re
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from field_api.http.fields import Query
from field_api.http.operations import READERS, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.http.site_of import current_site
from field_api.instants import iso, milliseconds
from field_api.partners.gis_features import (
    COLLECTIONS,
    EVERYWHERE,
    Box,
    Feature,
    Wanted,
    crew_features,
    edge_feature,
    network_rows,
    order_features,
    outage_features,
)
from field_api.resources import Resource

operations: Final = Operations()
ROOT: Final = "/api/ogc"
GEOJSON: Final = "application/geo+json"
MAX_LIMIT: Final = 1000
MAX_OUTAGES: Final = 5000
_NUMBER: Final = r"-?[0-9]{1,9}(\.[0-9]{1,15})?"
_BBOX: Final = rf"^{_NUMBER}(,{_NUMBER}){{3}}((,{_NUMBER}){{2}})?$"
_INSTANT: Final = (
    r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?"
)
_DATETIME: Final = rf"^({_INSTANT}|({_INSTANT}|(\.\.)?)/({_INSTANT}|(\.\.)?))$"
CONFORMS: Final = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{part}" for part in ("core", "geojson")
)
_CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class Link(Resource):
    href: str
    rel: str
    type: str
    title: str = ""


class LandingResource(Resource):
    title: str
    description: str
    links: tuple[Link, ...]


class ConformanceResource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    conforms_to: tuple[str, ...] = Field(serialization_alias="conformsTo")


class Spatial(Resource):
    bbox: tuple[tuple[float, ...], ...]
    crs: str = _CRS84


class Extent(Resource):
    spatial: Spatial


class CollectionResource(Resource):
    id: str
    title: str
    description: str
    extent: Extent
    itemType: Literal["feature"] = "feature"  # noqa: N815 (the standard's name)
    crs: tuple[str, ...] = (_CRS84,)
    links: tuple[Link, ...]


class CollectionsResource(Resource):
    collections: tuple[CollectionResource, ...]
    links: tuple[Link, ...]


class FeatureResource(Resource):
    type: Literal["Feature"] = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class LinkedFeatureResource(FeatureResource):
    links: tuple[Link, ...]


class FeaturesResource(Resource):
    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: tuple[FeatureResource, ...]
    numberMatched: int  # noqa: N815 (the standard's name)
    numberReturned: int  # noqa: N815
    timeStamp: str  # noqa: N815
    links: tuple[Link, ...]


class FormQuery(Query):
    f: Literal["json"] = "json"


class ItemsQuery(FormQuery):
    limit: int = Field(default=100, ge=1, le=100_000, description=f"Above {MAX_LIMIT} counts as {MAX_LIMIT}.")
    offset: int = Field(default=0, ge=0, le=100_000_000)
    bbox: str | None = Field(default=None, pattern=_BBOX, description="west,south,east,north in degrees")
    datetime: str | None = Field(default=None, pattern=_DATETIME, description="Instant, or from/to with ..")


@operations.add(
    "GET", ROOT, "OGC API – Features: where to begin", roles=READERS, query=FormQuery, bad_query=400,
    answers={200: LandingResource},
)  # fmt: skip
def show_gis_landing(call: Call) -> Answer:
    """The address that a GIS client is given."""
    links = (
        _link(call, "", "self"),
        Link(href=f"{_origin(call)}/api/openapi.json", rel="service-desc",
             type="application/vnd.oai.openapi+json;version=3.1"),
        _link(call, "/conformance", "conformance"),
        _link(call, "/collections", "data"),
    )  # fmt: skip
    text = "Outages, orders and crews of your grid cells, and the network that feeds them."
    return Answer(200, LandingResource(title="Gridcrew", description=text, links=links))


@operations.add(
    "GET", ROOT + "/conformance", "What of the standard is kept", roles=READERS, query=FormQuery,
    bad_query=400, answers={200: ConformanceResource},
)  # fmt: skip
def show_gis_conformance(call: Call) -> Answer:  # noqa: ARG001
    """Core and GeoJSON."""
    return Answer(200, ConformanceResource(conforms_to=CONFORMS))


@operations.add(
    "GET", ROOT + "/collections", "Collections of features", roles=READERS, query=FormQuery, bad_query=400,
    answers={200: CollectionsResource}, refuses=frozenset({503}),
)  # fmt: skip
def list_gis_collections(call: Call) -> Answer:
    """All five."""
    listed = tuple(_collection(call, name) for name in COLLECTIONS)
    return Answer(200, CollectionsResource(collections=listed, links=(_link(call, "/collections", "self"),)))


@operations.add(
    "GET", ROOT + "/collections/{collection_id}", "One collection", roles=READERS, query=FormQuery,
    bad_query=400, answers={200: CollectionResource}, refuses=frozenset({503}),
)  # fmt: skip
def show_gis_collection(call: Call) -> Answer:
    """What it holds and where it lies."""
    return Answer(200, _collection(call, _known(call)))


@operations.add(
    "GET", ROOT + "/collections/{collection_id}/items", "Features of a collection, a page at a time",
    roles=READERS, query=ItemsQuery, bad_query=400, answers={200: FeaturesResource}, media_type=GEOJSON,
    refuses=frozenset({503}),
)  # fmt: skip
def list_gis_items(call: Call) -> Answer:
    """In the box and in the time, in a stable order; ``next`` leads on."""
    name, query = _known(call), call.query(ItemsQuery)
    wanted = Wanted(_box(query.bbox), *_span(query.datetime))
    limit = min(query.limit, MAX_LIMIT)
    matched, features = _page(call, name, wanted, query.offset, limit)
    links = [_link(call, f"/collections/{name}/items", "self", GEOJSON)]
    if query.offset + limit < matched:
        told = {**query.model_dump(exclude_none=True), "limit": limit, "offset": query.offset + limit}
        links.append(_link(call, f"/collections/{name}/items?{urlencode(told)}", "next", GEOJSON))
    items = tuple(_feature(one) for one in features)
    return Answer(
        200,
        FeaturesResource(
            features=items, numberMatched=matched, numberReturned=len(items), timeStamp=iso(call.now_ms),
            links=tuple(links),
        ),
    )  # fmt: skip


@operations.add(
    "GET", ROOT + "/collections/{collection_id}/items/{feature_id}", "One feature", roles=READERS,
    query=FormQuery, bad_query=400, answers={200: LinkedFeatureResource}, media_type=GEOJSON,
    refuses=frozenset({503}),
)  # fmt: skip
def show_gis_item(call: Call) -> Answer:
    """404 for one outside the person's cells."""
    name, wanted = _known(call), call.path["feature_id"]
    found = _one(call, name, wanted)
    if found is None:
        raise HttpProblem(404, "gis.no_feature", feature=wanted, collection=name)
    links = (
        _link(call, f"/collections/{name}/items/{wanted}", "self", GEOJSON),
        _link(call, f"/collections/{name}", "collection"),
    )
    return Answer(200, LinkedFeatureResource(**_feature(found).model_dump(), links=links))


def _page(call: Call, name: str, wanted: Wanted, offset: int, limit: int) -> tuple[int, list[Feature]]:
    """How many match, and those of the page."""
    if name in {"transformers", "lines"}:
        site = current_site(call)
        rows = network_rows(site, name, call.scope, wanted.box)
        return len(rows), [edge_feature(site, name, int(row)) for row in rows[offset : offset + limit]]
    found = [one for one in _live(call, name) if wanted.takes(one)]
    return len(found), found[offset : offset + limit]


def _one(call: Call, name: str, wanted: str) -> Feature | None:
    if name not in {"transformers", "lines"}:
        return next((one for one in _live(call, name) if one.id == wanted), None)
    site = current_site(call)
    row = site.network.edge_row.get(wanted)
    mine = row is not None and row in network_rows(site, name, call.scope, EVERYWHERE)
    return edge_feature(site, name, row) if row is not None and mine else None


def _live(call: Call, name: str) -> list[Feature]:
    """What the desk knows, in the order of its ids."""
    with call.services.desk.reading() as session:
        if name == "outages":
            views = session.outages.listed(call.scope, True, None, MAX_OUTAGES)
            found = outage_features(views, [json.loads(view.document) for view in views])
        elif name == "orders":
            found = order_features(session.orders.open_of(call.scope))
        else:
            found = crew_features(session.organisation.crews(call.scope))
    return sorted(found, key=lambda one: one.id)


def _known(call: Call) -> str:
    name = call.path["collection_id"]
    if name not in COLLECTIONS:
        raise HttpProblem(404, "gis.no_collection", known=tuple(COLLECTIONS))
    return name


def _collection(call: Call, name: str) -> CollectionResource:
    title, text = COLLECTIONS[name]
    place = f"/collections/{name}"
    return CollectionResource(
        id=name, title=title, description=text,
        extent=Extent(spatial=Spatial(bbox=(tuple(current_site(call).bounds),))),
        links=(_link(call, place, "self"), _link(call, f"{place}/items", "items", GEOJSON)),
    )  # fmt: skip


def _feature(one: Feature) -> FeatureResource:
    geometry = None if one.geometry is None else dict(one.geometry)
    return FeatureResource(id=one.id, geometry=geometry, properties=dict(one.properties))


def _link(call: Call, place: str, rel: str, media_type: str = "application/json") -> Link:
    return Link(href=f"{_origin(call)}{ROOT}{place}", rel=rel, type=media_type)


def _origin(call: Call) -> str:
    return call.request.host_url.rstrip("/")


def _box(told: str | None) -> Box:
    if told is None:
        return EVERYWHERE
    numbers = [float(number) for number in told.split(",")]
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _span(told: str | None) -> tuple[int | None, int | None]:
    if not told:
        return None, None
    first, slash, last = told.partition("/")
    begin = _instant(first, 0)
    return begin, _instant(last, 1) if slash else _instant(first, 1)


def _instant(told: str, end: int) -> int | None:
    """A day counts from its first to its last millisecond, a day that a month has not as its last."""
    if told in {"", ".."}:
        return None
    day = re.match(r"(\d{4})-(\d\d)-(\d\d)", told)
    if day is None:
        return None
    year, month, number = map(int, day.groups())
    number = min(number, calendar.monthrange(year, month)[1])
    text = f"{year:04d}-{month:02d}-{number:02d}{told[10:]}"
    if len(told) == 10:
        return milliseconds(datetime(year, month, number, tzinfo=UTC)) + end * (86_400_000 - 1)
    return milliseconds(datetime.fromisoformat(text))
