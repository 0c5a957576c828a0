"""Work in slices: what it joins and lets go of; and large requests mean what the same small ones do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs import predict
from server.codecs.codec import Codec
from server.codecs.mlflow.codec import mlflow_codec
from server.codecs.slices import (
    LARGE_BYTES,
    SLICE_ITEMS,
    WINDOW_BYTES,
    contains,
    count,
    discard,
    discarding,
    finish,
    join,
    ranges,
    rows_per_slice,
)
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import TensorCodec
from server.errors import ServerError
from tests.support.server import models
from tests.support.server.decoding import Decoded, decode
from tests.support.server.v2 import attempt


def test_ranges_cover_everything_once() -> None:
    assert list(ranges(7, 3)) == [(0, 3), (3, 6), (6, 7)]
    assert list(ranges(0, 3)) == []
    assert [rows_per_slice(width) for width in (0, 1, 4, 10**6)] == [SLICE_ITEMS, SLICE_ITEMS, SLICE_ITEMS // 4, 1]


def test_joined_parts_are_in_order_and_let_go() -> None:
    parts: list[Any] = [b"ab", memoryview(b"c"), b"", b"de"]
    assert bytes(finish(join(parts))) == b"abcde"
    assert parts == []
    assert finish(join([])) == b""
    assert finish(join([b"x"])) == b"x"


class Counted(float):
    """A number that counts how many of its kind were let go."""

    freed = 0

    def __del__(self) -> None:
        Counted.freed += 1


NESTED: dict[str, Callable[[], Any]] = {
    "a large list": lambda: [Counted() for _ in range(40_000)],
    "many of nearly a slice": lambda: [[Counted() for _ in range(SLICE_ITEMS)] for _ in range(10)],
    "many rows": lambda: [[Counted() for _ in range(8)] for _ in range(5_000)],
    "many of many": lambda: [[[Counted() for _ in range(100)] for _ in range(100)] for _ in range(4)],
    "a large object of rows": lambda: {str(at): [Counted() for _ in range(8)] for at in range(5_000)},
    "objects of objects": lambda: {str(at): {str(at): Counted() for at in range(200)} for at in range(200)},
    "one within one": lambda: functools.reduce(lambda inner, _: [inner, Counted()], range(900), list[Any]()),
}


@pytest.mark.parametrize("nested", NESTED)
def test_no_slice_lets_go_of_much_however_it_is_nested(nested: str) -> None:
    value = NESTED[nested]()
    Counted.freed = before = 0
    for _ in discard(value):
        assert Counted.freed - before <= 2 * SLICE_ITEMS
        before = Counted.freed
    assert Counted.freed - before <= 2 * SLICE_ITEMS
    assert Counted.freed > 800
    assert not value


def test_large_lists_are_emptied_in_slices_also_after_a_refusal() -> None:
    rows = [[1.5] * (2 * SLICE_ITEMS), *([2.5] for _ in range(2 * SLICE_ITEMS))]
    document = {"a": rows, "b": {str(number): number for number in range(2 * SLICE_ITEMS)}}
    assert sum(1 for _ in discard(document)) > 4
    assert rows == [] == [*document]

    def refusing() -> Any:
        yield
        raise ServerError("invalid_input", "no")

    values = list(range(2 * SLICE_ITEMS))
    with pytest.raises(ServerError, match="no"):
        finish(discarding(values, refusing()))
    assert values == []
    smalls: list[Any] = [1, None, "x", [1], {}]
    for small in smalls:
        finish(discard(small))


ARTEFACT = models.mixed().artefact
SIGNATURE = (TensorSpec("x", np.dtype(np.float64), (None, 3)),)
OUTPUTS = (TensorSpec("y", np.dtype(np.float64), (None, 1)),)
assert ARTEFACT is not None
NAMES = [feature.name for feature in ARTEFACT.features]
PREDICT = predict.codec_of_artefact(ARTEFACT, "1", 50)
MLFLOW = mlflow_codec(ARTEFACT, (), (), 50)
NUMBERS = predict.codec_of_signature(SIGNATURE, OUTPUTS, "1", 50)
assert MLFLOW is not None
assert NUMBERS is not None
V2 = TensorCodec("m", "1", SIGNATURE, OUTPUTS, row_independent=True, labels={}, max_rows=50, max_body_bytes=1 << 20)
X = {"name": "x", "shape": [2, 3], "datatype": "FP64", "data": [[1, 2, 3], [4, 5, 6]]}
GOOD = [
    5.1 if feature.dtype.startswith("f") else 3 if feature.dtype == "int64" else None for feature in ARTEFACT.features
]


def v2(**changed: Any) -> Any:
    return {"inputs": [X | changed]}


ROWS: list[Any] = [
    {"features": [1, 2, 3]},
    {"features": [[1, 2, 3], [4, 5, 6.5]]},
    {"features": [[1, 2, 3], [4, 5, True]]},
    {"features": [[1, 2, 3], [4, 5]]},
    {"features": [[1, 2, 3], {"x[0]": 1, "x[1]": 2, "x[2]": 3}]},
    {"features": [1, 2]},
    {"features": []},
    {"features": [[1, 2, 3]] * 51},
    {"features": [[1, 2, 3]], "probabilities": False},
    {"features": [[1, 2, 3]], "probabilities": True},
    {"features": [[1, 2, 3]], "more": 1},
    {"features": [[[[[[[[[[1]]]]]]]]]]},
    [1],
]
TABLES: list[Any] = [
    {"dataframe_records": [dict(zip(NAMES, GOOD, strict=True))] * 2},
    {"dataframe_split": {"columns": NAMES[::-1], "data": [GOOD[::-1]] * 3, "index": [1, 2, 3]}},
    {"dataframe_split": {"columns": [*NAMES, "more"], "data": [[*GOOD, 1]]}},
    {"instances": [GOOD, GOOD[1:]]},
    {"inputs": {name: [value] * 3 for name, value in zip(NAMES, GOOD, strict=True)}},
    {"inputs": dict(zip(NAMES, GOOD, strict=True)), "params": {"a": [1, 2]}},
    {"instances": []},
]
TENSORS: list[Any] = [
    v2(),
    v2(data=[1, 2, 3, 4, 5, 6]),
    v2(data=[1, 2, 3, 4, 5, "6"]),
    v2(data=[1, 2, 3, 4, 5, True]),
    v2(data=[1, 2, 3, 4, 5, 10**18], datatype="INT64"),
    v2(data=[[1, 2, 3], [4, 5]]),
    v2(data=[1]),
    v2(shape=[51, 3], data=[0] * 153),
    v2(shape=[0, 3], data=[]),
    v2(shape=[2**40, 3]),
    {"inputs": [X, X]},
    {"inputs": [X], "outputs": [{"name": "y"}], "id": "1"},
    {"inputs": [X], "outputs": [{"name": "z"}]},
]
CASES: list[tuple[Codec, Any, Any]] = [
    *[(NUMBERS, None, document) for document in ROWS],
    *[(MLFLOW, "json", document) for document in TABLES],
    *[(V2, TensorHead(), document) for document in TENSORS],
]


def told(codec: Codec, body: bytes, described: Any) -> Any:
    """Whatever the codec says of a body."""
    entry, error = attempt(lambda: decode(codec, body, described))
    if error is not None:
        return error.code, error.message
    assert isinstance(entry, Decoded)
    buffers = [buffer if isinstance(buffer, list) else bytes(buffer) for buffer in entry.buffers]
    return entry.rows, buffers, entry.request[1], entry.group.outputs


@pytest.mark.parametrize("case", range(len(CASES)))
def test_a_large_request_means_what_the_same_small_one_does(case: int) -> None:
    codec, described, document = CASES[case]
    text = orjson.dumps(document)
    spaced = text.replace(b",", b"," + b" " * (LARGE_BYTES // text.count(b",") + 1) if b"," in text else b",")
    padded = text[:-1] + b" " * LARGE_BYTES + text[-1:]
    small = told(codec, text, described)
    assert told(codec, padded, described) == small
    assert told(codec, spaced, described) == small


def test_large_csv_means_what_the_same_small_one_does() -> None:
    assert MLFLOW is not None
    header = ",".join(NAMES).encode()
    row = ",".join("" if value is None else str(value) for value in GOOD).encode()
    small = told(MLFLOW, header + b"\n" + row + b"\n" + row, "csv")
    assert told(MLFLOW, header + b"\n" * 900 + row + b"\r\n" + row + b"\n" * LARGE_BYTES, "csv")[0] == "too_many_rows"
    assert told(MLFLOW, header + b"\n" * 900 + row + b"\r\n" + row + b"\r\n" * 20, "csv") == small


def test_a_body_is_searched_in_windows_and_what_lies_across_two_is_found() -> None:
    across = b"x" * (WINDOW_BYTES - 2) + b"true" + b"x" * WINDOW_BYTES
    assert finish(contains(across, b"false", b"true"))
    assert not finish(contains(across, b"false"))
    assert not finish(contains(b"", b"false"))
    assert len(list(contains(b"t" * 3 * WINDOW_BYTES, b"true"))) == 3
    assert finish(count(across, ord("x"))) == across.count(b"x")
    assert len(list(count(across, ord("x")))) == 3
