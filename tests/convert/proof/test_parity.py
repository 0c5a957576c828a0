"""The comparison: which rows are asked alone, and that a difference there is found by the scale of its group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.graph.graph import Array
from convert.proof.parity import ALONE, LEAST_ALONE, prove
from server.artefact.metadata import Feature
from server.artefact.tensors import TensorSpec

FEATURES = (Feature("x", "float64", "X", False),)
ROWS = 3000


class Doubling:
    """A runtime that answers twice the number; alone, some rows otherwise."""

    def __init__(self, off: float = 0.0, wrong_together: bool = False) -> None:
        self.outputs = [TensorSpec("value", np.dtype(np.float64), (None,))]
        self.asked: list[int] = []
        self._off, self._wrong_together = off, wrong_together

    def run(self, outputs: Any, feed: dict[str, Array]) -> list[Array]:
        """The answer to each row."""
        x = feed["X"][:, 0]
        self.asked.append(len(x))
        answers = x * 2
        if len(x) == 1 and x[0] == 0.0:
            answers = answers + self._off
        if len(x) > 1 and self._wrong_together:
            answers[-1] += 1.0
        return [answers]


def proof_of(runtime: Doubling, apart: bool) -> Any:
    table = {"x": np.arange(ROWS, dtype=np.float64)}
    expected = {"usual": {"value": table["x"] * 2}}
    return prove(runtime, FEATURES, {"usual": table}, expected, {}, apart=apart)  # type: ignore[arg-type]


def test_every_row_is_asked_alone_unless_the_graph_keeps_rows_apart() -> None:
    whole, few = Doubling(), Doubling()
    assert proof_of(whole, False).rows == proof_of(few, True).rows == ROWS
    assert whole.asked == [ROWS, *[1] * ROWS]
    assert few.asked == [ROWS, *[1] * max(LEAST_ALONE, int(ROWS * ALONE))]


@pytest.mark.parametrize("apart", [False, True])
def test_a_row_that_differs_alone_is_wrong_by_the_scale_of_all_rows(apart: bool) -> None:
    allowed = 1e-5 * np.std(np.arange(ROWS) * 2.0)
    assert proof_of(Doubling(allowed * 0.9), apart).wrong == 0
    found = proof_of(Doubling(allowed * 1.1), apart)
    assert (found.wrong, found.bad[0].way, found.bad[0].row) == (1, "alone", {"x": 0.0})
    assert found.bad[0].excess == pytest.approx(1.1)


def test_a_row_that_differs_among_others_is_found_among_all() -> None:
    found = proof_of(Doubling(wrong_together=True), True)
    assert (found.wrong, found.bad[0].way, found.bad[0].row) == (1, "batched", {"x": ROWS - 1.0})
