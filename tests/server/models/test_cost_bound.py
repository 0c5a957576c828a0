"""Which models may run in the event loop: those of which the rows alone decide the cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from server.artefact.tensors import TensorSpec
from server.models.cost_bound import BY_TEXTS, BY_VALUES, has_cost_by_rows, pads_texts
from server.models.folder import VersionFile
from tests.support.models.endless_models import counting
from tests.support.models.loading import load_version
from tests.support.server.models import Made, classifier, mixed, plain, regressor, row_mixing

PLAIN = {("", "MatMul"), ("", "Add"), ("ai.onnx.ml", "TreeEnsembleClassifier")}


def spec(*shape: int | None) -> TensorSpec:
    return TensorSpec("X", np.dtype(np.float32), shape)


@pytest.mark.parametrize(
    ("shape", "row_independent", "bounded"),
    [
        ((None, 4), True, True),
        ((None, None), True, False),
        ((None, 3, None), True, False),
        ((None, 4), False, False),  # the product of all pairs of rows grows with their square
        ((1, 4), False, True),
    ],
)
def test_shapes_that_a_client_chooses_are_no_bound(
    shape: tuple[int | None, ...], row_independent: bool, bounded: bool
) -> None:
    assert has_cost_by_rows(PLAIN, [spec(*shape)], ours=False, row_independent=row_independent) == bounded


@pytest.mark.parametrize("name", sorted(BY_VALUES | BY_TEXTS))
def test_an_operator_that_values_or_texts_keep_busy_is_no_bound(name: str) -> None:
    assert not has_cost_by_rows({*PLAIN, ("", name)}, [spec(None, 4)], ours=False, row_independent=True)


def test_the_runtimes_own_operators_are_unknown() -> None:
    operators = {*PLAIN, ("com.microsoft", "Tokenizer")}
    assert not has_cost_by_rows(operators, [spec(None, 4)], ours=True, row_independent=True)


@pytest.mark.parametrize(
    ("made", "bounded"),
    [
        (classifier(), True),
        (regressor(), True),
        (mixed(), True),
        (plain(), True),
        (row_mixing(), False),
        (counting(), False),
    ],
    ids=["classifier", "regressor", "mixed", "plain", "row mixing", "loop"],
)
def test_a_whole_file(made: Made, bounded: bool, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(made.data)
    assert load_version(VersionFile("m", "1", tmp_path / "m.onnx")).cost_by_rows == bounded


@pytest.mark.parametrize(
    ("operator", "pads"),
    [(("com.microsoft", "Tokenizer"), True), (("", "StringSplit"), True), (("", "StringNormalizer"), False)],
)
def test_operators_that_pad_texts_are_known(operator: tuple[str, str], pads: bool) -> None:
    assert pads_texts({*PLAIN, operator}) == pads
