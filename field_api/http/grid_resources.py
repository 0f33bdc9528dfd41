"""What the API tells of traces, isolation, restoration, what-if and switching; ``geo.told`` fills them."""

from typing import Literal

from pydantic import Field

from field_api.resources import BackFeedResource, Instant, Resource


class EdgeStateResource(Resource):
    id: str
    kind: str = Field(description="As in edges.csv, or jumper, generator.")
    name: str
    name_en: str = ""
    from_id: str
    to_id: str
    phases: str
    closed: bool
    normally_closed: bool
    energised: bool


class SwitchStateResource(Resource):
    element: str
    closed: bool


class PeopleResource(Resource):
    customers: int = Field(description="All of them.")
    customer_ids: tuple[str, ...] = Field(description="Those of my grid cells, at most 500.")


class TraceResource(PeopleResource):
    element: str
    type: str
    at: Instant
    network_hash: str
    switches: tuple[SwitchStateResource, ...] = Field(description="Those not in their normal position then.")
    direction: Literal["up", "down", "connected", "path"]
    edges: tuple[EdgeStateResource, ...] = Field(description="In the order of the trace, at most 2,000.")
    more: int = Field(description="Edges that are not listed.")
    nodes: tuple[str, ...]
    stopped_at: tuple[EdgeStateResource, ...] = Field(description="Barriers and open switches; not passed.")
    on_loop: bool


class OpenedResource(EdgeStateResource):
    feeds: bool = Field(description="Its far side still has supply.")


class IsolationResource(PeopleResource):
    """``customers`` lose supply."""

    element: str
    type: str
    network_hash: str
    switches: tuple[SwitchStateResource, ...]
    possible: bool
    sources_inside: tuple[str, ...]
    open: tuple[OpenedResource, ...]
    keep_open: tuple[EdgeStateResource, ...]
    fuses: tuple[EdgeStateResource, ...] = Field(description="Nearer than the switches.")
    in_zone: int = Field(description="Customers between the switches, whom nothing else can feed.")
    back_feeds: tuple[BackFeedResource, ...]


class LoadingResource(Resource):
    element: str
    rating_kva: float
    before_kva: float
    after_kva: float


class LoadSourcesResource(Resource):
    """Of how many transformers the load is known from where."""

    measured: int = Field(description="By their recent greatest demand.")
    installed: int = Field(description="By their capacity times the diversity factor.")
    unknown: int


class WeighedLoadsResource(LoadSourcesResource):
    diversity: float = Field(
        description="Share of its capacity that an unmeasured transformer is taken to carry."
    )


class RestorationStepResource(PeopleResource):
    open: tuple[EdgeStateResource, ...] = Field(description="Switches to open first: they split the part.")
    close: EdgeStateResource
    after_steps: tuple[int, ...] = Field(description="Numbers, from 1, of steps that must come before.")
    load_kva: float | None = Field(description="What comes back; null: of some transformer it is unknown.")
    load_from: LoadSourcesResource
    fits: Literal["yes", "no", "unknown"]
    loading: LoadingResource | None = Field(description="The tightest rating on the way; null: none known.")
    others: tuple[str, ...] = Field(description="Other switches that could bring the same part back.")


class NotClearResource(Resource):
    """Crews at work where something would become alive: nothing is made alive before they report clear."""

    orders: tuple[str, ...] = Field(description="Numbers of their orders, of my grid cells.")
    elsewhere: int = Field(description="How many more, of other grid cells.")


class RestorationResource(Resource):
    """A proposal; nothing is switched by it. While a crew below is not clear it has no steps."""

    not_clear: NotClearResource

    isolation: IsolationResource
    check: str
    check_zh: str
    back_feeds: tuple[BackFeedResource, ...]
    loads: WeighedLoadsResource
    steps: tuple[RestorationStepResource, ...]
    left: PeopleResource


class MovedResource(PeopleResource):
    from_feeder: str
    to_feeder: str


class LoopResource(Resource):
    closing: str
    joins_sources: bool
    edges: tuple[str, ...]


class WhatIfResource(Resource):
    at: Instant
    network_hash: str
    open: tuple[EdgeStateResource, ...]
    close: tuple[EdgeStateResource, ...]
    loses: PeopleResource
    gains: PeopleResource
    moves: tuple[MovedResource, ...] = Field(description="Customers whose feeder changes.")
    loops: tuple[LoopResource, ...] = Field(description="That arise.")
    on_generators: PeopleResource
    back_feeds: tuple[BackFeedResource, ...]
    not_clear: NotClearResource


class SwitchingResource(Resource):
    element: str = Field(description="A switch or fuse, A~B for a jumper, ~A for a generator.")
    kind: str
    name: str
    name_en: str = ""
    closed: bool
    normally_closed: bool
    since: Instant
    by: str = Field(description="A person's name, or the device or system that told it.")
    note: str
    grid_id: str
    lon: float | None
    lat: float | None
    customers_fed: int | None = Field(description="By a generator: supplied, though not by the grid.")
