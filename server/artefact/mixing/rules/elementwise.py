"""Owns the rules of operators that work element by element, with the broadcasting of all inputs. Knows no graphs."""

from __future__ import annotations

from collections.abc import Mapping

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import NotProven, Value, broadcast

# The output is like the first input; other inputs or attributes are no tensors of the rows.
ONE = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Cos", "Cosh",
    "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Log",
    "Mish", "Neg", "Not", "Reciprocal", "RegexFullMatch", "Relu", "Round", "Selu", "Shrink", "Sigmoid",
    "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
SEVERAL = (
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater",
    "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "PRelu",
    "StringConcat", "Sub", "Sum", "Where", "Xor",
)  # fmt: skip
INT32, INT64 = 6, 7  # element types that hold any number of rows; what int32 does not hold comes out as another


def one(node: Applied) -> list[Value]:
    """The shape of the only input."""
    if len(node.inputs) != 1:
        raise NotProven("it has other than one input")
    return [Value(node.input(0).shape)]


def several(node: Applied) -> list[Value]:
    """All inputs broadcast to one shape."""
    values = [node.input(place) for place in range(len(node.inputs))]
    return [Value(broadcast([value.shape for value in values]))]


def same(node: Applied) -> list[Value]:
    """The input as it is, its numbers too."""
    return [node.input(0)]


def cast(node: Applied) -> list[Value]:
    """Numbers stay what they are as whole numbers that hold them."""
    value, to = node.input(0), node.integer("to", 0)
    numbers = [number for number in value.numbers or () if isinstance(number, int)]
    if to == INT64 or (to == INT32 and all(abs(number) < 2**31 for number in numbers)):
        return [value]
    if value.counts_rows:
        raise NotProven("it computes with the number of rows")
    return [Value(value.shape)]


def like_first(node: Applied) -> list[Value]:
    """Of the second input only the type matters."""
    return [Value(node.input(0).shape)]


def clip(node: Applied) -> list[Value]:
    """Bounds are single values."""
    node.constants(1)
    return [Value(node.input(0).shape)]


def dropout(node: Applied) -> list[Value]:
    """The input as it is, unless it trains."""
    if node.has(2):
        raise NotProven("it may be training, and draw by chance")
    return [Value(node.input(0).shape)]


def quantize(node: Applied) -> list[Value]:
    """One scale and zero point for all, or for each place of an axis that is not the rows'."""
    node.constants(1)
    dims = node.input(0).shape
    for place in range(1, len(node.inputs)):
        if node.has(place):
            size = node.input(place).shape
            axis = node.integer("axis", 1)
            if size not in ((), (1,)) and (len(size) != 1 or not -len(dims) <= axis < len(dims)):
                raise NotProven("its scale is neither one value nor one for each place of an axis")
            if size not in ((), (1,)) and dims[axis] == "rows":
                raise NotProven("it has a scale for each row")
    return [Value(dims)]


def string_normalizer(node: Applied) -> list[Value]:
    """Without stop words, element by element; with them, elements are left out."""
    dims = node.input(0).shape
    if "stopwords" in node.attributes or len(dims) != 1:
        raise NotProven("stop words are left out, so that texts move to other rows")
    return [Value(dims)]


ELEMENTWISE: Mapping[str, Rule] = {
    **dict.fromkeys(ONE, one),
    **dict.fromkeys(SEVERAL, several),
    "Identity": same,
    "Cast": cast,
    "CastLike": like_first,
    "Clip": clip,
    "Dropout": dropout,
    "DequantizeLinear": quantize,
    "QuantizeLinear": quantize,
    "StringNormalizer": string_normalizer,
}
