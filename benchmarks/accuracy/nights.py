"""Nights with faults: what happens, what gets through, and the truth. Shares no code with the inference.

Fault sizes follow the quantiles of customers interrupted in 5,384 real outages; the element is drawn among
those nearest to the drawn size, a long line sooner than a short one. Every condition has nights of its own,
so that figures of several may be pooled.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Final

import numpy as np
from numpy.random import Generator, default_rng

from benchmarks.accuracy.conditions import Condition, Delivery
from benchmarks.accuracy.delivery import BATCH_S, deliver
from benchmarks.accuracy.disturbances import loss, transferred, true_places
from benchmarks.accuracy.signals import Signal, Signals
from benchmarks.accuracy.supply import Int64, Supply, find_supply
from geo.network import Bool, EdgeKind, Float64, Int32, Network

SIZE_SHARE: Final = (0.0, 0.28, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0)
SIZE_CUSTOMERS: Final = (1.0, 1.0, 9.0, 46.0, 386.0, 1070.0, 2020.0, 4000.0)
"""Quantiles of customers per real outage (public data of 11 utilities, 2026); log-linear between them."""
NEAR_SIZE: Final = 0.1
"""Elements this much (in logarithms) further from the drawn size than the nearest are as good."""
FAR_SIZE: Final = float(np.log(2.0))
"""A size is drawn anew where the grid has no element of half to twice as many customers."""
KIND_EXPOSURE_M: Final = {EdgeKind.TRANSFORMER: 100.0, EdgeKind.SERVICE: 30.0, EdgeKind.FUSE: 30.0}
LEAST_EXPOSURE_M: Final = 10.0
"""Lines fail by their length; others, and joints, are worth so many metres of it."""
TRIES: Final = 50
"""A fault that does not fit, or lies above or below another, is drawn anew so many times at most."""
DRAWS: Final = 2_000
"""Sizes over which the chance of a fault is averaged."""
HEARD_BEFORE_S: Final = 900.0
ALARM_SPAN_S: Final = 60.0
BEATS_S: Final = 60.0


@dataclass(frozen=True, eq=False)
class Place:
    """A grid on which nights are drawn."""

    name: str
    network: Network

    @property
    def terminal_area(self) -> Int32:
        """[terminals] the transformer edge it watches."""
        return self.network.terminals.edge

    @cached_property
    def supply(self) -> Supply:
        """As recorded."""
        return find_supply(self.network)


@dataclass(frozen=True, slots=True, eq=False)
class Night:
    """One scenario."""

    faults: Int32
    """Edges that fail."""
    struck_s: Float64
    """[faults] instant of each, 0 at the latest."""
    below: tuple[Int32, ...]
    """[faults] meters recorded below each, ascending."""
    dead_by_record: Bool
    """[meters] the recorded place is dead."""
    dead: Bool
    """[meters] the place where the meter really hangs is dead."""
    deaf_areas: Int32
    """Transformer edges of the areas from which nothing gets through, before the faults or after."""
    supply: Supply
    """As it really was."""
    where: Int32
    """[meters] the node where it really hangs."""
    loss_chance: Float64
    """[meters] P(its last gasp is lost), given the terrain."""
    signals: Signals


def draw_night(place: Place, condition: Condition, seed: int, number: int) -> Night:
    streams = _streams(place, condition, seed, number)
    supply, switching = place.supply, next(streams)
    if condition.transfers:
        supply = find_supply(place.network, transferred(supply, condition.transfers, switching))
    faults, struck_s = _faults(supply, condition, next(streams))
    since_s = _dead_since(supply, faults, struck_s)
    recorded = place.network.meters.node
    where = true_places(place.supply, condition.mapping, next(streams))
    deaf = _deaf_areas(place.supply, condition, next(streams))
    lost = loss(place.supply, where, condition, stream := next(streams))
    return Night(
        faults=faults,
        struck_s=struck_s,
        below=tuple(_meters_below(supply, int(fault)) for fault in faults),
        dead_by_record=since_s[recorded] < np.inf,
        dead=since_s[where] < np.inf,
        deaf_areas=deaf,
        supply=supply,
        where=where,
        loss_chance=lost.chance,
        signals=_signals(place, condition, since_s, where, deaf, lost.happens, stream, streams),
    )


def _streams(place: Place, condition: Condition, seed: int, number: int) -> Iterator[Generator]:
    """Independent sources of randomness, one per purpose."""
    name = zlib.crc32(f"{place.name}, {condition.name}".encode())
    return (default_rng((seed, name, number, purpose)) for purpose in count())


def _faults(supply: Supply, condition: Condition, rng: Generator) -> tuple[Int32, Float64]:
    """Edges, none below another, and when they fail."""
    least, most = condition.faults
    candidates = _candidates(supply)
    log_size = np.log(supply.customers_below[candidates])
    exposure_m = _exposure_m(supply, candidates)
    chosen: list[int] = []
    for _ in range(int(rng.integers(least, most + 1))):
        for _ in range(TRIES):
            size = np.interp(rng.random(), SIZE_SHARE, np.log(SIZE_CUSTOMERS))
            distance = np.abs(log_size - size)
            near = np.flatnonzero(distance <= distance.min() + NEAR_SIZE)
            chance = exposure_m[near] / exposure_m[near].sum()
            node = int(candidates[rng.choice(near, p=chance)])
            fits = distance.min() <= FAR_SIZE
            if fits and not any(_related(supply, node, other) for other in chosen):
                chosen.append(node)
                break
    return supply.feeding_edge[chosen], -rng.uniform(0, condition.strike_span_s, len(chosen))


def _candidates(supply: Supply) -> Int64:
    """Nodes that lose their customers with the edge that feeds them: none on a closed loop."""
    fed = np.flatnonzero((supply.customers_below > 0) & (supply.feeding_edge >= 0))
    return fed[~supply.on_loop[fed]]


def _exposure_m(supply: Supply, nodes: Int64) -> Float64:
    """By what the element that feeds each node is likelier to fail than others: its length, or its kind's."""
    edges, feeding = supply.network.edges, supply.feeding_edge[nodes]
    of_kind = np.array([KIND_EXPOSURE_M.get(kind, 0.0) for kind in EdgeKind])
    exposure: Float64 = (
        np.nan_to_num(edges.length_m[feeding]) + of_kind[edges.kind[feeding]] + LEAST_EXPOSURE_M
    )
    return exposure


