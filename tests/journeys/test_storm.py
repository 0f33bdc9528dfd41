"""A storm on real processes: however fast it goes (`benchmarks/storm_night.py`), no promise is broken."""

from pathlib import Path

import pytest

from benchmarks.storm.night import Plan, storm
from benchmarks.storm.reckoning import Reckoning

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.xdist_group("product")]


def test_three_hundred_outages_and_thirty_crews_break_no_promise(tmp_path: Path) -> None:
    assert Reckoning(storm(Plan(), tmp_path)).broken() == []
