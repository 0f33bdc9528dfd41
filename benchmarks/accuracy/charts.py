"""Plots as plain SVG: lines and points on two axes, readable on light and dark pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import log10
from typing import Final

Point = tuple[float, float]

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 210, 40, 52
COLOURS: Final = ("#3b7dd8", "#d9822b", "#3a9b5c", "#b04fbf", "#c23b4a", "#5f7a8c", "#8c6d1f", "#2aa3a3")
GREY: Final = "#808890"
STYLE: Final = f"role='img' font-family='system-ui, sans-serif' font-size='12' fill='{GREY}'"
MIDDLE: Final = "text-anchor='middle'"


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high``; logarithmic where asked."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at ``low`` and 1 at ``high``, held inside."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = log10(low), log10(high), log10(at)
        return (at - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    x: Axis
    y: Axis
    lines: Mapping[str, Sequence[Point]]
    ranges: Sequence[tuple[float, float, float]] = ()
    """(x, low, high): a bar of uncertainty, in the colour of the first line."""
    diagonal: bool = field(default=False)

    def svg(self) -> str:
        parts = [*self._frame(), *self._ticks()]
        if self.diagonal:
            corners = (self.x.low, self.y.low), (self.x.high, self.y.high)
            parts.append(self._polyline(corners, GREY, "stroke-dasharray='4 4'"))
        for at, low, high in self.ranges:
            parts.append(self._polyline(((at, low), (at, high)), COLOURS[0], "stroke-opacity='0.45'"))
        for number, (name, points) in enumerate(self.lines.items()):
            parts += self._line(number, name, points)
        return "\n".join([*parts, "</svg>", ""])

    def _place(self, point: Point) -> Point:
        x = LEFT + self.x.share(point[0]) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - self.y.share(point[1]) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    def _frame(self) -> list[str]:
        middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
        return [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {STYLE}>",
            f"<title>{escape(self.title)}</title>",
            _text(LEFT, 22, self.title, "font-size='15' font-weight='600'"),
            _text(middle, HEIGHT - 12, self.x.label, MIDDLE),
            f"<g transform='translate(16 {HEIGHT / 2}) rotate(-90)'>{_text(0, 0, self.y.label, MIDDLE)}</g>",
        ]

    def _ticks(self) -> list[str]:
        parts = []
        for tick in self.x.ticks:
            x, y = self._place((tick, self.y.low))
            parts.append(_text(x, y + 18, f"{tick:g}", MIDDLE))
        for tick in self.y.ticks:
            x, y = self._place((self.x.low, tick))
            line = (self.x.low, tick), (self.x.high, tick)
            parts.append(self._polyline(line, GREY, "stroke-opacity='0.25'"))
            parts.append(_text(x - 8, y + 4, f"{tick:g}", "text-anchor='end'"))
        return parts

    def _line(self, number: int, name: str, points: Sequence[Point]) -> list[str]:
        colour = COLOURS[number % len(COLOURS)]
        places = [self._place(point) for point in points]
        dots = [f"<circle cx='{x}' cy='{y}' r='3' fill='{colour}'/>" for x, y in places]
        row = TOP + 12 + 20 * number
        key = f"<rect x='{WIDTH - RIGHT + 14}' y='{row - 8}' width='14' height='4' fill='{colour}'/>"
        label = _text(WIDTH - RIGHT + 34, row - 2, name, "")
        return [self._polyline(points, colour, "stroke-width='2'"), *dots, key, label]

    def _polyline(self, points: Sequence[Point], colour: str, more: str) -> str:
        places = " ".join(f"{x},{y}" for x, y in map(self._place, points))
        return f"<polyline points='{places}' fill='none' stroke='{colour}' {more}/>"


def _text(x: float, y: float, text: str, more: str) -> str:
    return f"<text x='{x:g}' y='{y:g}' {more}>{escape(text)}</text>"
