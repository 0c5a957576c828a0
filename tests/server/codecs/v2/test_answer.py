"""Answers of v2: the best classes, and what shapes come back."""

from __future__ import annotations

import weakref
import zlib
from typing import Any

import numpy as np
import orjson
import pytest

from server.codecs.slices import finish
from server.codecs.v2.answer import ENCODED_ITEMS, SORTED_ITEMS, OutputFormat, best_classes, render, start_of
from server.codecs.v2.outputs import RequestedOutput


def test_the_start_of_an_answer() -> None:
    assert orjson.loads(start_of("m", "2", None) + b"]}") == {"model_name": "m", "model_version": "2", "outputs": []}
    assert orjson.loads(start_of("m", "2", 'é"') + b"]}")["id"] == 'é"'


@pytest.mark.parametrize("classes", [1, 5, 3000, 50_000])
@pytest.mark.parametrize("kind", ["numbers with equals and NaN", "whole numbers"])
def test_the_best_classes_of_a_wide_row_are_found_in_slices(kind: str, classes: int) -> None:
    values = np.random.default_rng(1).integers(0, 20_000, (2, 40_000))
    if kind != "whole numbers":
        values = np.where(values % 7 == 0, np.nan, values.astype(np.float64))
    slices = best_classes(values, True, classes, ())
    turns = 0
    try:
        while True:
            next(slices)
            turns += 1
    except StopIteration as stop:
        best = stop.value
    assert turns >= 2 * (values.shape[1] // SORTED_ITEMS + min(classes, 40_000) // ENCODED_ITEMS)
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
    best = finish(best_classes(output, True, classes, ()))
    assert (best.tolist(), best.shape, best.dtype.kind) == (wanted, (len(wanted), len(wanted[0])), "O")


@pytest.mark.parametrize("rows_first", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (0,), (0, 2, 3)])
def test_the_best_classes_of_nothing_are_none(rows_first: bool, shape: tuple[int, ...]) -> None:
    best = finish(best_classes(np.zeros(shape), rows_first, 2, ()))
    assert best.size == 0
    assert best.shape[:-1] == (shape[:1] if rows_first or len(shape) > 1 else ())


def test_the_best_classes_of_a_vector_without_rows() -> None:
    best = finish(best_classes(np.array([1.0, 3.0, 2.0]), False, 2, ["a", "b"]))
    assert best.tolist() == ["3.000000:1:b", "2.000000:2"]


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 0), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_, np.object_])
@pytest.mark.parametrize("binary", [True, False])
def test_shapes_and_sizes_fit_what_follows(shape: tuple[int, ...], dtype: Any, binary: bool) -> None:
    array = np.full(shape, "é" if dtype is np.object_ else 1, dtype)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", binary, 0),), {}, None)
    reply = finish(render(form, [array], True))
    (output,) = orjson.loads(reply.pieces[0])["outputs"]
    assert output["shape"] == list(shape)
    if binary:
        size = array.size * (6 if dtype is np.object_ else array.itemsize)
        assert output["parameters"]["binary_data_size"] == len(reply.pieces[1]) == size
    else:
        assert output["data"] == array.reshape(-1).tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_an_answer_that_waits_for_its_client_keeps_no_others_output(rows: int) -> None:
    output = np.ones((8, 50_000))
    wanted, own = OutputFormat(b"", (RequestedOutput("Y", True, 0),), {}, None), output[3 : 3 + rows]
    answer = finish(render(wanted, [own], True))
    assert b"".join(answer.pieces).endswith(own.tobytes())
    left = weakref.ref(output)
    del output, own
    assert left() is None


def test_numbers_are_written_from_where_they_are() -> None:
    array = np.arange(1000, dtype=np.float64)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", True, 0),), {}, None)
    reply = finish(render(form, [array], True))
    assert np.shares_memory(np.frombuffer(reply.pieces[1], np.float64), array)


@pytest.mark.parametrize("wants", [None, b"gzip", b"deflate"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.object_])
@pytest.mark.parametrize("asked", [(True, 0), (False, 0), (False, 2), (True, 2)])
def test_a_large_answer_is_made_of_slices_and_says_the_same(asked: tuple[bool, int], dtype: Any, wants: Any) -> None:
    if dtype is np.object_ and asked[1]:
        return
    array = np.array([str(n % 97) for n in range(30_000)], object) if dtype is np.object_ else np.arange(30_000) % 97
    array = array.astype(dtype).reshape(10_000, 3)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", *asked),), {}, wants)
    steps = sum(1 for _ in render(form, [array], True))
    reply = finish(render(form, [array], True))
    whole = b"".join(reply.pieces)
    if wants:
        whole = zlib.decompress(whole, 47)
    small = [
        finish(render(form._replace(compression=None), [array[at : at + 1]], True)) for at in range(0, 10_000, 997)
    ]
    assert steps >= (2 if not asked[0] or asked[1] or wants or dtype is np.object_ else 0)
    length = dict(reply.headers).get(b"inference-header-content-length")
    (said,) = orjson.loads(whole[: int(length)] if length else whole)["outputs"]
    assert said["shape"] == [10_000, asked[1] or 3]
    if not asked[0]:
        width = said["shape"][1]
        rows = [said["data"][at * width : (at + 1) * width] for at in range(0, 10_000, 997)]
        assert rows == [orjson.loads(each.pieces[0])["outputs"][0]["data"] for each in small]
