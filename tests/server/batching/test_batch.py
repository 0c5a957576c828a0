"""A batch: outputs that are no answer for each row are refused."""

from __future__ import annotations

import numpy as np
import pytest

from server.batching.batch import check_rows
from server.errors import ServerError


@pytest.mark.parametrize(
    "outputs",
    [
        [np.zeros(3)],
        [np.zeros(5)],
        [np.zeros((4, 2)), np.zeros((1, 4))],
        [np.float64(1.0)],
        [np.array(1.0)],
        [[1.0, 2.0, 3.0, 4.0]],
        [{"a": 1}],
    ],
)
def test_outputs_without_one_answer_for_each_row_are_refused(outputs: list[object]) -> None:
    with pytest.raises(ServerError) as caught:
        check_rows(outputs, 4)
    assert caught.value.code == "model_error"
    assert "4 rows" in str(caught.value)


def test_outputs_with_one_answer_for_each_row_pass() -> None:
    check_rows([np.zeros(4), np.zeros((4, 2)), np.zeros((4, 0))], 4)
