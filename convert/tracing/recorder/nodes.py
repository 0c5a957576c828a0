"""Owns what numpy's elementwise functions are as nodes, dtype by dtype as numpy has them. Knows nothing of stand-ins.

Operands are tensors ``[rows, width]`` or constants; a constant of Python has no dtype of its own, as in numpy.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from convert.exporters.functions import FUNCTIONS
from convert.graph.graph import Graph, Tensor
from server.artefact.metadata import MISSING_TEXT

Node = Callable[..., Tensor]
HALF = 0.5
PI = float(np.pi)
SPLIT = 2.0**27 + 1  # parts the digits of a float64 in halves
LEAST_SQUARED, MOST_SQUARED = 1e-140, 1e140  # between them the square of a float64 keeps its digits
MOST_POWER = 32
WHOLE = 2.0**52  # from here on a float64 has no fraction


class NoNode(Exception):
    """There is no node for this; the message says for what."""


def is_text(value: Any) -> bool:
    """Whether this is a tensor of texts."""
    return isinstance(value, Tensor) and value.dtype.kind == "O"


def missing(x: Tensor) -> Tensor:
    """Where a value is missing: NaN, or the text that stands for none."""
    if is_text(x):
        return x.coded({MISSING_TEXT: 1}, 0).equals(1)
    return x.is_nan() if x.dtype.kind == "f" else constant_like(x, False)


def constant_like(x: Tensor, value: Any) -> Tensor:
    """[rows, width] of one value, as many as ``x`` has."""
    graph = x.graph
    shape = graph.op("Shape", x, dtype=np.int64)
    constant = graph.constant(np.asarray(value, object) if isinstance(value, str) else value)
    return graph.op("Expand", constant, shape, dtype=constant.dtype)


def choose(graph: Graph, condition: Tensor, yes: Any, no: Any) -> Tensor:
    """``condition ? yes : no``, in a dtype that holds both; ONNX Runtime has no choice of booleans."""
    dtype = joint_dtype([yes, no])
    this, that = (as_operand(graph, side, dtype) for side in (yes, no))
    if dtype == np.bool_:
        return (condition & this) | (~condition & that)
    return graph.op("Where", condition, this, that, dtype=dtype)


def joint_dtype(values: Sequence[Any]) -> np.dtype[Any]:
    """The dtype that holds all of these: texts beside numbers have none."""
    kinds = {_holds_text(value) for value in values if not _is_nothing(value)}
    if kinds == {True}:
        return np.dtype(object)
    if len(kinds) > 1:
        raise NoNode("a column that holds texts beside numbers")
    whole = [_dtype(value) for value in values if not _is_nothing(value)]
    return np.result_type(*whole, *[np.float64 for value in values if _is_nothing(value)])


def _holds_text(value: Any) -> bool:
    if isinstance(value, Tensor):
        return is_text(value)
    return np.asarray(value).dtype.kind in "OUS"


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _dtype(value: Any) -> Any:
    return value.dtype if isinstance(value, Tensor | np.ndarray | np.generic) else value


def as_operand(graph: Graph, value: Any, dtype: np.dtype[Any]) -> Tensor:
    """A tensor or a constant in this dtype; a missing text is the text that stands for none."""
    if isinstance(value, Tensor):
        return value.cast(dtype)
    if dtype.kind == "O":
        told = np.asarray(value, object)
        filled = [MISSING_TEXT if item is None or item != item else str(item) for item in told.ravel().tolist()]
        return graph.constant(np.array(filled, object).reshape(told.shape))
    return graph.constant(np.asarray(np.nan if value is None else value).astype(dtype))


def apply_ufunc(graph: Graph, ufunc: np.ufunc, operands: Sequence[Any]) -> Tensor:
    """``ufunc(*operands)``. Raises NoNode for one that is not in the table, or not for such values."""
    if any(map(_holds_text, operands)):
        return _on_texts(graph, ufunc, operands)
    if ufunc not in NODES:
        raise NoNode(f"numpy.{ufunc.__name__}")
    weak = tuple(type(value) if type(value) in (int, float, bool) else _dtype(value) for value in operands)
    weak = tuple(np.dtype(bool) if kind is bool else kind for kind in weak)
    *kinds, _ = ufunc.resolve_dtypes((*weak, None))
    if kinds[0].kind not in "biuf":
        raise NoNode(f"numpy.{ufunc.__name__} of {kinds[0]}")
    if ufunc not in KEEPING_BOOLEANS and kinds[0] == np.bool_:
        kinds = [np.dtype(np.int32)] * len(kinds)
    if ufunc is np.power and kinds[0].kind in "iu" and operands[1] in range(MOST_POWER):
        return whole_power(as_operand(graph, operands[0], kinds[0]), int(operands[1]))
    return NODES[ufunc](*(as_operand(graph, value, kind) for value, kind in zip(operands, kinds, strict=True)))


def _on_texts(graph: Graph, ufunc: np.ufunc, operands: Sequence[Any]) -> Tensor:
    """Texts are equal to a constant one, or not; a missing one is equal to none."""
    if ufunc is np.add and all(map(_holds_text, operands)):
        return joined(graph, operands)
    if ufunc not in (np.equal, np.not_equal) or len(operands) != 2:
        raise NoNode(f"{_spoken(ufunc)} of texts")
    text, other = operands if is_text(operands[0]) else reversed(operands)
    if isinstance(other, Tensor):
        raise NoNode("a comparison of a column of texts with another column")
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
        return here | missing(x) if any(_is_nothing(value) for value in values) else here
    numbers = [value for value in values if isinstance(value, int | float | np.generic) and not _is_nothing(value)]
    parts = [apply_ufunc(x.graph, np.equal, [x, value]) for value in numbers]
    parts += [missing(x)] if len(numbers) < len(values) and any(map(_is_nothing, values)) else []
    return functools.reduce(operator.or_, parts) if parts else constant_like(x, False)


def _spoken(ufunc: np.ufunc) -> str:
    return f"numpy.{ufunc.__name__}"


def _divisor(b: Tensor) -> Tensor:
    """Whole numbers to divide by, 1 in the place of 0 and of -1: the smallest whole number by -1 ends the process."""
    if b.dtype.kind == "u":
        return b.equals(0).where(np.asarray(1, b.dtype), b)
    return (b.equals(0) | b.equals(-1)).where(np.asarray(1, b.dtype), b)


def _floor_divide(a: Tensor, b: Tensor) -> Tensor:
    """As numpy does it: whole numbers by 0 are 0; others from the remainder, 1.0 // 0.1 is 9."""
    if a.dtype.kind in "iu":
        zero, safe = np.asarray(0, b.dtype), _divisor(b)
        cut = a / safe
        if a.dtype.kind == "i":
            rest = a - cut * safe
            down = ~rest.equals(0) & a.graph.op("Xor", rest < 0, safe < 0)
            cut = b.equals(-1).where(-a, down.where(cut - np.asarray(1, a.dtype), cut))
        return b.equals(0).where(zero, cut)
    rest = a.graph.op("Mod", a, b, fmod=1)
    other = ~rest.equals(0.0) & a.graph.op("Xor", rest < 0.0, b < 0.0)
    whole = (a - rest) / b
    whole = other.where(whole - 1.0, whole)
    floor = whole.unary("Floor")
    near = (whole - floor > HALF).where(floor + 1.0, floor)
    return b.equals(0.0).where(a / b, near)


