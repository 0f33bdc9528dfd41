"""Rows of exported numbers → blocks of exact values: per terminal, meters × quantities × instants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.exports.numbers import InUnit, Numbers, repeated, to_quantity
from gateway.exports.sources import FileSource, Meaning
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality

Int64 = NDArray[np.int64]
Doubts = NDArray[np.uint8]
_NO_MEANING: Final = Meaning("")


@dataclass(frozen=True, slots=True)
class Row:
    """Where a line's numbers belong."""

    line: int
    terminal: str
    spans: tuple[tuple[str, int, int], ...]
    """(meter, first point, one past its last): more than one where a meter was exchanged during the day."""
    at_ms: tuple[int, ...]
    """The instants of its points; one where the line is of one instant."""
    quality: Quality
    meaning: Meaning = _NO_MEANING
    """What a curve's points are."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """``scaled[m, q, t]`` of meter m, quantity q, instant t; what one terminal (or the source) brought."""

    terminal: str
    at_ms: tuple[int, ...]
    meters: tuple[str, ...]
    quantities: tuple[str, ...]
    decimals: tuple[int, ...]
    scaled: Int64
    doubts: Doubts


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A line with a number that 64 bits do not hold in its quantity's unit; that number is left out."""

    line: int
    quantity: str


def row_blocks(source: FileSource, rows: Sequence[Row], found: Numbers) -> Iterator[Block | TooLarge]:
    """Blocks of lines of one instant each, a column per quantity."""
    good = [place for place in range(len(rows)) if place not in found.bad]
    if not good:
        return
    table = found.scaled[good]
    columns = [
        to_quantity(table[:, place], found.decimals, value.scale, CATALOGUE[value.quantity])
        for place, value in enumerate(source.values)
    ]
    names = tuple(value.quantity for value in source.values)
    for name, column in zip(names, columns, strict=True):
        yield from _too_large(name, column, [rows[place] for place in good])
    scaled = np.stack([column.scaled for column in columns], axis=1)
    doubts = np.stack([column.doubts for column in columns], axis=1)
    doubts |= np.array([rows[place].quality for place in good], dtype=np.uint8)[:, np.newaxis]
    doubts[scaled == MISSING] = 0
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for index, place in enumerate(good):
        groups[rows[place].terminal or source.name, rows[place].at_ms].append(index)
    for (terminal, at_ms), members in groups.items():
        meters, values, marks = _merged([rows[good[index]].spans[0][0] for index in members],
                                        scaled[members], doubts[members])  # fmt: skip
        if (values != MISSING).any():
            decimals = tuple(column.decimals for column in columns)
            yield Block(
                terminal, at_ms, meters, names, decimals, values[:, :, np.newaxis], marks[:, :, np.newaxis]
            )


def _merged(meters: list[str], scaled: Int64, doubts: Doubts) -> tuple[tuple[str, ...], Int64, Doubts]:
    """One row per meter; what a later line says of a meter replaces what an earlier one said."""
    place = {meter: index for index, meter in enumerate(dict.fromkeys(meters))}
    if len(place) == len(meters):
        return tuple(meters), scaled, doubts
    values = np.full((len(place), scaled.shape[1]), MISSING, dtype=np.int64)
    marks = np.zeros(values.shape, dtype=np.uint8)
    for meter, row, doubt in zip(meters, scaled, doubts, strict=True):
        there = row != MISSING
        values[place[meter], there], marks[place[meter], there] = row[there], doubt[there]
    return tuple(place), values, marks


def curve_blocks(source: FileSource, rows: Sequence[Row], found: Numbers) -> Iterator[Block | TooLarge]:
    """Blocks of lines of one meter, day and quantity each, a column per point."""
    by_meaning: dict[Meaning, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if place not in found.bad:
            by_meaning[row.meaning].append(place)
    for layer in _layers(by_meaning):
        in_unit = {}
        for meaning in layer:
            places = by_meaning[meaning]
            quantity = CATALOGUE[meaning.quantity]
            done = to_quantity(found.scaled[places], found.decimals, meaning.scale, quantity)
            yield from _too_large(quantity.name, done, [rows[place] for place in places])
            in_unit[meaning] = done
        yield from _layer_blocks(source, rows, by_meaning, in_unit)


def _layers(meanings: Iterable[Meaning]) -> list[list[Meaning]]:
    """Meanings in groups in which each quantity stands once: one quantity may come in two units."""
    layers: list[list[Meaning]] = []
    for meaning in meanings:
        free = (layer for layer in layers if all(other.quantity != meaning.quantity for other in layer))
        layer = next(free, None)
        if layer is None:
            layers.append([meaning])
        else:
            layer.append(meaning)
    return layers


def _layer_blocks(
    source: FileSource,
    rows: Sequence[Row],
    by_meaning: dict[Meaning, list[int]],
    in_unit: dict[Meaning, InUnit],
) -> Iterator[Block]:
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[int, Meaning, int]]] = defaultdict(list)
    for meaning in in_unit:
        for index, place in enumerate(by_meaning[meaning]):
            groups[rows[place].terminal or source.name, rows[place].at_ms].append((place, meaning, index))
    stale_after = source.curve.stale_after if source.curve is not None else 0
    for (terminal, at_ms), members in groups.items():
        meanings = list(dict.fromkeys(meaning for _, meaning, _ in members))
        meters = list(dict.fromkeys(meter for place, _, _ in members for meter, _, _ in rows[place].spans))
        m_place = {meter: at for at, meter in enumerate(meters)}
        scaled = np.full((len(meters), len(meanings), len(at_ms)), MISSING, dtype=np.int64)
        doubts = np.zeros(scaled.shape, dtype=np.uint8)
        for place, meaning, index in sorted(members, key=lambda member: member[0]):
            values, marks = in_unit[meaning].scaled[index], in_unit[meaning].doubts[index]
            marks = marks | np.uint8(rows[place].quality)
            if stale_after:
                marks = marks | repeated(values, stale_after)
            q = meanings.index(meaning)
            for meter, first, last in rows[place].spans:
                there = np.flatnonzero(values[first:last] != MISSING) + first
                scaled[m_place[meter], q, there] = values[there]
                doubts[m_place[meter], q, there] = marks[there]
        if (scaled != MISSING).any():
            names = tuple(meaning.quantity for meaning in meanings)
            decimals = tuple(in_unit[meaning].decimals for meaning in meanings)
            yield Block(terminal, at_ms, tuple(meters), names, decimals, scaled, doubts)


def _too_large(quantity: str, done: InUnit, rows: Sequence[Row]) -> Iterator[TooLarge]:
    for index in np.flatnonzero(done.too_large.reshape(len(rows), -1).any(axis=1)).tolist():
        yield TooLarge(rows[index].line, quantity)
