"""Owns what numpy's elementwise functions are as nodes, dtype by dtype as numpy has them. Knows nothing of stand-ins.

Operands are tensors ``[rows, width]`` or constants; a constant of Python has no dtype of its own, as in numpy.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from convert.exporters.functions import FUNCTIONS
from convert.graph.circle import cosine, sine
from convert.graph.graph import Graph, Tensor
from convert.tracing.recorder.arithmetic import (
    arcsin,
    arctan,
    arctan2,
    floor_divide,
    fmax,
    fmin,
    fmod,
    hypot,
    logaddexp,
    modulo,
    power,
    sign,
    whole_power,
)
from convert.tracing.recorder.elements import (
    NoNode,
    as_operand,
    choose,
    constant_like,
    dtype_of,
    holds_text,
    infinite,
    is_nothing,
    is_text,
    missing,
)

Node = Callable[..., Tensor]
HALF = 0.5
LEAST_POWER = 1e-19  # below it scipy takes the logarithm
PI = float(np.pi)
MOST_POWER = 32


def apply_ufunc(graph: Graph, ufunc: np.ufunc, operands: Sequence[Any]) -> Tensor:
    """``ufunc(*operands)``. Raises NoNode for one that is not in the table, or not for such values."""
    if any(map(holds_text, operands)):
        return _on_texts(graph, ufunc, operands)
    if ufunc not in NODES:
        raise NoNode(f"numpy.{ufunc.__name__}")
    weak = tuple(type(value) if type(value) in (int, float, bool) else dtype_of(value) for value in operands)
    weak = tuple(np.dtype(bool) if kind is bool else kind for kind in weak)
    *kinds, _ = ufunc.resolve_dtypes((*weak, None))
    if kinds[0].kind not in "biuf":
        raise NoNode(f"numpy.{ufunc.__name__} of {kinds[0]}")
    if ufunc not in KEEPING_BOOLEANS and kinds[0] == np.bool_:
        kinds = [np.dtype(np.int32)] * len(kinds)
    if ufunc is np.power and kinds[0].kind in "iu" and _is_few(operands[1]):
        return whole_power(as_operand(graph, operands[0], kinds[0]), int(operands[1]))
    return NODES[ufunc](*(as_operand(graph, value, kind) for value, kind in zip(operands, kinds, strict=True)))


def _is_few(value: Any) -> bool:
    return isinstance(value, int | np.integer) and 0 <= int(value) < MOST_POWER


def _on_texts(graph: Graph, ufunc: np.ufunc, operands: Sequence[Any]) -> Tensor:
    """Texts are equal to a constant one, or not; a missing one is equal to none."""
    if ufunc is np.add and all(map(holds_text, operands)):
        return joined(graph, operands)
    if ufunc not in (np.equal, np.not_equal) or len(operands) != 2:
        raise NoNode(f"{_spoken(ufunc)} of texts")
    text, other = operands if is_text(operands[0]) else reversed(operands)
    if is_text(other):
        same: Tensor = text.same_text(other) & ~missing(text)
        return same if ufunc is np.equal else ~same
    if isinstance(other, Tensor):
        raise NoNode("a comparison of a column of texts with one of numbers")
    values = np.asarray(other, object)
    if values.ndim:
        raise NoNode("a comparison of texts with several constants at once")
    same = holds_any(text, [values.item()])
    return same if ufunc is np.equal else ~same


def joined(graph: Graph, operands: Sequence[Any]) -> Tensor:
    """One text behind the other; missing where one of them is."""
    parts = [as_operand(graph, value, np.dtype(object)) for value in operands]
    whole = graph.op("StringConcat", *parts)
    gone = [missing(value) for value in operands if isinstance(value, Tensor)]
    return choose(graph, functools.reduce(operator.or_, gone), None, whole)


def holds_any(x: Tensor, values: Sequence[Any]) -> Tensor:
    """Where ``x`` holds one of these constants."""
    if is_text(x):
        codes = {value: 1 for value in values if isinstance(value, str)}
        here = x.coded(codes, 0).equals(1) if codes else constant_like(x, False)
        return here | missing(x) if any(is_nothing(value) for value in values) else here
    numbers = [value for value in values if isinstance(value, int | float | np.generic) and not is_nothing(value)]
    parts = [apply_ufunc(x.graph, np.equal, [x, value]) for value in numbers]
    parts += [missing(x)] if len(numbers) < len(values) and any(map(is_nothing, values)) else []
    return functools.reduce(operator.or_, parts) if parts else constant_like(x, False)


def _spoken(ufunc: np.ufunc) -> str:
    return f"numpy.{ufunc.__name__}"


def _same(x: Tensor) -> Tensor:
    return x


def _flag(x: Tensor) -> Tensor:
    return x if x.dtype == np.bool_ else ~x.equals(0)


def _both(kind: str, logical: Callable[[Any, Any], Any]) -> Node:
    return lambda a, b: logical(a, b) if a.dtype == np.bool_ else a.graph.op(kind, a, b)


def _of_floats(table: Mapping[Any, Callable[[Tensor], Tensor]]) -> dict[Any, Node]:
    """The functions that exporters know, in float64; of integers those that leave them alone."""

    def node(function: Any, make: Callable[[Tensor], Tensor]) -> Node:
        rounding = function in (np.ceil, np.floor, np.rint)
        return lambda x: x if rounding and x.dtype.kind != "f" else make(x.cast(np.float64)).cast(x.dtype)

    return {function: node(function, make) for function, make in table.items()}


def _compare(kind: str) -> Node:
    return lambda a, b: a.graph.op(kind, a, b, dtype=np.bool_)


def _boxcox(x: Tensor, power: Tensor) -> Tensor:
    """Of a logarithm that was taken already."""
    none = power.unary("Abs") < LEAST_POWER
    return none.where(x, FUNCTIONS[np.expm1](power * x) / none.where(np.asarray(1.0, power.dtype), power))


NODES: dict[Any, Node] = {
    **_of_floats(FUNCTIONS),
    np.absolute: lambda x: x.unary("Abs"),
    np.fabs: lambda x: x.unary("Abs"),
    np.add: _both("Add", operator.or_),
    np.arccos: lambda x: PI / 2 - arcsin(x),
    np.arcsin: arcsin,
    np.arctan: arctan,
    np.arctan2: arctan2,
    special.boxcox: lambda x, power: _boxcox(x.unary("Log"), power),
    special.boxcox1p: lambda x, power: _boxcox(FUNCTIONS[np.log1p](x), power),
    np.bitwise_and: _both("BitwiseAnd", operator.and_),
    np.bitwise_or: _both("BitwiseOr", operator.or_),
    np.bitwise_xor: lambda a, b: a.graph.op("Xor" if a.dtype == np.bool_ else "BitwiseXor", a, b),
    np.cosh: lambda x: (x.unary("Exp") + (-x).unary("Exp")) * HALF,
    np.deg2rad: lambda x: x * (PI / 180),
    np.degrees: lambda x: x * (180 / PI),
    np.divide: lambda a, b: a / b,
    np.equal: lambda a, b: a.equals(b),
    np.floor_divide: floor_divide,
    np.fmax: fmax,
    np.fmin: fmin,
    np.greater: _compare("Greater"),
    np.greater_equal: _compare("GreaterOrEqual"),
    np.hypot: hypot,
    np.invert: lambda x: ~x if x.dtype == np.bool_ else x.unary("BitwiseNot"),
    np.isfinite: lambda x: ~(missing(x) | infinite(x)),
    np.isinf: infinite,
    np.isnan: missing,
    np.less: _compare("Less"),
    np.less_equal: _compare("LessOrEqual"),
    np.logaddexp: logaddexp,
    np.logical_and: lambda a, b: _flag(a) & _flag(b),
    np.logical_not: lambda x: ~_flag(x),
    np.logical_or: lambda a, b: _flag(a) | _flag(b),
    np.logical_xor: lambda a, b: a.graph.op("Xor", _flag(a), _flag(b)),
    np.maximum: _both("Max", operator.or_),
    np.minimum: _both("Min", operator.and_),
    np.multiply: _both("Mul", operator.and_),
    np.negative: lambda x: -x if x.dtype.kind != "u" else constant_like(x, np.asarray(0, x.dtype)) - x,
    np.not_equal: lambda a, b: ~a.equals(b),
    np.positive: _same,
    np.power: power,
    np.float_power: power,
    np.rad2deg: lambda x: x * (180 / PI),
    np.radians: lambda x: x * (PI / 180),
    np.remainder: modulo,
    np.fmod: fmod,
    np.sign: sign,
    np.square: lambda x: x * x,
    np.subtract: lambda a, b: a - b,
    np.tan: lambda x: (sine(x.cast(np.float64)) / cosine(x.cast(np.float64))).cast(x.dtype),
    np.trunc: lambda x: x.unary("Abs").unary("Floor") * sign(x) if x.dtype.kind == "f" else x,
}
KEEPING_BOOLEANS = frozenset(
    (
        np.add, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.equal, np.invert, np.logical_and, np.logical_not,
        np.logical_or, np.logical_xor, np.maximum, np.minimum, np.multiply, np.not_equal, np.isnan, np.isinf,
        np.isfinite,
    )
)  # fmt: skip
