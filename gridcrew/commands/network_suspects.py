"""``gridcrew network suspects``: customers and meters that are probably recorded at the wrong place."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import inspect

from field_api.adapters.system_clock import wall_clock_ms
from geo.adapters.database import open_database
from geo.areas import Areas
from geo.network import ABSENT, Network, Phases
from gridcrew.network_reading import as_json, network_in_force
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.downsampling import DAY_MS, QUARTER_MS
from telemetry.mapping_suspects import Suspect, suspects_of, wrong_areas
from telemetry.ports import ReadingStore
from telemetry.voltage_matching import PHASES, Fit, better_place, fits, sampled

REFERENCES: Final = 8
"""Meters of an area that stand for it."""


@click.command(name="suspects")
@click.option(
    "--voltage-days",
    default=0,
    type=click.IntRange(0, 60),
    help="Also compare voltages of so many days: with areas that come into question, with phases.",
)
@click.option("--meter", "meters", multiple=True, help="Compare these meters' voltages; repeatable.")
@as_json
def command(voltage_days: int, meters: tuple[str, ...], as_json: bool) -> None:
    """List whom outages contradicted: each is a check in the field, never corrected silently."""
    settings, network = Settings(), network_in_force(wall_clock_ms())
    unknown = [meter for meter in meters if meter not in network.meter_row]
    if unknown:
        raise click.ClickException(f"no meter {unknown[0]!r} in the network in force")
    listed = _suspects(settings, network)
    document: dict[str, Any] = {
        "suspects": [_document(one) for one in listed],
        "wrong_areas": [{"transformer": name, "customers": n} for name, n in wrong_areas(listed)],
    }
    if voltage_days:
        matching = _Matching(network, open_readings(settings), voltage_days)
        chosen = meters or _meters_of(network, [one.customer for one in listed])
        document["voltage"] = [matching.compare(meter, listed) for meter in chosen]
    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else _page(document))


def _suspects(settings: Settings, network: Network) -> Sequence[Suspect]:
    engine = open_database(settings.database_location, "outages")
    if not inspect(engine).has_table("outage_revision"):
        raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    return suspects_of(network, SqlOutageLog(engine))


class _Matching:
    """Voltages of the last days, compared."""

    def __init__(self, network: Network, readings: ReadingStore, days: int) -> None:
        self._network = network
        self._readings = readings
        self._areas = Areas(network)
        self._count = days * DAY_MS // QUARTER_MS
        end_ms = wall_clock_ms()
        self._from_ms = end_ms - end_ms % QUARTER_MS - self._count * QUARTER_MS
        self._reference = lru_cache(maxsize=64)(self._references)

    def compare(self, meter: str, listed: Sequence[Suspect]) -> dict[str, Any]:
        row = self._network.meter_row[meter]
        recorded = self._name(int(self._areas.of_meter[row]))
        customer = self._network.customers.ids[int(self._network.meters.customer[row])]
        others = {
            candidate.transformer
            for one in listed
            if one.customer == customer
            for candidate in one.candidates
        }
        own = self._series(meter, "voltage_a_v")
        by_area = fits(
            own, {place: self._reference(place, meter) for place in sorted({recorded, *others} - {""})}
        )
        by_phase = self._by_phase(recorded, own)
        written = Phases(int(self._network.meters.phases[row])).name or ""
        return {
            "meter": meter,
            "recorded_at": recorded,
            "areas": [_fit(one) for one in by_area],
            "rather_at": _place(better_place(recorded, by_area)),
            "recorded_phase": written,
            "phases": [_fit(one) for one in by_phase],
            "rather_phase": _place(better_place(written, by_phase)) if len(written) == 1 else None,
        }

    def _by_phase(self, transformer: str, own: NDArray[np.float64]) -> tuple[Fit, ...]:
        terminal = self._terminal(transformer)
        if terminal is None:
            return ()
        return fits(own, {phase.upper(): self._series(terminal, f"voltage_{phase}_v") for phase in PHASES})

    def _references(self, transformer: str, without: str) -> NDArray[np.float64]:
        edge = self._network.edge_row[transformer]
        rows = np.flatnonzero(self._areas.of_meter == edge)
        ids = [
            self._network.meters.ids[row] for row in rows.tolist() if self._network.meters.ids[row] != without
        ]
        step = max(1, len(ids) // REFERENCES)
        chosen = ids[::step][:REFERENCES]
        return np.stack(
            [self._series(one, "voltage_a_v") for one in chosen] or [np.full(self._count, np.nan)]
        )

    def _series(self, device: str, quantity: str) -> NDArray[np.float64]:
        to_ms = self._from_ms + self._count * QUARTER_MS
        return sampled(
            self._readings.series(device, self._from_ms, to_ms), quantity, self._from_ms, self._count
        )

    def _terminal(self, transformer: str) -> str | None:
        rows = np.flatnonzero(self._network.terminals.edge == self._network.edge_row.get(transformer, ABSENT))
        return self._network.terminals.ids[int(rows[0])] if len(rows) else None

    def _name(self, edge: int) -> str:
        return "" if edge == ABSENT else self._network.edges.ids[edge]


def _meters_of(network: Network, customers: Sequence[str]) -> list[str]:
    rows = {network.customer_row[customer] for customer in customers}
    return [
        meter
        for meter, row in zip(network.meters.ids, network.meters.customer.tolist(), strict=True)
        if row in rows
    ]


def _document(one: Suspect) -> dict[str, Any]:
    return {
        "customer": one.customer,
        "recorded_at": one.transformer,
        "outages": list(one.contradicted),
        "sure": one.sure,
        "perhaps_at": [
            {"transformer": c.transformer, "outages": c.outages, "distance_m": c.distance_m}
            for c in one.candidates
        ],
    }


def _fit(fit: Fit) -> dict[str, Any]:
    return {"place": fit.place, "correlation": round(fit.correlation, 3), "times": fit.times}


def _place(fit: Fit | None) -> str | None:
    return None if fit is None else fit.place


def _page(document: Mapping[str, Any]) -> str:
    lines = [
        f"{one['customer']} at 在 {one['recorded_at'] or '?'}: {len(one['outages'])} outages 停电 "
        f"→ {', '.join(place['transformer'] for place in one['perhaps_at']) or '?'}"
        for one in document["suspects"]
    ]
    lines += [f"area 台区 {one['transformer']}: {one['customers']}" for one in document["wrong_areas"]]
    for one in document.get("voltage", ()):
        told = ", ".join(f"{fit['place']} {fit['correlation']}" for fit in (*one["areas"], *one["phases"]))
        rather = " ".join(str(place) for place in (one["rather_at"], one["rather_phase"]) if place)
        lines.append(
            f"voltage 电压 {one['meter']}: {told or 'too few readings'}{f' → {rather}' if rather else ''}"
        )
    return "\n".join(lines) or "nothing was contradicted"
