"""A year's reliability as a document: indices by name, for the command line and the API alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import numpy as np

from telemetry.absences import Absences, account
from telemetry.instants import iso_seconds
from telemetry.interruptions import Ledger
from telemetry.major_event_days import YEARS, Days, daily_saidi_min, on_days, threshold
from telemetry.reliability import (
    CAUSES,
    Episodes,
    Float64,
    Period,
    Totals,
    dlt836,
    ieee1366,
    part_of_table,
    year_period,
)
from telemetry.reliability_parts import Parts, Report, report

MAX_PARTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Year:
    """The calendar year that is reported, in its zone."""

    year: int
    zone: tzinfo

    @property
    def period(self) -> Period:
        return year_period(self.year, self.zone)


def of_list(episodes: Episodes, customers: int, year: Year) -> dict[str, Any]:
    """Indices of a list of interruptions of ``customers``; earlier years set the major event days."""
    totals = Totals.of(episodes, np.array([customers], np.float64), year.period)
    return {
        "customers": customers,
        "ieee1366": part_of_table(ieee1366(totals), 0),
        "dlt836": part_of_table(dlt836(totals), 0),
        "major_event_days": major_event_days(episodes, customers, year),
    }


def of_ledger(ledger: Ledger, company: Parts, year: Year, customers: int | None = None) -> dict[str, Any]:
    """Indices of the whole company; ``customers`` served where they are more than the network knows."""
    if customers is not None:
        company = _served(company, customers)
    whole = report(ledger, company, year.period)
    served = int(company.customers[0])
    everyone = ledger.customers.episodes(np.zeros(len(ledger.customer_ids), np.int32))
    return part(whole, 0) | {"major_event_days": major_event_days(everyone, max(served, 1), year)}


def part(whole: Report, number: int) -> dict[str, Any]:
    """One part's document."""
    return {
        "customers": int(whole.parts.customers[number]),
        "equivalent_customers": int(whole.parts.transformers[number]),
        "ieee1366": part_of_table(whole.ieee1366, number),
        "dlt836": part_of_table(whole.dlt836, number),
        "dlt836_medium_voltage": part_of_table(whole.dlt836_medium_voltage, number),
    }


def by_part(ledger: Ledger, parts: Parts, year: Year, limit: int = MAX_PARTS) -> list[dict[str, Any]]:
    """Every part that has customers or transformers, those with the longest SAIDI first."""
    whole = report(ledger, parts, year.period)
    served = np.flatnonzero((parts.customers > 0) | (parts.transformers > 0))
    saidi = np.nan_to_num(whole.ieee1366["saidi_min"][served], nan=-1.0)
    order = served[np.argsort(-saidi, kind="stable")][:limit]
    return [{"id": parts.ids[number]} | part(whole, number) for number in order.tolist()]


def of_customer(ledger: Ledger, who: int, year: Year) -> dict[str, Any]:
    """One customer's account and every interruption of the year, oldest first."""
    own = ledger.customers.of_one(who)
    inside = (own.ended_ms > year.period.start_ms) & (own.started_ms < year.period.end_ms)
    own = own.where(inside)
    told = account(own, year.period)
    return {
        "interruptions": told.interruptions,
        "hours": told.hours,
        "by_cause": {cause: {"interruptions": n, "hours": h} for cause, (n, h) in told.by_cause.items()},
        "rows": _rows(own, ledger),
    }


def _rows(own: Absences, ledger: Ledger) -> list[dict[str, Any]]:
    columns = zip(
        own.started_ms.tolist(), own.ended_ms.tolist(), own.cause.tolist(), own.outage.tolist(), strict=True
    )
    return [
        {
            "started_at": iso_seconds(started_ms),
            "ended_at": iso_seconds(ended_ms),
            "cause": str(CAUSES[cause]),
            "outage": ledger.outage_ids[outage],
        }
        for started_ms, ended_ms, cause, outage in columns
    ]


def major_event_days(episodes: Episodes, customers: int, year: Year) -> Mapping[str, Any]:
    """The year's major event days by the five years before, and the indices without them."""
    before = Days.between(year.year - YEARS, year.year - 1, year.zone)
    limit = threshold(daily_saidi_min(episodes, customers, before))
    days = Days.between(year.year, year.year, year.zone)
    daily = daily_saidi_min(episodes, customers, days)
    major = daily > (np.inf if limit.minutes is None else limit.minutes)
    served: Float64 = np.array([customers], np.float64)
    ordinary = episodes.where(~on_days(episodes, days, major))
    without = ieee1366(Totals.of(ordinary, served, year.period))
    return {
        "threshold_min": limit.minutes,
        "days_used": limit.days,
        "dates": [days.dates[number].isoformat() for number in np.flatnonzero(major).tolist()],
        "ieee1366": part_of_table(without, 0),
    }


def _served(company: Parts, customers: int) -> Parts:
    counted = company.customers.copy()
    counted[0] = customers
    return Parts(company.ids, company.of_customer, company.of_edge, counted, company.transformers)
