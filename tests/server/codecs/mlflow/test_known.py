"""A table that is known by its bytes is read as it would be parsed; what is odd in it is refused as ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from server.artefact.metadata import Feature
from server.artefact.tensors import TensorSpec
from server.codecs.json.answers import group_of_outputs
from server.codecs.mlflow import codec as codec_module
from server.codecs.mlflow import known
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.rows import RowReader
from server.errors import ServerError
from tests.support.server.decoding import decode

OUTPUTS = (TensorSpec("y", np.dtype(np.float32), (None, 1)),)
# Tables in many spellings: where their rows stand, and what stands round them.
SPELLINGS = (
    b'{"dataframe_split":{"columns":["a","b"],"data":%b}}',
    b'{"dataframe_split": {"data": %b, "columns": ["b", "a"]}}',
    b'{"dataframe_split":{"columns":["b","c","a"],"data":%b}}',
    b'{"dataframe_split":{"columns":["a","b"],"index":[0],"data":%b}}',
    b'{"dataframe_split":{"data":%b}}',
    b'{"dataframe_split":{"data":%b,"data":[[1,2]]}}',
    b'{"dataframe_split":{"data":[[1,2]],"data":%b}}',
    b'{"dataframe_split":{"columns":["[[","b"],"data":%b}}',
    b'{"instances":%b}',
    b'{"instances":%b,"params":{"x":[[1,2]]}}',
    b'{"params":{"x":[[1,2]]},"instances":%b}',
    b'{"instances":%b,"inputs":[[1,2]]}',
    b'{"instances":%b,"instances":[[3,4]]}',
    b'{"inputs":%b}\n',
    b'{"inputs":{"a":%b,"b":[[1]]}}',
    b'{"dataframe_records":%b}',
    b'{"\\"instances\\":[[":1,"instances":%b}',
)
VALUES = (
    b"[[1,2]]",
    b"[[ 9007199254740993 , -0.0 ]]",
    b"[[1,2],[3,4.5e1]]",
    b"[[1,2]]]",
    b"[[1,2],[3]]",
    b"[[1,2],3]",
    b"[[1,2,3]]",
    b"[[1,2,3],[4,5]]",
    b"[[1]]",
    b"[[]]",
    b"[[1,2],[]]",
    b"[]",
    b"[1,2]",
    b"[[1,2],]",
    b"[[1,2][3,4]]",
    b"[[1,2]",
    b"[[1 2]]",
    b"[[01,2]]",
    b"[[1e400,2]]",
    b"[[true,2]]",
    b"[[null,2]]",
    b'[["1",2]]',
    b"[[NaN,2]]",
    b"[[[1,2]]]",
    b"[[1,2]" + b",[1,2]" * 9 + b"]",  # too many rows
    b"[" * 900 + b"]" * 900,
    b"[" * 1023 + b"]" * 1023,
    b'[[1,2]],"data":[[3,4]]',
    b'[[1,2]],"params":{"x":[[3,4]]}',
    b"",
    b'{"a":[[1,2]]}',
)


def codec(*, dtype: Any = "float64", nullable: bool = False) -> MlflowCodec:
    features = tuple(Feature(name, dtype, "x", nullable=nullable) for name in "ab")
    reader = RowReader(features, ("c",))
    group = group_of_outputs(OUTPUTS, None, reader.layouts, "predictions")
    return MlflowCodec(reader, features, group, 9, ignored=("c",))


def told(target: MlflowCodec, body: bytes) -> tuple[Any, ...]:
    """What a table is read as, or how it is refused."""
    try:
        entry = decode(target, body, "json")
    except ServerError as error:
        return error.code, str(error), error.headers
    buffers, alone = entry.request
    return [bytes(buffer) for buffer in buffers], alone, entry.rows, entry.group is target._group


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "nullable"])
@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
def test_what_is_known_by_its_bytes_is_read_as_when_it_is_parsed(spelling: int, kind: str) -> None:
    def fresh() -> MlflowCodec:
        return codec(nullable=True) if kind == "nullable" else codec(dtype=kind)

    target, form = fresh(), SPELLINGS[spelling]
    for values in (b"[[1,2]]", b"[[1,2,3]]", b"[[3,4],[5,6]]"):
        told(target, form % values)
    for values in VALUES:
        assert told(target, form % values) == told(fresh(), form % values), values


@pytest.mark.parametrize("spelling", [0, 1, 2, 4, 8, 9, 13])
def test_it_is_not_parsed_again(spelling: int, monkeypatch: pytest.MonkeyPatch) -> None:
    target, parsed = codec(), list[bytes]()
    module: Any = codec_module
    original = module.parse

    def counting(body: Any) -> Any:
        parsed.append(bytes(body))
        return original(body)

    monkeypatch.setattr(module, "parse", counting)
    row = b"[[%d,2,3]]" if spelling == 2 else b"[[%d,2]]"
    for number in range(9):
        assert told(target, SPELLINGS[spelling] % (row % number))[2] == 1
    assert len(parsed) == 1
    assert len(target._known or ()) == 1


def test_a_model_of_other_values_than_numbers_knows_no_tables() -> None:
    assert codec(dtype="string")._known is None
    assert codec(dtype="bool")._known is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MAX_TABLES", 4)
    target = codec()

    def ask(note: int) -> int:
        told(target, orjson.dumps({"params": {"note": "x" * note}, "instances": [[1.0, 2.0]]}))
        return len(target._known or ())

    assert all(0 < ask(number) <= 4 for number in range(30))
    remembered = len(target._known or ())
    assert ask(known.MAX_BYTES) == remembered
