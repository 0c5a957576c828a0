"""What occurs in rows of codes, and which n-grams do: against counting them one by one."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

from convert.exporters.parts.text.distinct import distinct
from convert.exporters.parts.text.ngrams import numbered
from convert.graph.graph import Array, Graph
from server.artefact.runtime import Runtime

NONE = 9


def run(graph: Graph, outputs: dict[str, Any], x: Array) -> list[Array]:
    """The outputs of rows of as many codes as there may be."""
    shapes: dict[str, Any] = dict.fromkeys(outputs, (None,))
    model = graph.finish(outputs, shapes)
    return Runtime(model.SerializeToString()).run(list(outputs), {"X": x})


@pytest.mark.parametrize("width", [1, 2, 30])
def test_each_code_occurs_once_with_how_often(width: int) -> None:
    graph = Graph()
    found = distinct(graph.input("X", np.int64, width), NONE)
    codes = np.random.default_rng(width).integers(0, NONE + 3, (50, width))
    at, amounts = run(graph, {"at": found.at, "amounts": found.amounts}, codes)
    for row, columns, counts in zip(codes, at, amounts, strict=True):
        occurring = {column: count for column, count in zip(columns, counts, strict=True) if column < NONE}
        assert occurring == Counter(code for code in row.tolist() if code < NONE)
        assert counts[columns == NONE].tolist() == [0.0] * (columns == NONE).sum()


def test_each_code_adds_what_stands_beside_it() -> None:
    random, graph = np.random.default_rng(1), Graph()
    codes = random.integers(0, NONE + 1, (40, 12))
    signs = np.array([-1.0, 1.0, 0.5])
    given = graph.input("X", np.int64, 12)
    beside = graph.op("Gather", graph.constant(signs), given - (given / np.int64(3)) * np.int64(3), dtype=np.float64)
    found = distinct(given, NONE, beside)
    at, amounts = run(graph, {"at": found.at, "amounts": found.amounts}, codes)
    for row, columns, sums in zip(codes, at, amounts, strict=True):
        whole = np.bincount(row, weights=signs[row % 3], minlength=NONE + 1)
        occurring = [column for column in columns.tolist() if column < NONE]
        assert occurring == sorted(set(row.tolist()) - {NONE})
        np.testing.assert_allclose(sums[: len(occurring)], whole[occurring], atol=1e-15)
        assert not sums[len(occurring) :].any()


def test_what_occurs_times_weights_is_the_product_of_the_whole_row() -> None:
    random, graph = np.random.default_rng(0), Graph()
    found = distinct(graph.input("X", np.int64, 12), NONE)
    codes, matrix = random.integers(0, NONE + 1, (40, 12)), random.normal(size=(NONE, 3))
    outputs = {"one": found.times(matrix[:, 0]).reshape(-1, 1), "several": found.times(matrix)}
    one, several = run(graph, outputs, codes)
    whole = np.array([np.bincount(row, minlength=NONE + 1)[:NONE] for row in codes])
    np.testing.assert_allclose(several, whole @ matrix, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(one, whole @ matrix[:, :1], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("sizes", [(1,), (2,), (1, 2), (1, 2, 3), (3,), (1, 3)])
@pytest.mark.parametrize("width", [1, 2, 25])
def test_n_grams_have_the_columns_that_a_list_of_them_gives(sizes: tuple[int, ...], width: int) -> None:
    random, graph = np.random.default_rng(width), Graph()
    every = [codes for size in sizes for codes in product(range(4), repeat=size)]
    grams = {column: list(every[at]) for column, at in enumerate(random.permutation(len(every))[: len(every) * 2 // 3])}
    columns = {tuple(codes): column for column, codes in grams.items()}
    none = len(grams)
    codes = random.integers(-2, 4, (60, width))
    (got,) = run(graph, {"got": numbered(graph.input("X", np.int64, width), grams, 4, none)}, codes)
    for row, found in zip(codes.tolist(), got.tolist(), strict=True):
        held = [tuple(row[at : at + size]) for size in sizes for at in range(width - size + 1)]
        assert Counter(column for column in found if column != none) == Counter(
            columns[gram] for gram in held if gram in columns
        )
