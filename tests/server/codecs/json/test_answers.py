"""Answers: the JSON reads back as exactly the arrays and classes it was made of, for every kind of model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from server.artefact.metadata import Artefact, Golden, Output, Scalar
from server.artefact.tensors import Array, TensorSpec
from server.codecs.json.answers import group_of_outputs, groups_of
from tests.support.server.codecs.answers import bodies, finite, together
from tests.support.server.models import artefact_of, matrix

FLOATS = st.sampled_from([np.float64, np.float32, np.float16])
WHOLE = st.sampled_from([np.int64, np.int32, np.uint8, np.uint64, np.int8])


def artefact(outputs: Sequence[Output], classes: Any = None) -> Artefact:
    """An artefact of these outputs."""
    kind = "classifier" if any(output.role == "label" for output in outputs) else "regressor"
    return artefact_of(kind, matrix(["a"]), outputs, classes, [], {})  # type: ignore[arg-type]


VALUES = npst.arrays(FLOATS, st.tuples(st.integers(1, 5), st.integers(1, 3)))


@given(VALUES)
def test_a_value_is_a_number_where_a_row_has_one_else_a_list(array: Array) -> None:
    group, probabilities = groups_of(artefact([Output("value", "y")]), "7", [])
    assert probabilities is None
    want = [[finite(value) for value in row] for row in array.astype(np.float64).tolist()]
    if array.shape[1] == 1:
        want = [row[0] for row in want]
    predictions = [answer["prediction"] for answer in bodies(group, [array])]
    if array.dtype == np.float64:
        assert predictions == want
    np.testing.assert_array_equal(np.array(predictions, array.dtype), np.array(want, array.dtype))
    assert together(group, [array]) == {"prediction": predictions, "model_version": "7"}
    assert together(group, [array], 0, 1) == {"prediction": predictions[:1], "model_version": "7"}


def test_a_flat_value() -> None:
    group, _ = groups_of(artefact([Output("value", "y")]), "1", [])
    assert bodies(group, [np.array([1.5, 2.0])]) == [
        {"prediction": 1.5, "model_version": "1"},
        {"prediction": 2.0, "model_version": "1"},
    ]


@pytest.mark.parametrize("role", ["scores", "transformed"])
def test_a_role_is_a_key(role: Any) -> None:
    group, _ = groups_of(artefact([Output(role, "y")]), "1", [])
    assert together(group, [np.array([[1.0, 2.0], [3.0, math.nan]])]) == {
        role: [[1.0, 2.0], [3.0, None]],
        "model_version": "1",
    }


def test_no_columns_are_empty_lists() -> None:
    group, _ = groups_of(artefact([Output("transformed", "y")]), "1", [])
    assert together(group, [np.empty((2, 0))]) == {"transformed": [[], []], "model_version": "1"}


def test_transformed_text() -> None:
    group, _ = groups_of(artefact([Output("transformed", "y")]), "1", [])
    array = np.array([["a,b", 'c"'], ["%b", "é"]], np.object_)
    assert together(group, [array])["transformed"] == array.tolist()


CLASSES: dict[str, tuple[tuple[Scalar, ...], Any]] = {
    "text": (("a", 'b"%b', "é"), np.array([2, 0, 1])),
    "whole": ((0, 10, -3), np.array([2, 0, 1])),
    "float": ((1.0, 2.5, 3.0), np.array([2, 0, 1])),
    "bool": ((False, True), np.array([1, 0, 1])),
}
GRAPH_DTYPES: dict[str, list[Any]] = {
    "text": [np.object_],
    "whole": [np.int64],
    "float": [np.float32, np.float64],
    "bool": [np.int64, np.bool_],
}


@pytest.mark.parametrize(
    ("kind", "dtype"), [(kind, dtype) for kind, dtypes in GRAPH_DTYPES.items() for dtype in dtypes]
)
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_label_keeps_its_type_and_its_own_probability(kind: str, dtype: Any, shape: tuple[int, ...]) -> None:
    classes, at = CLASSES[kind]
    label = np.array([classes[i] for i in at]).astype(dtype).reshape(shape)
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.3, 0.3, 0.4]])[:, : len(classes)]
    plain, asked = groups_of(artefact([Output("label", "l"), Output("probabilities", "p")], classes), "1", [])
    assert plain.outputs == ("l", "p")
    assert asked is not None
    answer = together(plain, [label, probabilities])
    assert answer["prediction"] == [classes[i] for i in at]
    assert [type(label) for label in answer["prediction"]] == [type(classes[0])] * 3
    assert answer["probability"] == [probabilities[row, i] for row, i in enumerate(at)]
    assert list(answer) == ["prediction", "probability", "model_version"]
    keys = [label if isinstance(label, str) else orjson.dumps(label).decode() for label in classes]
    whole = together(asked, [label, probabilities])
    assert whole["probabilities"] == [dict(zip(keys, row, strict=True)) for row in probabilities.tolist()]
    assert {key: value for key, value in whole.items() if key != "probabilities"} == answer
    assert [list(row) for row in whole["probabilities"]] == [keys] * 3
    assert bodies(plain, [label, probabilities])[1]["prediction"] == classes[at[1]]


def test_a_label_without_classes_is_itself() -> None:
    for label in (np.array([-1, 1]), np.array(["a", "b"], np.object_), np.array([1.5, math.nan])):
        group, _ = groups_of(artefact([Output("label", "l")]), "1", [])
        assert together(group, [label])["prediction"] == [finite(value) for value in label.tolist()]


def test_probabilities_that_are_no_numbers_are_null() -> None:
    plain, asked = groups_of(artefact([Output("label", "l"), Output("probabilities", "p")], ("a", "b")), "1", [])
    outputs = [np.array(["b"], np.object_), np.array([[0.5, math.nan]], np.float32)]
    assert asked is not None
    assert bodies(plain, outputs)[0]["probability"] is None
    assert together(plain, outputs)["probability"][0] is None
    assert bodies(asked, outputs)[0]["probabilities"] == {"a": 0.5, "b": None}


def test_several_targets_are_lists_per_row() -> None:
    classes = ((0, 1, 2), (False, True))
    outputs = [Output("label", "l"), Output("probabilities", "p"), Output("probabilities", "q")]
    plain, asked = groups_of(artefact(outputs, classes), "1", [])
    arrays = [
        np.array([[2, 0], [1, 1]]),
        np.array([[0.1, 0.2, 0.7], [0.2, 0.6, 0.2]]),
        np.array([[0.9, 0.1], [0.4, 0.6]]),
    ]
    assert plain.outputs == ("l", "p", "q")
    assert together(plain, arrays) == {
        "prediction": [[2, False], [1, True]],
        "probability": [[0.7, 0.9], [0.6, 0.6]],
        "model_version": "1",
    }
    assert asked is not None
    first = bodies(asked, arrays)[0]
    assert first["probabilities"] == [{"0": 0.1, "1": 0.2, "2": 0.7}, {"false": 0.9, "true": 0.1}]
    assert type(first["prediction"][1]) is bool


def test_scores_beside_a_label() -> None:
    group, probabilities = groups_of(artefact([Output("label", "l"), Output("scores", "s")], ("a", "b")), "1", [])
    assert probabilities is None
    answer = together(group, [np.array(["b"], np.object_), np.array([[0.25]])])
    assert answer == {"prediction": ["b"], "scores": [0.25], "model_version": "1"}


@given(st.data())
def test_a_plain_file_answers_every_output_in_its_own_shape(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 4))
    shapes = data.draw(st.lists(st.lists(st.integers(0, 3), max_size=2), min_size=1, max_size=3))
    arrays = [data.draw(npst.arrays(FLOATS | WHOLE | st.just(np.bool_), st.just((rows, *shape)))) for shape in shapes]
    group = group_of_outputs(
        [TensorSpec(f"o{at}", array.dtype, (None,)) for at, array in enumerate(arrays)], "1", [], "outputs"
    )
    answer = together(group, arrays)["outputs"]
    assert list(answer) == [f"o{at}" for at in range(len(arrays))]
    for want, given_rows in zip(arrays, answer.values(), strict=True):
        assert len(given_rows) == rows
        read = np.array(given_rows, want.dtype).reshape(want.shape)
        blank = np.where(np.isfinite(want), want, np.nan) if want.dtype.kind == "f" else want
        np.testing.assert_array_equal(read, blank)
        assert np.shape(given_rows) == np.shape(want.tolist())


def test_a_plain_file_answers_text_and_short_numbers() -> None:
    group = group_of_outputs(
        [TensorSpec("t", np.dtype(np.object_), (None, 2)), TensorSpec("y", np.dtype(np.float32), (None,))],
        "1",
        [],
        "outputs",
    )
    arrays = [np.array([["a", "%b"]], np.object_), np.array([0.1], np.float32)]
    columns = group.encode(arrays)
    assert group.body(columns, 0) == b'{"outputs":{"t":["a","%b"],"y":0.1},"model_version":"1"}'


def test_golden_is_not_part_of_an_answer() -> None:
    assert artefact([Output("value", "y")]).golden == Golden((), {})
