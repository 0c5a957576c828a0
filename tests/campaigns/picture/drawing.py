"""Owns the drawing: lines of a terminal to one SVG. Pure. Knows nothing of what ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

COLUMNS = 100
CELL, LINE, SIZE, EDGE, BAR = 7.8, 20, 13, 22, 34  # pixels: of a character, a line, the type, the margin, the title bar
COLOURS = {"said": "#d6d3cc", "typed": "#ffffff", "prompt": "#5fc9a8", "good": "#8fdcc2", "note": "#8b8f92"}
STYLE = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
SPACE = "\u00a0"  # one that no renderer joins with its neighbours


class Line(NamedTuple):
    """What stands in one line, and how: "said" by a program, "typed" by a person, "good", or a "note"."""

    kind: str
    text: str


def wrapped(line: Line) -> list[Line]:
    """A line as a terminal of `COLUMNS` breaks it."""
    text = line.text
    return [Line(line.kind, text[at : at + COLUMNS]) for at in range(0, max(1, len(text)), COLUMNS)]


def draw(lines: Sequence[Line], told: str) -> str:
    """One SVG of a terminal; ``told``: what it shows, for who does not see it."""
    rows = [part for line in lines for part in wrapped(line)]
    width, height = int(2 * EDGE + COLUMNS * CELL), BAR + LINE * len(rows) + EDGE
    dots = "".join(f'<circle cx="{EDGE + 18 * at}" cy="19" r="5.5" fill="#3c4145"/>' for at in range(3))
    body = "\n".join(_text(number, row) for number, row in enumerate(rows) if row.text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(told, {chr(34): "&quot;"})}">\n'
        f'<rect width="{width}" height="{height}" rx="12" fill="#16191b"/>{dots}\n'
        f'<g font-size="{SIZE}" style="{STYLE}">\n{body}\n</g>\n</svg>\n'
    )


def _letters(text: str) -> str:
    return escape(text.replace(" ", SPACE))


def _text(number: int, row: Line) -> str:
    y = BAR + LINE * number + 16
    if row.kind == "typed" and row.text.startswith("$ "):
        parts = f'<tspan fill="{COLOURS["prompt"]}">${SPACE}</tspan>{_letters(row.text[2:])}'
    else:
        parts = _letters(row.text)
    return f'<text x="{EDGE}" y="{y}" fill="{COLOURS[row.kind]}" textLength="{len(row.text) * CELL:.0f}">{parts}</text>'
