"""How old and how complete knowledge is, feeder by feeder: no colour means "on" without fresh evidence."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.projection import Site
from geo.network import ABSENT, Int32
from geo.tracing import Element
from telemetry.ports import DeviceState

SENSOR: Final = "sensor"
UNNAMED: Final = "unnamed"


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
    """What hangs on a feeder; named after its first element."""

    element: str
    name: str
    cells: Collection[str]
    """Grid cells of its customers; without any, that of its first element."""
    customers: int
    terminals: tuple[str, ...]
    sensors: tuple[str, ...]
    meters_by_terminal: Mapping[str, int]
    meters: int


def feeders(site: Site) -> tuple[Feeder, ...]:
    """All feeders of the network (``geo.feeders``), by element id."""
    count = len(site.feeders.ids)
    meters, sensors, customers = (
        _by_feeder(site.feeders.of(table), count) for table in ("meters", "sensors", "customers")
    )
    found = (
        _feeder(site, number, meters[number], sensors[number], customers[number]) for number in range(count)
    )
    return tuple(sorted(found, key=lambda feeder: feeder.element))


def knowledge(
    known: Iterable[Feeder], devices: Mapping[str, DeviceState], now_ms: int
) -> tuple[FeederKnowledge, ...]:
    """What is known of each feeder now."""
    return tuple(_knowledge(feeder, devices, now_ms) for feeder in known)


def _by_feeder(numbers: Int32, count: int) -> list[Int32]:
    """Rows of each feeder, from the feeder's number of each row."""
    order = np.argsort(numbers, kind="stable").astype(np.int32)
    begin = np.searchsorted(numbers[order], np.arange(count + 1))
    return [order[begin[number] : begin[number + 1]] for number in range(count)]


def _feeder(site: Site, number: int, meters: Int32, sensors: Int32, customers: Int32) -> Feeder:
    network, head = site.network, int(site.feeders.head[number])
    element = Element("edge", head, network.edges.ids[head])
    terminals, counts = np.unique(network.meters.terminal[meters], return_counts=True)
    watched = {
        network.terminals.ids[row]: int(count)
        for row, count in zip(terminals, counts, strict=True)
        if row != ABSENT
    }
    homes = np.unique(site.cells.of_customer[customers])
    return Feeder(
        element=element.id,
        name=site.place(element).name,
        cells=frozenset(site.cells.ids[cell] for cell in homes) or {site.cell_of_element(element)},
        customers=len(customers),
        terminals=tuple(sorted(watched)),
        sensors=tuple(network.sensors.ids[row] for row in sensors.tolist()),
        meters_by_terminal=watched,
        meters=len(meters),
    )


def _knowledge(feeder: Feeder, devices: Mapping[str, DeviceState], now_ms: int) -> FeederKnowledge:
    heard = [devices[terminal] for terminal in feeder.terminals if terminal in devices]
    observed = sum(feeder.meters_by_terminal[device.device] for device in heard if device.online)
    seen = [device.last_seen_ms for device in heard]
    complete = bool(seen) and len(heard) == len(feeder.terminals)
    return FeederKnowledge(
        element=feeder.element,
        name=feeder.name,
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
