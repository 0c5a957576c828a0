"""The best classes of rows: which, in what order, and how many texts there are at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from server.codecs.slices import finish
from server.codecs.v2.classes import ENCODED_ITEMS, MAX_CLASSES, SORTED_ITEMS, classify
from server.codecs.v2.datatypes import to_json


def best(output: Any, rows_first: bool, classes: int, *labels: str) -> tuple[tuple[int, ...], list[str]]:
    """The shape of the texts, and all of them."""
    shape, pieces = finish(classify(output, rows_first, classes, labels, to_json))
    return shape, [text for piece in pieces for text in orjson.loads(piece)]


@pytest.mark.parametrize("classes", [1, 5, 3000, MAX_CLASSES])
@pytest.mark.parametrize("kind", ["numbers with equals and NaN", "whole numbers"])
def test_the_best_classes_of_a_wide_row_are_found_in_slices(kind: str, classes: int) -> None:
    values = np.random.default_rng(1).integers(0, 20_000, (2, 40_000))
    if kind != "whole numbers":
        values = np.where(values % 7 == 0, np.nan, values.astype(np.float64))
    slices = classify(values, True, classes, (), to_json)
    turns = 0
    try:
        while True:
            next(slices)
            turns += 1
    except StopIteration as stop:
        shape, pieces = stop.value
    assert turns >= 2 * (values.shape[1] // SORTED_ITEMS + classes // ENCODED_ITEMS)
    assert shape == (2, classes)
    best = np.array([text for piece in pieces for text in orjson.loads(piece)]).reshape(shape)
    for row, texts in zip(values, best, strict=True):
        order = sorted(range(len(row)), key=lambda column: (row[column] != row[column], -row[column]))[:classes]
        assert [int(text.split(":")[1]) for text in texts] == order


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
    shape, texts = best(output, True, classes)
    assert shape == (len(wanted), len(wanted[0]))
    assert texts == [text for row in wanted for text in row]


@pytest.mark.parametrize("rows_first", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (0,), (0, 2, 3)])
def test_the_best_classes_of_nothing_are_none(rows_first: bool, shape: tuple[int, ...]) -> None:
    found, texts = best(np.zeros(shape), rows_first, 2)
    assert texts == []
    assert 0 in found
    assert found[:-1] == (shape[:1] if rows_first or len(shape) > 1 else ())


def test_the_best_classes_of_a_vector_without_rows() -> None:
    assert best(np.array([1.0, 3.0, 2.0]), False, 2, "a", "b") == ((2,), ["3.000000:1:b", "2.000000:2"])


@pytest.mark.parametrize("shape", [(3000, 40), (1, 120_000), (20_000, 1), (9, 16_384)])
def test_few_texts_are_there_at_a_time(shape: tuple[int, int]) -> None:
    at_once = []

    def encode(texts: Any) -> bytes:
        at_once.append(len(texts))
        return b""

    (rows, count), _ = finish(classify(np.zeros(shape), True, MAX_CLASSES, (), encode))
    assert max(at_once) <= ENCODED_ITEMS
    assert sum(at_once) == rows * count == shape[0] * min(shape[1], MAX_CLASSES)
