"""Back-pressure: three steps with relief, and how long the room will do."""

from pathlib import Path

import pytest

from gateway.adapters.delivery.disk import Ballast, Disk
from gateway.backpressure import NEVER_FULL_S, Pressure, capacity_s, pressure


@pytest.mark.parametrize(
    ("used", "before", "now"),
    [
        (0.69, Pressure.FREE, Pressure.FREE),
        (0.70, Pressure.FREE, Pressure.SLOW),
        (0.69, Pressure.SLOW, Pressure.SLOW),
        (0.67, Pressure.SLOW, Pressure.FREE),
        (0.86, Pressure.FREE, Pressure.HOLD_BULK),
        (0.84, Pressure.HOLD_BULK, Pressure.HOLD_BULK),
        (0.82, Pressure.HOLD_BULK, Pressure.SLOW),
        (0.91, Pressure.EVENTS_ONLY, Pressure.EVENTS_ONLY),
        (0.50, Pressure.EVENTS_ONLY, Pressure.FREE),
    ],
)
def test_a_step_is_left_below_where_it_began(used: float, before: Pressure, now: Pressure) -> None:
    assert pressure(used, before) is now


def test_the_room_is_told_until_the_next_frames_must_wait() -> None:
    assert capacity_s(1_000, 500, 10.0) == 35, "bulk waits from 85 % on"
    assert capacity_s(1_000, 900, 10.0) == 2, "then everything but events, from 92 %"
    assert capacity_s(1_000, 950, 10.0) == 5
    assert capacity_s(10**15, 0, 1.0) == NEVER_FULL_S


def test_the_ballast_is_given_up_once_and_taken_again(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "spool" / "ballast", 1_000_000)
    disk = Disk((tmp_path,), ballast)
    assert disk.pressure() is Pressure.FREE
    assert (tmp_path / "spool" / "ballast").stat().st_size == 1_000_000
    assert not disk.full(OSError(5, "input/output error"))
    assert disk.full(OSError(28, "no space left"))
    assert ballast.missing
    assert not disk.full(OSError(28, "no space left")), "there is no more to give"
    disk.took(3_000)
    assert disk.gauges()["intake_bytes_per_s"] > 0
    assert not ballast.missing, "there is room again"
