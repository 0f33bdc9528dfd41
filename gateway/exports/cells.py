"""Single cells of an export: ids, local times, numbers. What a cell does not say for certain is refused.

Spreadsheets stand between most head-ends and us. They drop leading zeros (mended, for the length of an id is
known), turn long numbers into 1.23457E+11 (refused, for the digits are lost), and wrap text that they must
leave alone as ="0012" or '0012 (unwrapped).
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from gateway.exports.sources import NAMED_FORMATS

_EXPONENT: Final = re.compile(r"[+-]?\d+([.,]\d*)?[eE][+-]?\d+")
_DAY_NUMBER: Final = re.compile(r"[34]\d{4}(\.\d+)?")
_WRAPPED: Final = re.compile(r'="([^"]*)"')
_MIDNIGHT: Final = re.compile(r"(?<!\d)24([:：]?)00(\1(00))?$")
_ID: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_LARGEST: Final = Decimal(10) ** 13
"""No meter counts so far in any unit; the limit leaves room for at least five decimals in 64 bits."""
_MOST_DECIMALS: Final = 30
_DAY_MS: Final = 86_400_000
_LAST_MS: Final = 4_102_444_800_000  # 2100-01-01: beyond it no clock is right.
_COMPACT: Final = {"%Y%m%d%H%M%S": 14, "%Y%m%d%H%M": 12, "%Y%m%d": 8}


class BadCell(ValueError):
    """What a cell should have been and what it is."""


def read_id(cell: str, digits: int) -> str:
    """An id as it was before a spreadsheet touched it; raises BadCell."""
    text = cell.strip()
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped.group(1).strip() if wrapped else text.removeprefix("'")
    if not text:
        raise BadCell("expected an id, found nothing")
    if _EXPONENT.fullmatch(text):
        raise BadCell(
            f"expected an id, found {text!r}: a spreadsheet has rounded it and its last digits are lost; "
            "export the column as text"
        )
    if digits and text.isascii() and text.isdecimal():
        if len(text) > digits:
            raise BadCell(f"expected at most {digits} digits, found {text[:80]!r}")
        text = text.zfill(digits)
    if not _ID.fullmatch(text):
        raise BadCell(f"expected 1 to 64 printable characters, found {text[:80]!r}")
    return text


@lru_cache(maxsize=65_536)
def read_time(text: str, formats: tuple[str, ...], zone: str) -> int:
    """Epoch milliseconds of a local (or zoned) time; ``24:00`` is the next day's midnight; raises BadCell."""
    cell = " ".join(text.split())
    if not cell:
        raise BadCell("expected a time, found nothing")
    late = _MIDNIGHT.search(cell)
    if (late is not None and not cell.isdecimal()) or _is_compact_midnight(cell):
        cell = _without_midnight(cell)
        return _checked(_instant_ms(_moment(cell, text, formats, zone)) + _DAY_MS, text)
    return _checked(_instant_ms(_moment(cell, text, formats, zone)), text)


def _is_compact_midnight(cell: str) -> bool:
    return cell.isdecimal() and len(cell) in {12, 14} and cell[8:] in {"2400", "240000"}


def _without_midnight(cell: str) -> str:
    if cell.isdecimal():
        return cell[:8] + "0" * len(cell[8:])
    return _MIDNIGHT.sub(lambda found: "00" + found.group(0)[2:], cell)


def _moment(cell: str, text: str, formats: tuple[str, ...], zone: str) -> datetime:
    for shape in formats:
        found = _parsed(cell, shape)
        if found is not None:
            return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))
    hint = ": a spreadsheet's day number; export the column as text" if _DAY_NUMBER.fullmatch(cell) else ""
    raise BadCell(f"expected a time as {' or '.join(formats)}, found {text[:40]!r}{hint}")


def _parsed(cell: str, shape: str) -> datetime | None:
    try:
        if shape in NAMED_FORMATS:
            return _named(cell, shape)
        if len(cell) != _COMPACT.get(shape, len(cell)):
            return None
        return datetime.strptime(cell, shape)  # noqa: DTZ007 (the zone is the source's)
    except (ValueError, OverflowError, OSError):
        return None


def _named(cell: str, shape: str) -> datetime | None:
    if shape == "iso":
        return datetime.fromisoformat(cell) if len(cell) >= len("2026-11-22") and "-" in cell else None
    if not cell.isdecimal():
        return None
    seconds, milliseconds = divmod(int(cell), 1000) if shape == "epoch_ms" else (int(cell), 0)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)


def _instant_ms(moment: datetime) -> int:
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError, OSError):
        return -1


def _checked(instant_ms: int, text: str) -> int:
    if not 0 <= instant_ms < _LAST_MS:
        raise BadCell(f"expected a time from 1970 to 2100, found {text[:40]!r}")
    return instant_ms


def read_number(cell: str, missing: frozenset[str]) -> Decimal | None:
    """A decimal number as written (below 10^13), None where the cell holds no value; raises BadCell."""
    text = cell.strip()
    if not text or text in missing:
        return None
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise BadCell(f"expected a number, found {text[:40]!r}")
    if abs(number) >= _LARGEST or number.adjusted() < -_MOST_DECIMALS:
        raise BadCell(
            f"expected a number below 10^13 with at most {_MOST_DECIMALS} decimals, found {text[:40]!r}"
        )
    return number