def fault_chances(supply: Supply) -> Float64:
    """[nodes] P(a single fault, drawn as ``_faults`` draws, is of what feeds the node)."""
    candidates = _candidates(supply)
    log_size, kind = np.unique(np.log(supply.customers_below[candidates]), return_inverse=True)
    exposure_m = _exposure_m(supply, candidates)
    exposed_m = np.bincount(kind, weights=exposure_m)
    drawn = np.interp((np.arange(DRAWS) + 0.5) / DRAWS, SIZE_SHARE, np.log(SIZE_CUSTOMERS))
    distance = np.abs(log_size - drawn[:, None])
    nearest = distance.min(axis=1, keepdims=True)
    near = (distance <= nearest + NEAR_SIZE) & (nearest <= FAR_SIZE)
    chance = np.zeros(len(supply.feeder))
    chance[candidates] = ((near / np.maximum(near @ exposed_m, 1e-9)[:, None]).sum(axis=0))[kind] * exposure_m
    chance /= chance.sum()
    return chance


def _related(supply: Supply, one: int, other: int) -> bool:
    return other in supply.way_up(one) or one in supply.way_up(other)


def _fed_node(supply: Supply, edge: int) -> int:
    return int(np.flatnonzero(supply.feeding_edge == edge)[0])


def _dead_since(supply: Supply, faults: Int32, struck_s: Float64) -> Float64:
    """[nodes] instant since which it has no supply, inf where it has."""
    since_s = np.full(len(supply.feeder), np.inf)
    for edge, at_s in zip(faults, struck_s, strict=True):
        top = np.zeros(len(since_s), dtype=np.bool_)
        top[_fed_node(supply, int(edge))] = True
        since_s[supply.below(top)] = at_s
    return since_s


def _meters_below(supply: Supply, edge: int) -> Int32:
    top = np.zeros(len(supply.feeder), dtype=np.bool_)
    top[_fed_node(supply, edge)] = True
    return np.flatnonzero(supply.below(top)[supply.network.meters.node]).astype(np.int32)


def _deaf_areas(supply: Supply, condition: Condition, rng: Generator) -> Int32:
    areas = np.unique(supply.area[supply.area >= 0])
    return areas[rng.random(len(areas)) < condition.blocked].astype(np.int32)


def _signals(
    place: Place,
    condition: Condition,
    since_s: Float64,
    where: Int32,
    deaf: Int32,
    lost: Bool,
    delay: Generator,
    streams: Iterator[Generator],
) -> Signals:
    """What the devices say and what of it arrives."""
    area = place.supply.area[where]
    heard = ~np.isin(area, deaf)
    dead_s, meters = since_s[where], len(where)
    dead = dead_s < np.inf
    alarm, beat = next(streams), next(streams)
    gasps = dead & heard & ~lost
    alarms = ~dead & heard & (alarm.random(meters) < condition.false_alarm)
    beats = ~dead & heard & (beat.random(meters) < condition.heartbeat)
    within_s = BATCH_S if condition.delivery is Delivery.BATCHES else BEATS_S
    delay_s = delay.exponential(condition.mean_delay_s, meters)
    alarm_s = alarm.uniform(-ALARM_SPAN_S, ALARM_SPAN_S, meters)
    said_s = np.where(gasps, dead_s, np.where(alarms, alarm_s, np.inf))
    off = Signal(said_s, said_s + np.where(gasps, delay_s, 0.0))
    before_s = np.minimum(dead_s, 0.0) - beat.uniform(0, HEARD_BEFORE_S, meters)
    before_s = np.where(heard, before_s, np.inf)
    alive_s = np.where(beats, beat.uniform(0, within_s, meters), np.inf)
    terminal_off, terminal_alive = _terminals(place, condition, since_s, next(streams))
    said = Signals(
        meter_off=off,
        meter_before=Signal(before_s, before_s),
        meter_alive=Signal(alive_s, alive_s),
        terminal_off=terminal_off,
        terminal_alive=terminal_alive,
        upload_s=np.empty(0),
    )
    return deliver(said, condition, area, place.terminal_area, next(streams))


def _terminals(place: Place, condition: Condition, since_s: Float64, rng: Generator) -> tuple[Signal, Signal]:
    """The terminals' own last gasps, over an uplink of their own: blocked is the way from the meters to them.

    Of a living terminal nothing is heard.
    """
    area = place.terminal_area
    count = len(area)
    dead_s = since_s[place.network.edges.to_node[area]]
    watching = rng.random(count) < condition.terminals
    arrives = rng.random(count) < condition.terminal_gasp
    off_s = np.where(watching & arrives, dead_s, np.inf)
    never = np.full(count, np.inf)
    return Signal(off_s, off_s + rng.exponential(condition.mean_delay_s, count)), Signal(never, never)
