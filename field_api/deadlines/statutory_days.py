"""Days that the law gives everybody (全国年节及纪念日放假办法, edition in force since 2025-01-01).

They are what is certain of a year whose State Council notice is not published yet. The notice adds days off
beside them and working weekends for those; neither can be known before. Four festivals follow the moon or
the sun: their dates are written down for ten years, later years hold only the fixed ones.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Final

_DAY: Final = timedelta(days=1)

_FESTIVALS: Final = {
    2027: ("02-06", "04-05", "06-09", "09-15"),
    2028: ("01-26", "04-04", "05-28", "10-03"),
    2029: ("02-13", "04-04", "06-16", "09-22"),
    2030: ("02-03", "04-05", "06-05", "09-12"),
    2031: ("01-23", "04-05", "06-24", "10-01"),
    2032: ("02-11", "04-04", "06-12", "09-19"),
    2033: ("01-31", "04-04", "06-01", "09-08"),
    2034: ("02-19", "04-05", "06-20", "09-27"),
    2035: ("02-08", "04-05", "06-10", "09-16"),
    2036: ("01-28", "04-04", "05-30", "10-04"),
}
"""Year → 春节 (first day of the lunar year), 清明, 端午, 中秋."""


@cache
def statutory_days(year: int) -> frozenset[date]:
    """The days off of that year by law, with the working days that stand in for those on a weekend."""
    fixed = ("01-01", "05-01", "05-02", "10-01", "10-02", "10-03")
    days = {date.fromisoformat(f"{year}-{day}") for day in fixed}
    if year in _FESTIVALS:
        spring, *others = (date.fromisoformat(f"{year}-{day}") for day in _FESTIVALS[year])
        days |= {spring + n * _DAY for n in range(-1, 3)} | set(others)
    return frozenset(days | _stand_ins(days))


def _stand_ins(days: Iterable[date]) -> set[date]:
    """A day off that falls on a weekend is made up on the next working day (article 6)."""
    off = set(days)
    found: set[date] = set()
    for day in sorted(off):
        if day.weekday() >= 5:
            stand_in = day
            while stand_in.weekday() >= 5 or stand_in in off | found:
                stand_in += _DAY
            found.add(stand_in)
    return found
