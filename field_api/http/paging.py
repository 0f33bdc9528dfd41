"""Cursors: where the next page begins, readable and never an error."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from field_api.ports import PageAfter

Row = TypeVar("Row")


def page_after(cursor: str | None) -> PageAfter | None:
    """The place that a cursor names."""
    if cursor is None:
        return None
    value, _, identifier = cursor.partition(".")
    return PageAfter(int(value), identifier)


def number_after(cursor: str | None) -> int | None:
    """The number that a cursor begins with."""
    after = page_after(cursor)
    return None if after is None else after.value


def cut(
    rows: Sequence[Row], limit: int, place: Callable[[Row], tuple[int, str]]
) -> tuple[Sequence[Row], str | None]:
    """The page, and the cursor of the next if there is one; ``rows`` holds one more than fit."""
    if len(rows) <= limit:
        return rows, None
    value, identifier = place(rows[limit - 1])
    return rows[:limit], f"{value}.{identifier}" if identifier else str(value)
