"""Owns line charts as SVG text: axes, ticks, lines, marks. Pure; knows nothing of benches.

Everything is drawn into a box of 560 x 320 units that the page scales; colours are the page's CSS variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 16, 46


@dataclass(frozen=True, slots=True)
class Line:
    """Points from left to right; None breaks the line. ``colour`` is a CSS colour; ``thin`` is for the background.

    Dots at the places ``hollow`` are drawn as rings.
    """

    name: str
    colour: str
    points: Sequence[tuple[float, float | None]]
    thin: bool = False
    dots: bool = True
    hollow: frozenset[float] = frozenset()


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled point, such as a knee; with ``y`` None a labelled upright line, such as an event."""

    x: float
    y: float | None
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction: from ``low`` to ``high``, logarithmic or not."""

    low: float
    high: float
    log: bool = False
    label: str = ""

    def part(self, value: float) -> float:
        """Where a value stands, 0 to 1, held inside the axis."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values inside the axis, some three to eight of them."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Chart:
    """What one picture shows. ``goal`` is a value on the upright axis that counts as the limit."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    marks: Sequence[Mark] = field(default_factory=tuple)
    goal: tuple[float, str] | None = None


def axis_over(values: Sequence[float], label: str, *, log: bool = False, floor: float | None = None) -> Axis:
    """An axis that holds all values with a little air; at least a decade wide where logarithmic."""
    known = [value for value in values if value is not None and (value > 0 or not log)]
    low, high = (min(known), max(known)) if known else (1.0, 10.0)
    if log:
        low, high = low / 1.3, high * 1.4
        return Axis(low, max(high, low * 10), log=True, label=label)
    low = low if floor is None else floor
    return Axis(low, high * 1.1 if high > low else low + 1.0, label=label)


def draw(chart: Chart) -> str:
    """The whole SVG element."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">',
        *_grid(chart),
        *_goal(chart),
        *(text for mark in chart.marks if mark.y is None for text in _upright(chart, mark)),
        *(_line(chart, line) for line in chart.lines),
        *(text for mark in chart.marks if mark.y is not None for text in _point(chart, mark, mark.y)),
        "</svg>",
    ]
    return "".join(parts)


def short(value: float) -> str:
    """A number for an axis: 0.5, 20, 4k."""
    if value >= 1000:
        thousands = value / 1000
        return f"{thousands:g}k" if thousands < 1000 else f"{thousands / 1000:g}M"
    return f"{value:g}"


def _x(chart: Chart, value: float) -> float:
    return round(LEFT + chart.x.part(value) * (WIDTH - LEFT - RIGHT), 1)


def _y(chart: Chart, value: float) -> float:
    return round(HEIGHT - BOTTOM - chart.y.part(value) * (HEIGHT - TOP - BOTTOM), 1)


def _grid(chart: Chart) -> list[str]:
    parts = []
    for tick in chart.y.ticks():
        at = _y(chart, tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4}" text-anchor="end">{short(tick)}</text>')
    floor = HEIGHT - BOTTOM
    for tick in chart.x.ticks():
        at = _x(chart, tick)
        parts.append(f'<text class="tick" x="{at}" y="{floor + 19}" text-anchor="middle">{short(tick)}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="label" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(chart.x.label)}</text>'
    )
    place = f'transform="rotate(-90)" x="{-(TOP + HEIGHT - BOTTOM) / 2}" y="13" text-anchor="middle"'
    parts.append(f'<text class="label" {place}>{escape(chart.y.label)}</text>')
    return parts


def _goal(chart: Chart) -> list[str]:
    if chart.goal is None:
        return []
    value, text = chart.goal
    at = _y(chart, value)
    return [
        f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>',
        f'<text class="goal-text" x="{WIDTH - RIGHT}" y="{at - 6}" text-anchor="end">{escape(text)}</text>',
    ]


def _line(chart: Chart, line: Line) -> str:
    commands, dots, pen = [], [], "M"
    for x, y in line.points:
        if y is None:
            pen = "M"
            continue
        at = f"{_x(chart, x)} {_y(chart, y)}"
        commands.append(f"{pen}{at}")
        pen = "L"
        if line.dots:
            centre_x, centre_y = at.split()
            said = f"<title>{escape(f'{line.name}: {short(round(y, 2))} at {short(x)}')}</title>"
            inside = f"var(--card);stroke:{line.colour};stroke-width:2" if x in line.hollow else line.colour
            dots.append(f'<circle cx="{centre_x}" cy="{centre_y}" r="3.5" style="fill:{inside}">{said}</circle>')
    kind = "thin" if line.thin else "line"
    return f'<path class="{kind}" style="stroke:{line.colour}" d="{"".join(commands)}"/>{"".join(dots)}'


def _point(chart: Chart, mark: Mark, y: float) -> list[str]:
    x, at = _x(chart, mark.x), _y(chart, y)
    anchor = "end" if x > WIDTH * 0.6 else "middle"
    return [
        f'<circle class="ring" cx="{x}" cy="{at}" r="8" style="stroke:{mark.colour}"/>',
        _mark_text(mark, x, at - 14, anchor),
    ]


def _upright(chart: Chart, mark: Mark) -> list[str]:
    x = _x(chart, mark.x)
    anchor, shift = ("end", -5) if x > WIDTH * 0.6 else ("start", 5)
    return [
        f'<line class="event" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
        _mark_text(mark, x + shift, TOP + 10, anchor),
    ]


def _mark_text(mark: Mark, x: float, y: float, anchor: str) -> str:
    style = f'style="fill:{mark.colour}"'
    return f'<text class="mark" x="{x}" y="{y}" text-anchor="{anchor}" {style}>{escape(mark.text)}</text>'


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if math.log10(high / low) > 3.2 else (1, 3) if math.log10(high / low) > 1.8 else (1, 2, 5)
    values = [step * 10.0**decade for decade in decades for step in steps]
    return [value for value in values if low <= value <= high]


def _linear_ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round(number * step, 10) for number in range(first, first + count)]
