"""How old and how complete knowledge is, feeder by feeder: no colour means "on" without fresh evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.projection import Site
from geo.network import ABSENT, EdgeKind
from geo.tracing import Element
from telemetry.ports import DeviceState

SENSOR: Final = "sensor"
UNNAMED: Final = "unnamed"
_CARRIERS = frozenset({EdgeKind.LINE, EdgeKind.CABLE})


@dataclass(frozen=True, slots=True)
class SourceAge:
    """What came by one kind of door, or from switches: how many of them spoke, and when."""

    kind: str
    """Of the door (``mqtt``, ``file``, …); ``sensor`` for switches and fault indicators."""
    devices: int
    newest_ms: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class FeederKnowledge:
    element: str
    name: str
    cell: str
    customers: int
    observable_share: float
    """Share of its meters whose terminal is heard of now."""
    newest_evidence_ms: int | None
    oldest_terminal_age_s: float | None
    """Age of the terminal heard of longest ago; None where it has none or one was never heard of."""
    sources: tuple[SourceAge, ...]
    unheard: int
    """Its terminals and sensors that never spoke."""


@dataclass(frozen=True, slots=True)
class Feeder:
    """The first line or cable out of a source's station, and what hangs below."""

    element: str
    name: str
    cell: str
    customers: int
    terminals: tuple[str, ...]
    sensors: tuple[str, ...]
    meters_by_terminal: Mapping[str, int]
    meters: int


def feeders(site: Site) -> tuple[Feeder, ...]:
    """All feeders in the normal switch positions, by element id."""
    found = (_feeder(site, position) for position in _first_lines(site))
    return tuple(sorted(found, key=lambda feeder: feeder.element))


def feeder_of(site: Site, element: Element) -> str:
    """Id of the first line or cable on the way from the source to it; '' where supply needs none of them."""
    carriers = (int(site.feeding.tree.edge[p]) for p in site.feeding.path(site.feeding.node_of(element)))
    kind = site.network.edges.kind
    return next(
        (
            site.network.edges.ids[edge]
            for edge in carriers
            if edge != ABSENT and int(kind[edge]) in _CARRIERS
        ),
        "",
    )


def knowledge(
    known: Iterable[Feeder], devices: Mapping[str, DeviceState], now_ms: int
) -> tuple[FeederKnowledge, ...]:
    """What is known of each feeder now."""
    return tuple(_knowledge(feeder, devices, now_ms) for feeder in known)


def _first_lines(site: Site) -> list[int]:
    tree, kind = site.feeding.tree, site.network.edges.kind
    first: list[int] = []
    position = 0
    while position < len(tree):
        edge = int(tree.edge[position])
        if edge != ABSENT and int(kind[edge]) in _CARRIERS:
            first.append(position)
            position = int(tree.end[position])
        else:
            position += 1
    return first


def _feeder(site: Site, position: int) -> Feeder:
    network, feeding = site.network, site.feeding
    below = slice(position, int(feeding.tree.end[position]))
    edge = int(feeding.tree.edge[position])
    element = Element("edge", edge, network.edges.ids[edge])
    rows = feeding.meters(below)
    edges = feeding.tree.edge[below]
    sensors = np.flatnonzero(np.isin(network.sensors.edge, edges[edges != ABSENT]))
    terminals, counts = np.unique(network.meters.terminal[rows], return_counts=True)
    watched = {
        network.terminals.ids[row]: int(count)
        for row, count in zip(terminals, counts, strict=True)
        if row != ABSENT
    }
    return Feeder(
        element=element.id,
        name=site.place(element).name,
        cell=site.cell_of_element(element),
        customers=len(feeding.customers(below)),
        terminals=tuple(sorted(watched)),
        sensors=tuple(network.sensors.ids[row] for row in sensors.tolist()),
        meters_by_terminal=watched,
        meters=len(rows),
    )


def _knowledge(feeder: Feeder, devices: Mapping[str, DeviceState], now_ms: int) -> FeederKnowledge:
    heard = [devices[terminal] for terminal in feeder.terminals if terminal in devices]
    observed = sum(feeder.meters_by_terminal[device.device] for device in heard if device.online)
    seen = [device.last_seen_ms for device in heard]
    complete = bool(seen) and len(heard) == len(feeder.terminals)
    return FeederKnowledge(
        element=feeder.element,
        name=feeder.name,
        cell=feeder.cell,
        customers=feeder.customers,
        observable_share=observed / feeder.meters if feeder.meters else 0.0,
        newest_evidence_ms=max(seen, default=None),
        oldest_terminal_age_s=(now_ms - min(seen)) / 1000 if complete else None,
        sources=_sources(feeder, devices),
        unheard=sum(one not in devices for one in (*feeder.terminals, *feeder.sensors)),
    )


def _sources(feeder: Feeder, devices: Mapping[str, DeviceState]) -> tuple[SourceAge, ...]:
    ages: dict[str, list[int]] = {}
    for name in feeder.terminals:
        if name in devices:
            ages.setdefault(devices[name].door.partition(":")[0] or UNNAMED, []).append(
                devices[name].last_seen_ms
            )
    for name in feeder.sensors:
        if name in devices:
            ages.setdefault(SENSOR, []).append(devices[name].last_seen_ms)
    return tuple(SourceAge(kind, len(seen), max(seen), min(seen)) for kind, seen in sorted(ages.items()))
