"""Voltages of a batch of evidence into the observations: of each device the newest, whatever the order.

Two triples of one instant become the smaller of each phase, so repetition and order change nothing. A triple
without any voltage tells that supply is gone, not that a phase is; it is left to the words about supply.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Bool, Int32, Network, Phases
from telemetry.evidence import Volts
from telemetry.observations import Float32, Int64, Observations
from telemetry.phase_words import DEAD_VOLTS, ONE_PHASE_V, lacking

USUAL_V: Final = 215.0
Triples = NDArray[np.float64]


class VoltageNews:
    """Triples of meters and terminals, in the order of telling."""

    def __init__(self, network: Network) -> None:
        self._single = {"meter": network.meters.phases, "terminal": np.zeros(len(network.terminals), np.int8)}
        self._told: dict[str, list[_Told]] = {table: [] for table in self._single}

    def tell(self, table: str, rows: Int32, at_ms: int, volts: Triples) -> None:
        """``volts`` [rows, 3] of ``meter`` or ``terminal``; those without voltage are passed over."""
        living = np.max(np.where(np.isnan(volts), 0.0, volts), axis=1, initial=0.0) >= DEAD_VOLTS
        if living.any():
            rows, volts = rows[living], volts[living]
            single = np.isin(self._single[table][rows], (Phases.A, Phases.B, Phases.C))
            self._told[table].append(_Told(rows, at_ms, volts, lacking(volts, single)))

    def tell_good(self, table: str, rows: Int32, at_ms: int, least: Volts) -> None:
        """No phase is missing of these, and the ``least`` that any of them read is known.

        That of the others is taken to be usual: one far meter makes nobody else's voltage low.
        """
        if not len(rows):
            return
        read = np.array([value is not None for value in least])
        most = max((value for value in least if value is not None), default=0.0)
        usual = USUAL_V if ONE_PHASE_V <= most < USUAL_V else most
        volts = np.broadcast_to(np.where(read, usual, np.nan), (len(rows), 3))
        self._told[table].append(_Told(rows, at_ms, volts, np.zeros(len(rows), np.bool_)))

    def into(self, seen: Observations) -> None:
        """Keep the newest triples; call it before the instants of ``words`` are kept."""
        _keep(self._told["meter"], seen.meter_volts, seen.meter_low_ms, seen.meter_normal_ms)
        _keep(self._told["terminal"], seen.terminal_volts, seen.terminal_low_ms, seen.terminal_normal_ms)

    def words(self) -> Iterator[tuple[str, Int32, int]]:
        """(column of the observations, rows, instant) of all that was told."""
        for table, told in self._told.items():
            for one in told:
                yield f"{table}_low_ms", one.rows[one.low], one.at_ms
                yield f"{table}_normal_ms", one.rows[~one.low], one.at_ms


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    rows: Int32
    at_ms: int
    volts: Triples
    low: Bool


def _keep(told: Sequence[_Told], volts: Float32, low_ms: Int64, normal_ms: Int64) -> None:
    if not told:
        return
    rows = np.concatenate([one.rows for one in told])
    at_ms = np.repeat(np.array([one.at_ms for one in told], np.int64), [len(one.rows) for one in told])
    triples = np.concatenate([one.volts for one in told]).astype(np.float32)
    order = np.lexsort((at_ms, rows))
    rows, at_ms = rows[order], at_ms[order]
    begins = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]) | (at_ms[1:] != at_ms[:-1])))
    least, rows, at_ms = np.fmin.reduceat(triples[order], begins, axis=0), rows[begins], at_ms[begins]
    newest_ms = np.maximum(low_ms[rows], normal_ms[rows])
    last = np.append(rows[1:] != rows[:-1], True) & (at_ms >= newest_ms)
    same = (at_ms == newest_ms)[:, None]
    volts[rows[last]] = np.where(same, np.fmin(volts[rows], least), least)[last]
