"""The only place of local time: days and clock faces of the company, Asia/Shanghai."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from field_api.instants import EPOCH, milliseconds

ZONE: Final = ZoneInfo("Asia/Shanghai")


def local(at_ms: int) -> datetime:
    """The instant on the company's wall clock."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZONE)


def day_stamp(at_ms: int) -> str:
    """``20261122``, as order numbers carry it."""
    return local(at_ms).strftime("%Y%m%d")


def day_name(at_ms: int) -> str:
    """``2026-11-22``, the local day."""
    return local(at_ms).date().isoformat()


def local_day(at_ms: int) -> date:
    """The local day of that instant."""
    return local(at_ms).date()


def end_of_day_ms(day: date, closes: time | None = None) -> int:
    """The last millisecond of a local day, or the minute at which the office closes on it."""
    if closes is not None:
        return milliseconds(datetime.combine(day, closes, ZONE))
    return milliseconds(datetime.combine(day + timedelta(days=1), time(0), ZONE)) - 1


def midnight_ms(at_ms: int) -> int:
    """When the local day of that instant began."""
    return milliseconds(local(at_ms).replace(hour=0, minute=0, second=0, microsecond=0))


def clock_face(at_ms: int) -> str:
    """``11-22 16:30``, as people read it in a notice."""
    return local(at_ms).strftime("%m-%d %H:%M")


def clock_seconds(at_ms: int) -> str:
    """``11-22 16:30:05``, where seconds tell."""
    return local(at_ms).strftime("%m-%d %H:%M:%S")
