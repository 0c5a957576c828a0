"""Answers of v2: the best classes, and what shapes come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from server.codecs.v2.answer import OutputFormat, best_classes, render, start_of
from server.codecs.v2.request import RequestedOutput


def test_the_start_of_an_answer() -> None:
    assert orjson.loads(start_of("m", "2", None) + b"]}") == {"model_name": "m", "model_version": "2", "outputs": []}
    assert orjson.loads(start_of("m", "2", 'é"') + b"]}")["id"] == 'é"'


@pytest.mark.parametrize(
    ("output", "classes", "wanted"),
    [
        (np.array([[0.1, 0.9, 0.5]]), 2, [["0.900000:1", "0.500000:2"]]),
        (np.array([[np.nan, 0.5, -np.inf, np.inf]]), 9, [["inf:3", "0.500000:1", "-inf:2", "nan:0"]]),
        (np.array([[1.0, 1.0]], np.float32), 2, [["1.000000:0", "1.000000:1"]]),
        (np.array([[-128, 127, 0]], np.int8), 3, [["127:1", "0:2", "-128:0"]]),
        (np.array([[0, 2**64 - 1]], np.uint64), 1, [["18446744073709551615:1"]]),
        (np.array([1.5, 2.5]), 1, [["1.500000:0"], ["2.500000:0"]]),
        (np.array([[[1.0, 2.0], [3.0, 0.0]]]), 2, [["3.000000:2", "2.000000:1"]]),
    ],
)
def test_the_best_classes_of_rows(output: Any, classes: int, wanted: list[list[str]]) -> None:
    best = best_classes(output, True, classes, ())
    assert (best.tolist(), best.shape, best.dtype.kind) == (wanted, (len(wanted), len(wanted[0])), "O")


def test_the_best_classes_of_a_vector_without_rows() -> None:
    best = best_classes(np.array([1.0, 3.0, 2.0]), False, 2, ["a", "b"])
    assert best.tolist() == ["3.000000:1:b", "2.000000:2"]


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 0), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_, np.object_])
@pytest.mark.parametrize("binary", [True, False])
def test_shapes_and_sizes_fit_what_follows(shape: tuple[int, ...], dtype: Any, binary: bool) -> None:
    array = np.full(shape, "é" if dtype is np.object_ else 1, dtype)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", binary, 0),), {}, None)
    reply = render(form, [array], True)
    (output,) = orjson.loads(reply.pieces[0])["outputs"]
    assert output["shape"] == list(shape)
    if binary:
        size = array.size * (6 if dtype is np.object_ else array.itemsize)
        assert output["parameters"]["binary_data_size"] == len(reply.pieces[1]) == size
    else:
        assert output["data"] == array.reshape(-1).tolist()


def test_numbers_are_written_from_where_they_are() -> None:
    array = np.arange(1000, dtype=np.float64)
    reply = render(OutputFormat(start_of("m", "1", None), (RequestedOutput("y", True, 0),), {}, None), [array], True)
    assert np.shares_memory(np.frombuffer(reply.pieces[1], np.float64), array)
