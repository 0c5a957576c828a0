"""Owns the plot of a proof: how far each group's answers differ, against what the rule allows, as inline SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from convert.cli.terminal import on_one_line

LEAST, MOST = -12, 1  # powers of ten of what the rule allows; 0 is the rule itself
LEFT, WIDTH, LINE, TOP = 220, 460, 26, 34
MOST_LINES, MOST_CHARACTERS = 60, 30
TICKS = ((-12, "1e-12"), (-9, "1e-9"), (-6, "1e-6"), (-3, "1e-3"), (0, "the rule"))


def plot(lines: Sequence[Mapping[str, Any]]) -> str:
    """One line for each group and output that has a measure: a bar for rows together, a ring for rows alone."""
    measured = [line for line in lines if line["output"] != "label"]
    together = [line for line in measured if line["way"] == "batched"][:MOST_LINES]
    alone = {(line["group"], line["output"]): line["worst"] for line in measured if line["way"] == "alone"}
    if not together:
        return ""
    height = TOP + LINE * len(together) + 8
    parts = [_axis(height)]
    for number, line in enumerate(together):
        parts.append(_line(TOP + LINE * number, line, alone.get((line["group"], line["output"]), line["worst"])))
    title = (
        "The largest difference of each group of rows, on a scale of powers of ten; the rule is the line at the right"
    )
    return (
        f'<svg viewBox="0 0 {LEFT + WIDTH + 20} {height}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _axis(height: int) -> str:
    marks = []
    for power, text in TICKS:
        x, kind = _x(10.0**power), "rule" if power == 0 else "tick"
        marks.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height}"/>')
        marks.append(f'<text class="{kind}" x="{x}" y="{TOP - 16}" text-anchor="middle">{text}</text>')
    return "".join(marks)


def _line(y: int, line: Mapping[str, Any], alone: float) -> str:
    name = on_one_line(f"{line['group']}, {line['output']}")
    shown = name if len(name) <= MOST_CHARACTERS else f"{name[:MOST_CHARACTERS]}..."
    kind = "bad" if line["wrong"] else "bar"
    return (
        f'<text x="{LEFT - 12}" y="{y + 15}" text-anchor="end">{escape(shown)}</text>'
        f'<rect class="{kind}" x="{LEFT}" y="{y + 6}" width="{round(_x(line["worst"]) - LEFT, 1)}" height="10" rx="2"/>'
        f'<circle cx="{_x(alone)}" cy="{y + 11}" r="4"/>'
    )


def _x(share: float) -> float:
    """Where a share of what the rule allows stands; zero and less than the scale shows at its left edge."""
    power = math.log10(share) if share > 0 else float(LEAST)
    return round(LEFT + WIDTH * (min(max(power, LEAST), MOST) - LEAST) / (MOST - LEAST), 1)
