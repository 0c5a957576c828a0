"""Owns the rules of operators that reduce, order or normalise along axes, and of products. Knows no graphs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import (
    ROWS,
    Dim,
    Dims,
    NotProven,
    Value,
    broadcast,
    certain,
    keep_off,
    normal,
)

REDUCING = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
EQUATION = re.compile(r"[A-Za-z]+(,[A-Za-z]+)*->[A-Za-z]*")


def reduce(node: Applied) -> list[Value]:
    """Along all axes unless some are named."""
    dims = node.input(0).shape
    axes = node.axes(1, len(dims))
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return [Value(dims)]
        axes = tuple(range(len(dims)))
    return [Value(_without(dims, axes, node.integer("keepdims", 1)))]


def arg(node: Applied) -> list[Value]:
    """The place of the largest or smallest along an axis, the first unless another is named."""
    dims = node.input(0).shape
    return [Value(_without(dims, (normal(node.integer("axis", 0), len(dims)),), node.integer("keepdims", 1)))]


def _without(dims: Dims, axes: Sequence[int], keep: int) -> Dims:
    for axis in axes:
        keep_off(dims, axis)
    kept = [1 if axis in axes else dim for axis, dim in enumerate(dims)]
    return tuple(dim for axis, dim in enumerate(kept) if keep or axis not in axes)


def softmax(node: Applied) -> list[Value]:
    """Along one axis; before opset 13 along all from the axis on."""
    dims = node.input(0).shape
    axis = normal(node.integer("axis", -1 if node.version >= 13 else 1), len(dims))
    for place in (axis,) if node.version >= 13 else range(axis, len(dims)):
        keep_off(dims, place)
    return [Value(dims)]


def along_last(node: Applied) -> list[Value]:
    """Normalised along one axis, the last unless another is named."""
    dims = node.input(0).shape
    keep_off(dims, normal(node.integer("axis", -1), len(dims)))
    return [Value(dims)]


def top_k(node: Applied) -> list[Value]:
    """The largest along an axis, and their places there."""
    node.constants(1)
    dims = node.input(0).shape
    axis = normal(node.integer("axis", -1), len(dims))
    keep_off(dims, axis)
    numbers = node.input(1).numbers if node.version >= 10 else (node.integer("k", 0),)
    cut = Value((*dims[:axis], numbers[0] if numbers else None, *dims[axis + 1 :]))
    return [cut, cut]


def cum_sum(node: Applied) -> list[Value]:
    """Running sums along an axis."""
    dims = node.input(0).shape
    (axis, *more) = certain(node.input(1)) or (0, 0)
    if more:
        raise NotProven("its axis is not known")
    keep_off(dims, normal(axis, len(dims)))
    return [Value(dims)]


def layer_normalization(node: Applied) -> list[Value]:
    """Along all axes from one on; scale and bias are constants."""
    node.constants(1)
    dims = node.input(0).shape
    axis = normal(node.integer("axis", -1), len(dims))
    for place in range(axis, len(dims)):
        keep_off(dims, place)
    shapes = [node.input(place).shape for place in range(1, len(node.inputs)) if node.has(place)]
    if broadcast([dims, *shapes]) != broadcast([dims]):
        raise NotProven("its scale has another shape than what it scales")
    return [Value(dims)]


def mean_variance(node: Applied) -> list[Value]:
    """Along axes that include the first unless others are named."""
    dims = node.input(0).shape
    for axis in node.integers("axes") or (0, 2, 3):
        keep_off(dims, normal(axis, len(dims)))
    return [Value(dims)]


def mat_mul(node: Applied) -> list[Value]:
    """As numpy's: rows may be rows of the left, columns of the right, or an axis of both before these."""
    a, b = node.input(0).shape, node.input(1).shape
    if not a or not b:
        raise NotProven("an input is a single value")
    left, right = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    if ROWS in (left[-1], right[-2]):
        raise NotProven("it sums over the rows")
    before = broadcast([left[:-2], right[:-2]]) if len(left) > 2 or len(right) > 2 else ()
    last: list[Dim] = ([left[-2]] if len(a) > 1 else []) + ([right[-1]] if len(b) > 1 else [])
    return [Value((*before, *last))]


def gemm(node: Applied) -> list[Value]:
    """A product of two matrices, and a third that is broadcast."""
    a, b = node.input(0).shape, node.input(1).shape
    if len(a) != 2 or len(b) != 2:
        raise NotProven("its inputs are no matrices")
    a = a[::-1] if node.integer("transA", 0) else a
    b = b[::-1] if node.integer("transB", 0) else b
    if ROWS in (a[1], b[0]):
        raise NotProven("it sums over the rows")
    shapes = [(a[0], b[1])] + ([node.input(2).shape] if node.has(2) else [])
    dims = broadcast(shapes)
    if len(dims) != 2:
        raise NotProven("its inputs do not fit each other")
    return [Value(dims)]


def einsum(node: Applied) -> list[Value]:
    """By letters: the rows' letter stands for the rows wherever it stands, and in the output."""
    equation = node.text("equation", "").replace(" ", "")
    if not EQUATION.fullmatch(equation):
        raise NotProven("its equation leaves letters open")
    given, output = equation.split("->")
    terms = given.split(",")
    extents: dict[str, Dim] = {}
    if len(terms) != len(node.inputs):
        raise NotProven("its inputs do not fit each other")
    for place, term in enumerate(terms):
        dims = node.input(place).shape
        if len(dims) != len(term) or len(set(term)) < len(term):
            raise NotProven("its inputs do not fit each other")
        for letter, dim in zip(term, dims, strict=True):
            if ROWS in (dim, extents.get(letter, dim)) and dim != extents.get(letter, dim):
                raise NotProven("rows meet an axis that is not theirs")
            extents[letter] = dim
    rows = {letter for letter, dim in extents.items() if dim == ROWS}
    if not set(output) <= set(extents) or len(set(output)) < len(output) or not rows <= set(output):
        raise NotProven("it sums over the rows")
    return [Value(tuple(ROWS if letter in rows else None for letter in output))]


ALONG_AXES: Mapping[str, Rule] = {
    **{f"Reduce{name}": reduce for name in REDUCING},
    "ArgMax": arg,
    "ArgMin": arg,
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "Hardmax": softmax,
    "LpNormalization": along_last,
    "TopK": top_k,
    "CumSum": cum_sum,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": layer_normalization,
    "MeanVarianceNormalization": mean_variance,
    "MatMul": mat_mul,
    "Gemm": gemm,
    "Einsum": einsum,
}
