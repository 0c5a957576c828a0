"""The page over real data: what it counts and lists; and the file that a broken run goes on from."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.coverage.measure import Outcome
from tests.campaigns.realdata.page import page
from tests.campaigns.realdata.results import Cell, Results

CELLS = [
    Cell("classification", "iris", "KNN", Outcome("refused", "of rows 2.7% tie")),
    Cell("classification", "wine", "KNN", Outcome("refused", "of rows 3% tie")),
    Cell("classification", "iris", "tree", Outcome("agrees")),
    Cell("classification", "wine", "tree", Outcome("differs", "4 of 9 | rows")),
    Cell("text", "tweets", "KNN", Outcome("agrees", "1 of 9 rows are accidents")),
    Cell("text", "tweets", "LDA", Outcome("not fitted")),
]


def test_the_page_counts_and_lists() -> None:
    text = page(CELLS)
    assert "| Classes | 2 | 4 | 1 | 2 | 1 | 0 |" in text
    assert "| all | 3 | 5 | 2 | 2 | 1 | 0 |" in text
    assert "| tree |  | **D** |" in text
    assert "| wine | tree | differs: 4 of 9 \\| rows |" in text
    assert "| 2 | KNN | iris, wine | of rows 2.7% tie |" in text
    assert "| tweets | KNN | 1 of 9 rows are accidents |" in text


def test_a_run_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    first = Results(tmp_path / "cells.jsonl")
    for cell in CELLS:
        first.add(cell)
    again = Results(tmp_path / "cells.jsonl")
    assert again.cells() == CELLS
    assert again.is_settled("iris", "tree")
    assert not again.is_settled("wine", "tree"), "what differs is measured again"
    assert not again.is_settled("wine", "LDA")
