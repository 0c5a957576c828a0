"""What is found out of files that say nothing of themselves."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from server.artefact.runtime import Runtime
from server.artefact.tensors import TensorSpec
from server.models.probe import UNKNOWN_SECONDS, guessed, probe
from server.models.trial import TrialFailed
from tests.support.server import models, tensors

ROW_INDEPENDENT = {
    "types": True,
    "words": True,
    "halves": True,
    "pictures": True,
    "sentences": True,
    "wide": True,
    "pair": True,
    "fixed": False,
    "single": False,
    "summed": False,
    "mixing": False,
}


@pytest.mark.parametrize("name", ROW_INDEPENDENT)
def test_whether_rows_stand_alone_and_what_a_run_costs(name: str) -> None:
    runtime = Runtime(tensors.SERVED[name]().data)
    verdict, curve = probe(runtime, 64)
    assert (verdict.golden_rows, verdict.row_independent) == (0, ROW_INDEPENDENT[name])
    assert 0.0 < curve.seconds(1) != UNKNOWN_SECONDS


def test_a_file_that_made_up_inputs_do_not_suit_serves_by_itself() -> None:
    verdict, curve = probe(Runtime(tensors.parsed().data), 64)
    assert not verdict.row_independent
    assert curve.seconds(1) == UNKNOWN_SECONDS


def test_sizes_that_vary_are_guessed_alike_for_all_inputs() -> None:
    runtime = Runtime(tensors.sentences().data)
    shapes = [[layout.row_shape for layout in layouts] for layouts in guessed(runtime.inputs)]
    assert shapes == [[(8,), (8,)], [(32,), (32,)], [(224,), (224,)], [(1,), (1,)]]
    assert [layouts[0].row_shape for layouts in guessed(Runtime(models.plain().data).inputs)] == [(3,)]
    assert [layouts[0].row_shape for layouts in guessed(Runtime(tensors.fixed().data).inputs)] == [(2, 3)]


def test_a_graph_that_wants_too_much_is_not_tried() -> None:
    spec = TensorSpec("x", np.dtype(np.float32), (None, 10_000, None))
    assert [layouts[0].row_shape for layouts in guessed([spec])] == [(10_000, 8), (10_000, 32), (10_000, 1)]


@pytest.mark.fault(50)
def test_a_graph_that_makes_gigabytes_out_of_nothing_is_refused() -> None:
    """``ConstantOfShape`` of an input's value, with all that memory can hold and more."""
    data = models.onnx_file(
        [
            helper.make_node("Mul", ["X", "huge"], ["size"]),
            helper.make_node("Add", ["size", "huge"], ["more"]),
            helper.make_node("ConstantOfShape", ["more"], ["Y"]),
        ],
        [("X", models.INT64, [1])],
        [("Y", models.FLOAT, ["N"])],
        {"huge": np.array([2**45])},
    )
    with pytest.raises(TrialFailed, match=r"(?i)alloc"):
        probe(Runtime(data), 64)
