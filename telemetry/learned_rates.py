"""What confirmed outages teach of the devices: last gasps lost, false ones, areas that say nothing at all.

Of every confirmed outage it is known who was out. Who of them sent no last gasp missed one, unless the whole
area's terminal was blocked; a last gasp of somebody who was in no outage is a false alarm. Rates come with
their uncertainty (Jeffreys' prior for a share), by kind of meter and by terminal. How many outages there were
is how many are usual.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from geo.network import ABSENT, Int32, Network
from telemetry.site_rates import DAY_S, EVERY, Faults, Learned, Rate

Int64 = NDArray[np.int64]
EARLY_MS: Final = 60_000
LATE_MS: Final = 600_000
"""A last gasp belongs to an outage from a minute before to ten minutes after its start."""
BLOCKED_METERS: Final = 5
UNLIKELY: Final = 1e-3
"""An area is held to be blocked where its silence would be rarer than this by chance."""
KIND_COLUMNS: Final = ("model", "type")
"""Columns of meters.csv that tell kinds of meters apart."""


def low(rate: Rate) -> float:
    """5 % quantile."""
    return float(betaincinv(rate.hits + 0.5, rate.of - rate.hits + 0.5, 0.05))


def high(rate: Rate) -> float:
    """95 % quantile."""
    return float(betaincinv(rate.hits + 0.5, rate.of - rate.hits + 0.5, 0.95))


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """A confirmed outage: when it began, and the rows of the meters that were out."""

    started_ms: int
    meter_rows: Int32


@dataclass(frozen=True, slots=True, eq=False)
class LastGasps:
    """All last gasps of meters in the time that is looked at."""

    meter_row: Int32
    at_ms: Int64
    from_ms: int
    to_ms: int


def learn(network: Network, episodes: Iterable[Episode], gasps: LastGasps) -> Learned:
    """Rates over all episodes."""
    listed = list(episodes)
    kinds = _kinds(network)
    miss: dict[str, Rate] = {}
    by_terminal: dict[str, Rate] = {}
    blocked: dict[str, Rate] = {}
    explained = np.zeros(len(gasps.at_ms), np.bool_)
    for episode in listed:
        near = (gasps.at_ms >= episode.started_ms - EARLY_MS) & (gasps.at_ms <= episode.started_ms + LATE_MS)
        gasped = np.isin(episode.meter_rows, gasps.meter_row[near])
        explained |= near & np.isin(gasps.meter_row, episode.meter_rows)
        silent = _blocked(network, episode.meter_rows, gasped, blocked)
        _count(network, kinds, episode.meter_rows[~silent], ~gasped[~silent], miss, by_terminal)
    span_ms = max(gasps.to_ms - gasps.from_ms, 0)
    windows = len(network.meters) * span_ms // LATE_MS
    return Learned(
        miss=miss,
        miss_by_terminal=by_terminal,
        false_alarm=Rate(int(np.count_nonzero(~explained)), windows),
        blocked=Rate(sum(rate.hits for rate in blocked.values()), sum(rate.of for rate in blocked.values())),
        blocked_by_terminal=blocked,
        faults=Faults(len(listed), round(span_ms / (DAY_S * 1000), 2)),
    )


def _kinds(network: Network) -> Sequence[str] | None:
    return next((network.meters.extra[name] for name in KIND_COLUMNS if name in network.meters.extra), None)


def _blocked(
    network: Network, rows: Int32, gasped: NDArray[np.bool_], counts: dict[str, Rate]
) -> NDArray[np.bool_]:
    """Which of the rows lie behind a terminal that said nothing; counted per terminal."""
    terminal = network.meters.terminal[rows]
    heard = np.unique(terminal[gasped])
    speaking = np.isin(terminal, heard)
    missed = float(np.mean(~gasped[speaking])) if speaking.any() else 1.0
    silent = np.zeros(len(rows), np.bool_)
    for one in np.unique(terminal[terminal != ABSENT]).tolist():
        own = terminal == one
        number = int(np.count_nonzero(own))
        if number < BLOCKED_METERS or missed**number > UNLIKELY:
            continue
        is_blocked = not gasped[own].any()
        name = network.terminals.ids[one]
        counts[name] = counts.get(name, Rate()).plus(int(is_blocked), 1)
        silent |= own & is_blocked
    return silent


def _count(
    network: Network,
    kinds: Sequence[str] | None,
    rows: Int32,
    missed: NDArray[np.bool_],
    miss: dict[str, Rate],
    by_terminal: dict[str, Rate],
) -> None:
    for row, lost in zip(rows.tolist(), missed.tolist(), strict=True):
        terminal = int(network.meters.terminal[row])
        names = {EVERY} if kinds is None else {EVERY, kinds[row] or EVERY}
        for name in names:
            miss[name] = miss.get(name, Rate()).plus(int(lost), 1)
        if terminal != ABSENT:
            name = network.terminals.ids[terminal]
            by_terminal[name] = by_terminal.get(name, Rate()).plus(int(lost), 1)
