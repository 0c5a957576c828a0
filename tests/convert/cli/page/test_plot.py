"""The plot of a proof: where a bar ends, and that a difference beyond the rule is seen."""

from __future__ import annotations

import re
from typing import Any

from convert.cli.page.plot import LEFT, WIDTH, plot


def line(worst: float, way: str = "batched", **more: Any) -> dict[str, Any]:
    return {"group": "usual", "output": "value", "way": way, "wrong": 0, "worst": worst, **more}


def bars(svg: str) -> list[tuple[str, float]]:
    """Class and width of each bar."""
    found = re.findall(r'<rect class="(\w+)" x="\d+" y="\d+" width="([\d.]+)"', svg)
    return [(kind, float(width)) for kind, width in found]


def test_bars_grow_by_powers_of_ten_up_to_the_rule_and_beyond() -> None:
    groups = [0.0, 1e-12, 1e-6, 1.0, 1e300]
    svg = plot([line(worst, group=str(worst)) for worst in groups])
    zero, least, middle, rule, beyond = (width for _, width in bars(svg))
    assert zero == least == 0
    assert middle == round(WIDTH * 6 / 13, 1)
    assert rule == round(WIDTH * 12 / 13, 1)
    assert beyond == WIDTH
    assert f'class="rule" x1="{LEFT + rule}"' in svg


def test_rows_alone_have_rings_of_their_own_and_what_differs_another_colour() -> None:
    svg = plot([line(1e-9), line(2.0, "alone"), line(1e-9, group="b", wrong=3), line(1e-9, "alone", group="b")])
    assert [kind for kind, _ in bars(svg)] == ["bar", "bad"]
    first, second = re.findall(r'<circle cx="([\d.]+)"', svg)
    assert float(first) > float(second)


def test_labels_have_no_measure() -> None:
    assert plot([line(0.0, output="label"), line(0.0, "alone", output="label")]) == ""
