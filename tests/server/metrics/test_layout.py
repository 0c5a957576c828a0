"""The layout of a line: each number has cells of its own."""

from __future__ import annotations

from server.metrics.families import MODEL_FAMILIES, SERVER_FAMILIES
from server.metrics.layout import (
    CELLS_OF,
    LAST_RUN,
    MODEL_CELLS,
    MODEL_OFFSETS,
    POLLED,
    RUNNING,
    SERVER_CELLS,
    SERVER_OFFSETS,
    STATE,
)


def test_no_two_numbers_share_a_cell_and_no_cell_is_left_over() -> None:
    model = [MODEL_OFFSETS[family.name] + at for family in MODEL_FAMILIES for at in range(CELLS_OF[family.name])]
    server = [SERVER_OFFSETS[family.name] + at for family in SERVER_FAMILIES for at in range(CELLS_OF[family.name])]
    assert sorted([*model, LAST_RUN, RUNNING]) == list(range(MODEL_CELLS))
    assert sorted([*server, STATE, POLLED]) == list(range(SERVER_CELLS))
