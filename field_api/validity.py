"""What holds from one instant until another: half-open spans, of which one holds at a time."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol, TypeVar

ALWAYS_MS = 0
"""As a beginning: since before anything was recorded."""


class Spanned(Protocol):
    """Anything with a beginning and, where it has one, an end (UTC epoch milliseconds, the end excluded)."""

    @property
    def from_ms(self) -> int: ...
    @property
    def until_ms(self) -> int | None: ...


Held = TypeVar("Held", bound=Spanned)
Timed = TypeVar("Timed", bound=Any)


def holds(span: Spanned, at_ms: int) -> bool:
    """Does it hold at that instant?"""
    return span.from_ms <= at_ms and (span.until_ms is None or at_ms < span.until_ms)


def is_empty(span: Spanned) -> bool:
    """Does it end before it begins, or as it begins?"""
    return span.until_ms is not None and span.until_ms <= span.from_ms


def holding(spans: Iterable[Held], at_ms: int) -> tuple[Held, ...]:
    """Those that hold at that instant, in their order."""
    return tuple(span for span in spans if holds(span, at_ms))


def overlaps(spans: Iterable[Held], key: Callable[[Held], Hashable]) -> tuple[tuple[Held, Held], ...]:
    """Pairs of neighbours of the same key that hold at the same time; nothing means at most one at a time."""
    by_key: dict[Hashable, list[Held]] = {}
    for span in spans:
        by_key.setdefault(key(span), []).append(span)
    return tuple(
        (earlier, later)
        for group in by_key.values()
        for earlier, later in pairwise(sorted(group, key=lambda span: span.from_ms))
        if earlier.until_ms is None or earlier.until_ms > later.from_ms
    )


def succeeded(spans: Sequence[Timed], new: Timed) -> tuple[Timed, ...]:
    """The same succession with ``new`` in it: who held then ends as it begins, it ends as the next begins.

    ``spans`` and ``new`` are of one key and frozen dataclasses with ``from_ms`` and ``until_ms``. Where
    ``new`` has an end of its own, whoever was cut comes back at it, so that no hole opens.
    """
    kept: list[Timed] = []
    for span in spans:
        if not _meet(span, new):
            kept.append(span)
            continue
        if span.from_ms < new.from_ms:
            kept.append(replace(span, until_ms=new.from_ms))
        if new.until_ms is not None and (span.until_ms is None or span.until_ms > new.until_ms):
            kept.append(replace(span, from_ms=max(new.until_ms, span.from_ms)))
    return tuple(sorted([*kept, new], key=lambda span: span.from_ms))


def until_the_next(spans: Iterable[Spanned], from_ms: int) -> int | None:
    """When the first of them begins after ``from_ms``; None: none does."""
    return min((span.from_ms for span in spans if span.from_ms > from_ms), default=None)


def _meet(one: Spanned, other: Spanned) -> bool:
    begins_before = other.until_ms is None or one.from_ms < other.until_ms
    ends_after = one.until_ms is None or one.until_ms > other.from_ms
    return begins_before and ends_after