def _modulo(a: Tensor, b: Tensor) -> Tensor:
    """With the sign of the divisor."""
    if a.dtype.kind in "iu":
        return a.graph.op("Mod", a, _divisor(b), fmod=0)
    rest = a.graph.op("Mod", a, b, fmod=1)
    other = ~rest.equals(0.0) & a.graph.op("Xor", rest < 0.0, b < 0.0)
    return other.where(rest + b, rest)


def _rest(a: Tensor, b: Tensor) -> Tensor:
    """With the sign of what is divided; of whole numbers by 0 it is 0, where ONNX Runtime ends the run."""
    return a.graph.op("Mod", a, b if a.dtype.kind == "f" else _divisor(b), fmod=1)


def _power(a: Tensor, b: Tensor) -> Tensor:
    if a.dtype.kind in "iu":  # ONNX Runtime computes it as floats, and large ones do not wrap
        raise NoNode("a power of whole numbers that is not one of a few constant whole ones")
    return a.graph.op("Pow", a, b)


def whole_power(x: Tensor, exponent: int) -> Tensor:
    """Whole numbers multiplied, which wrap as numpy's do."""
    made = constant_like(x, np.asarray(1, x.dtype))
    for _ in range(exponent):
        made = made * x
    return made


def _sign(x: Tensor) -> Tensor:
    return x.unary("Sign")


