"""ONNX files for tests of v2: many inputs, every data type, pictures, words, no rows; and inputs for each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from tests.support.server import models
from tests.support.server.models import Made, Value, onnx_file
from tests.support.server.v2 import DTYPES

TYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def _made(data: bytes) -> Made:
    return Made(data, None, None, None)


@functools.cache
def every_type() -> Made:
    """Thirteen inputs ``[rows, 2]`` named by their data types, each given back as ``same_...``."""
    nodes = [helper.make_node("Identity", [name], [f"same_{name}"]) for name in TYPES]
    inputs: Sequence[Value] = [(name, int(kind), ("N", 2)) for name, kind in TYPES.items()]
    return _made(onnx_file(nodes, inputs, [(f"same_{name}", kind, shape) for name, kind, shape in inputs]))


@functools.cache
def words() -> Made:
    """Texts ``[rows, 2]``: themselves, and which of them are "yes"."""
    nodes = [helper.make_node("Identity", ["W"], ["same"]), helper.make_node("Equal", ["W", "yes"], ["is_yes"])]
    outputs: Sequence[Value] = [("same", TensorProto.STRING, ["N", 2]), ("is_yes", TensorProto.BOOL, ["N", 2])]
    constants = {"yes": np.array(["yes"], np.object_)}
    return _made(onnx_file(nodes, [("W", TensorProto.STRING, ["N", 2])], outputs, constants))


@functools.cache
def halves() -> Made:
    """``Y = X + X`` over float16 ``[rows, 3]``."""
    kind = TensorProto.FLOAT16
    return _made(
        onnx_file([helper.make_node("Add", ["X", "X"], ["Y"])], [("X", kind, ["N", 3])], [("Y", kind, ["N", 3])])
    )


@functools.cache
def pictures() -> Made:
    """The mean of each channel of ``[rows, 3, height, width]``."""
    inputs: Sequence[Value] = [("pixels", TensorProto.FLOAT, ["N", 3, "H", "W"])]
    nodes = [helper.make_node("GlobalAveragePool", ["pixels"], ["means"])]
    return _made(onnx_file(nodes, inputs, [("means", TensorProto.FLOAT, ["N", 3, 1, 1])]))


@functools.cache
def sentences() -> Made:
    """Tokens and mask ``[rows, length]``: the sum of the tokens that the mask lets through, as a vector of rows."""
    nodes = [
        helper.make_node("Mul", ["tokens", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axes"], ["total"], keepdims=0),
    ]
    inputs: Sequence[Value] = [("tokens", TensorProto.INT64, ["N", "L"]), ("mask", TensorProto.INT64, ["N", "L"])]
    outputs: Sequence[Value] = [("total", TensorProto.INT64, ["N"]), ("kept", TensorProto.INT64, ["N", "L"])]
    return _made(onnx_file(nodes, inputs, outputs, {"axes": np.array([1])}))


@functools.cache
def fixed() -> Made:
    """No batch axis: twice a ``[2, 3]`` matrix, and its sum, a single value."""
    nodes = [
        helper.make_node("Add", ["M", "M"], ["twice"]),
        helper.make_node("ReduceSum", ["M"], ["sum"], keepdims=0),
    ]
    outputs = [("twice", TensorProto.FLOAT, [2, 3]), ("sum", TensorProto.FLOAT, [])]
    return _made(onnx_file(nodes, [("M", TensorProto.FLOAT, [2, 3])], outputs))


@functools.cache
def single() -> Made:
    """A single value in, its negative out."""
    kind = TensorProto.DOUBLE
    return _made(onnx_file([helper.make_node("Neg", ["x"], ["y"])], [("x", kind, [])], [("y", kind, [])]))


@functools.cache
def summed() -> Made:
    """Rows in, but one sum over all of them out: rows do not stand alone."""
    nodes = [helper.make_node("ReduceSum", ["X"], ["sum"], keepdims=0)]
    return _made(onnx_file(nodes, [("X", TensorProto.FLOAT, ["N", 2])], [("sum", TensorProto.FLOAT, [])]))


@functools.cache
def parsed() -> Made:
    """Texts ``[rows, 1]`` as numbers: made-up words do not run, numbers do."""
    nodes = [helper.make_node("Cast", ["text"], ["number"], to=TensorProto.DOUBLE)]
    inputs: Sequence[Value] = [("text", TensorProto.STRING, ["N", 1])]
    return _made(onnx_file(nodes, inputs, [("number", TensorProto.DOUBLE, ["N", 1])]))


@functools.cache
def wide(width: int = 50) -> Made:
    """Float32 ``[rows, width]`` to one number a row, the mean."""
    nodes = [helper.make_node("MatMul", ["X", "weights"], ["Y"])]
    inputs: Sequence[Value] = [("X", TensorProto.FLOAT, ["N", width])]
    outputs: Sequence[Value] = [("Y", TensorProto.FLOAT, ["N", 1])]
    return _made(onnx_file(nodes, inputs, outputs, {"weights": np.full((width, 1), 1 / width, np.float32)}))


MODELS: dict[str, Callable[[], Made]] = {
    "types": every_type,
    "words": words,
    "halves": halves,
    "pictures": pictures,
    "sentences": sentences,
    "fixed": fixed,
    "single": single,
    "summed": summed,
    "parsed": parsed,
    "wide": wide,
}

SERVED: dict[str, Callable[[], Made]] = MODELS | {
    "iris": models.classifier,
    "mixed": models.mixed,
    "pair": models.plain_two_inputs,
    "mixing": models.row_mixing,
    "lookup": models.table_lookup,
}


def sample(datatype: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Values of a data type, the extremes among them."""
    random = np.random.default_rng(seed)
    dtype = DTYPES[datatype]
    if datatype == "BYTES":
        return random.choice(np.array(["", "a", "é\0☃", "x" * 300], np.object_), shape)
    if dtype.kind == "f":
        values = random.normal(size=shape).astype(dtype)
        values.flat[0] = np.finfo(dtype).max
        return values
    if datatype == "BOOL":
        return random.random(shape) < 0.5
    limits = np.iinfo(dtype)
    values = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    values.flat[0], values.flat[-1] = limits.min, limits.max
    return values


PAIR = "pair"
X = np.arange(12, dtype=np.float64).reshape(3, 4)
INPUTS: dict[str, dict[str, Any]] = {
    "types": {name: sample(name, (3, 2)) for name in TYPES},
    "words": {"W": np.array([["yes", "no"], ["", "yé\0s"]], np.object_)},
    "halves": {"X": sample("FP16", (2, 3)) / np.float16(4)},
    "pictures": {"pixels": sample("FP32", (2, 3, 5, 7)) / np.float32(2)},
    "sentences": {"tokens": np.arange(12).reshape(2, 6), "mask": np.arange(12).reshape(2, 6) % 2},
    "fixed": {"M": np.arange(6, dtype=np.float32).reshape(2, 3)},
    "single": {"x": np.array(2.5)},
    "summed": {"X": np.arange(6, dtype=np.float32).reshape(3, 2)},
    "parsed": {"text": np.array([["1.5"], ["-2"]], np.object_)},
    "wide": {"X": sample("FP32", (4, 50)) / np.float32(1000)},
    "iris": {"X": X},
    "pair": {"A": np.ones((1, 2), np.float32), "B": np.full((1, 2), 2, np.float32)},
    "mixing": {"X": np.arange(6, dtype=np.float32).reshape(3, 2)},
}
