"""REL-01: major event days by the 2.5 beta method."""

import math
from datetime import UTC, date, timedelta, timezone

import numpy as np
import pytest

from telemetry.interruption_steps import Interruption, episodes_of
from telemetry.major_event_days import Days, daily_saidi_min, threshold
from telemetry.reliability import MINUTE_MS, Episodes, InterruptionCause
from telemetry.reliability_report import Year, of_list

FAULT = InterruptionCause.FAULT
BEFORE = Days.between(2021, 2025, UTC)
DAY_MS = 86_400_000


def _list(minutes_by_day: list[tuple[int, float]], customers: int = 100) -> Episodes:
    """(start, minutes) of interruptions of all customers."""
    rows = [Interruption(at, at + round(m * MINUTE_MS), customers, FAULT) for at, m in minutes_by_day]
    return episodes_of(rows, 0)


def test_the_threshold_of_a_known_distribution() -> None:
    """Half the days have e, half e³: α = 2, β = sqrt(n/(n − 1)) of the sample."""
    daily = np.array([math.e, math.e**3] * 50 + [0.0] * 20)
    found = threshold(daily)
    assert found.days == 100
    assert found.minutes == pytest.approx(math.exp(2 + 2.5 * math.sqrt(100 / 99)))


def test_too_few_days_make_no_threshold() -> None:
    assert threshold(np.ones(29)).minutes is None


def test_a_day_gets_the_whole_of_what_began_on_it_and_nothing_momentary() -> None:
    midnight = int(BEFORE.begin_ms[10])
    late = midnight + DAY_MS - 10 * MINUTE_MS
    daily = daily_saidi_min(_list([(late, 600), (midnight, 4)]), 100, BEFORE)
    assert daily[10] == pytest.approx(600)
    assert daily[11] == 0.0


def test_days_are_days_of_the_zone() -> None:
    china = Days.between(2026, 2026, timezone(timedelta(hours=8)))
    assert (len(china.dates), china.dates[0]) == (365, date(2026, 1, 1))
    assert china.of(np.array([int(china.begin_ms[0]) - 1, int(china.begin_ms[1])])).tolist() == [-1, 1]


def test_a_storm_is_told_apart_and_ordinary_days_are_kept() -> None:
    ordinary = [(int(at) + 3_600_000, 6 + n % 5) for n, at in enumerate(BEFORE.begin_ms[:-1]) if n % 3 == 0]
    year = Days.between(2026, 2026, UTC)
    storm = [(int(year.begin_ms[40]) + 5, 900.0), (int(year.begin_ms[41]) + 5, 8.0)]
    answer = of_list(_list(ordinary + storm), 100, Year(2026, UTC))
    days = answer["major_event_days"]
    assert days["dates"] == [year.dates[40].isoformat()]
    assert answer["ieee1366"]["saidi_min"] == pytest.approx(908)
    assert days["ieee1366"]["saidi_min"] == pytest.approx(8)