def _fmin(a: Tensor, b: Tensor) -> Tensor:
    return missing(a).where(b, missing(b).where(a, a.graph.op("Min", a, b)))


def _fmax(a: Tensor, b: Tensor) -> Tensor:
    return missing(a).where(b, missing(b).where(a, a.graph.op("Max", a, b)))


def _arctan(x: Tensor) -> Tensor:
    """ONNX Runtime has it in float alone: by halves of the angle, then a series; beyond 1 from that of the inverse."""
    given, far = x, x.unary("Abs") > 1.0
    x = far.where(1.0 / x, x)
    for _ in range(3):
        x = x / ((x * x + 1.0).unary("Sqrt") + 1.0)
    square = x * x
    total = x.graph.constant(0.0, x.dtype)
    for odd in range(25, 0, -2):
        total = square * total * -1.0 + 1.0 / odd
    angle = total * x * 8.0
    beyond = (given < 0.0).where(np.asarray(-PI / 2, x.dtype), np.asarray(PI / 2, x.dtype))
    return far.where(beyond - angle, angle)


def _below(x: Tensor) -> Tensor:
    """Where a number is below zero, or the zero that is."""
    return (x < 0.0) | (x.equals(0.0) & (1.0 / x).equals(-np.inf))


def _scaled(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both over the larger of their sizes, where their squares would not fit, and that size; what is infinite is 1."""
    largest = a.graph.op("Max", a.unary("Abs"), b.unary("Abs"))
    one = np.asarray(1.0, a.dtype)
    fits = ((largest > LEAST_SQUARED) & (largest < MOST_SQUARED)) | largest.equals(0.0)
    size = fits.where(one, largest)
    ends = largest.equals(np.inf)
    parts = [ends.where(_isinf(x).cast(x.dtype) * x.unary("Sign"), x / size) for x in (a, b)]
    return parts[0], parts[1], size


def _arctan2(y: Tensor, x: Tensor) -> Tensor:
    lost, left, down = missing(y) | missing(x), _below(x), _below(y)
    y, x, _ = _scaled(y, x)
    size = (x * x + y * y).unary("Sqrt")
    near = size.equals(0.0).where(y, _arctan(y / (size + x.unary("Abs"))) * 2.0)
    turn = down.where(np.asarray(-PI, x.dtype), constant_like(x, np.asarray(PI, x.dtype)))
    return lost.where(np.asarray(np.nan, x.dtype), left.where(turn - near, near))


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    """Infinite where one of them is, whatever the other."""
    endless = _isinf(a) | _isinf(b)
    a, b, size = _scaled(a, b)
    return endless.where(np.asarray(np.inf, a.dtype), (a * a + b * b).unary("Sqrt") * size)


def _logaddexp(a: Tensor, b: Tensor) -> Tensor:
    """Of two that are equal, also infinite ones, their own and log 2."""
    apart = FUNCTIONS[np.log1p]((-(a - b).unary("Abs")).unary("Exp"))
    return a.graph.op("Max", a, b) + a.equals(b).where(np.asarray(np.log(2), a.dtype), apart)


def _arcsin(x: Tensor) -> Tensor:
    return _arctan2(x, (1.0 - x * x).unary("Sqrt"))


def _same(x: Tensor) -> Tensor:
    return x


def _nothing(x: Tensor) -> Tensor:
    return constant_like(x, False)


def _isinf(x: Tensor) -> Tensor:
    return x.unary("Abs").equals(np.inf) if x.dtype.kind == "f" else _nothing(x)


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


NODES: dict[Any, Node] = {
    **_of_floats(FUNCTIONS),
    np.absolute: lambda x: x.unary("Abs"),
    np.fabs: lambda x: x.unary("Abs"),
    np.add: _both("Add", operator.or_),
    np.arccos: lambda x: PI / 2 - _arcsin(x),
    np.arcsin: _arcsin,
    np.arctan: _arctan,
    np.arctan2: _arctan2,
    np.bitwise_and: _both("BitwiseAnd", operator.and_),
    np.bitwise_or: _both("BitwiseOr", operator.or_),
    np.bitwise_xor: lambda a, b: a.graph.op("Xor" if a.dtype == np.bool_ else "BitwiseXor", a, b),
    np.cosh: lambda x: (x.unary("Exp") + (-x).unary("Exp")) * HALF,
    np.deg2rad: lambda x: x * (PI / 180),
    np.degrees: lambda x: x * (180 / PI),
    np.divide: lambda a, b: a / b,
    np.equal: lambda a, b: a.equals(b),
    np.floor_divide: _floor_divide,
    np.fmax: _fmax,
    np.fmin: _fmin,
    np.greater: _compare("Greater"),
    np.greater_equal: _compare("GreaterOrEqual"),
    np.hypot: _hypot,
    np.invert: lambda x: ~x if x.dtype == np.bool_ else x.unary("BitwiseNot"),
    np.isfinite: lambda x: ~(missing(x) | _isinf(x)),
    np.isinf: _isinf,
    np.isnan: missing,
    np.less: _compare("Less"),
    np.less_equal: _compare("LessOrEqual"),
    np.logaddexp: _logaddexp,
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
    np.power: _power,
    np.float_power: _power,
    np.rad2deg: lambda x: x * (180 / PI),
    np.radians: lambda x: x * (PI / 180),
    np.remainder: _modulo,
    np.fmod: _rest,
    np.sign: _sign,
    np.square: lambda x: x * x,
    np.subtract: lambda a, b: a - b,
    np.tan: lambda x: x.unary("Sin") / x.unary("Cos"),
    np.trunc: lambda x: x.unary("Abs").unary("Floor") * _sign(x) if x.dtype.kind == "f" else x,
}
KEEPING_BOOLEANS = frozenset(
    (
        np.add, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.equal, np.invert, np.logical_and, np.logical_not,
        np.logical_or, np.logical_xor, np.maximum, np.minimum, np.multiply, np.not_equal, np.isnan, np.isinf,
        np.isfinite,
    )
)  # fmt: skip


def rounded(x: Tensor, decimals: int) -> Tensor:
    """As numpy does it: scaled, to the nearest even, and back."""
    if x.dtype.kind != "f":
        return x if decimals >= 0 else rounded(x.cast(np.float64), decimals).cast(x.dtype)
    if not decimals:
        return x.unary("Round")
    factor = 10.0 ** abs(decimals)
    return (x * factor).unary("Round") / factor if decimals > 0 else (x / factor).unary("Round") * factor


def rounded_exactly(x: Tensor, decimals: int) -> Tensor:
    """As Python does it: to the nearest decimal of the exact number; numpy's product may fall on a tie that is none."""
    if x.dtype.kind != "f":
        return x
    factor = 10.0**decimals
    product = x * factor
    (high, low), (upper, lower) = _halves(x), _halves(x.graph.constant(np.float64(factor)))
    left = high * upper - product + high * lower + low * upper + low * lower  # what the product lost
    near = product.unary("Round")
    tie = (product - product.unary("Floor")).equals(HALF)
    told = (left > 0.0).where(product.unary("Ceil"), (left < 0.0).where(product.unary("Floor"), near))
    return (product.unary("Abs") < WHOLE).where(tie.where(told, near) / factor, x)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """A float64 as a sum of two of half as many digits, whose products are exact (Dekker)."""
    spread = x * SPLIT
    high = spread - (spread - x)
    return high, x - high
