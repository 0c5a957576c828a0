"""The page of coverage: what it counts, and what it lists."""

from __future__ import annotations

from tests.campaigns.coverage import data, measure
from tests.campaigns.coverage.report import page


def test_the_page_counts_and_lists_what_does_not_agree() -> None:
    good, bad = measure.Outcome("agrees"), measure.Outcome("refused", "no | reason")
    a, b = (data.Case("g", name, dict) for name in "ab")
    text = page.page([(a, good, good), (b, good, bad)])
    assert "| g | 2 | 2 (100%) | 0 | 0 | 1 | 1 | 0 | 0 |" in text
    assert "| b | agrees | refused: no \\| reason |" in text
    assert "| a |" not in text
