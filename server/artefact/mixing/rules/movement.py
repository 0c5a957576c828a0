"""Owns the rules of operators that move elements, and of shapes as values. Knows no graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.artefact.mixing.graph import Constant
from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import (
    ROWS,
    Dim,
    Dims,
    NotProven,
    Value,
    certain,
    keep_off,
    normal,
    size_of,
)

MAX_RANK = 64


def constant(node: Applied) -> list[Value]:
    """A constant in an attribute."""
    value = node.attributes.get("value")
    if isinstance(value, Constant):
        return [Value(value.dims, value.numbers, value.scalar, value)]
    if "value_int" in node.attributes:
        return [Value((), (node.integer("value_int", 0),))]
    if (numbers := node.integers("value_ints")) is not None:
        return [Value((len(numbers),), numbers)]
    return [Value(None)]


def shape(node: Applied) -> list[Value]:
    """The shape as numbers, or a part of it."""
    dims = node.input(0).shape
    end = node.integer("end", len(dims)) if "end" in node.attributes else len(dims)
    part = dims[slice(node.integer("start", 0), end)]
    return [Value((len(part),), part)]


def transpose(node: Applied) -> list[Value]:
    """The axis of the rows moves with the others."""
    dims = node.input(0).shape
    order = node.integers("perm") or tuple(range(len(dims)))[::-1]
    if sorted(order) != list(range(len(dims))):
        raise NotProven("its order of axes is none")
    return [Value(tuple(dims[axis] for axis in order))]


def concat(node: Applied) -> list[Value]:
    """Side by side, with rows in all or in none."""
    shapes = [node.input(place).shape for place in range(len(node.inputs))]
    first = shapes[0]
    if any(len(dims) != len(first) for dims in shapes):
        raise NotProven("its inputs have different ranks")
    axis = normal(node.integer("axis", 1), len(first))
    numbers = _joined_numbers(node) if len(first) == 1 else None
    if any(node.input(place).counts_rows for place in range(len(node.inputs))) and numbers is None:
        raise NotProven("it computes with the number of rows")
    for dims in shapes:
        keep_off(dims, axis)
    merged: list[Dim] = []
    for place in range(len(first)):
        extents = [dims[place] for dims in shapes]
        if place == axis:
            merged.append(sum(extent for extent in extents if isinstance(extent, int)) if None not in extents else None)
        elif ROWS in extents and set(extents) != {ROWS}:
            raise NotProven("it joins rows with what is none")
        else:  # ONNX Runtime does not look at this size of an input without elements, so one alone proves nothing
            merged.append(extents[0] if len(set(extents)) == 1 else None)
    return [Value(tuple(merged), numbers)]


def _joined_numbers(node: Applied) -> Dims | None:
    numbers: list[Dim] = []
    for place in range(len(node.inputs)):
        value = node.input(place)
        if value.has_rows or value.numbers is None:
            return None
        numbers += value.numbers
    return tuple(numbers) if len(numbers) <= MAX_RANK else None


def gather(node: Applied) -> list[Value]:
    """Places of an axis by constant indices, or places of a constant by indices that have rows."""
    data, indices = node.input(0), node.input(1)
    if indices.counts_rows:
        raise NotProven("the number of rows decides on places")
    if data.numbers is not None and len(data.shape) == 1 and not indices.has_rows and len(indices.shape) <= 1:
        picked = [data.numbers[normal(index, len(data.numbers))] for index in certain(indices)]
        return [Value(indices.shape, tuple(picked))]
    if data.counts_rows or (data.has_rows and indices.has_rows):
        raise NotProven("it may take from other rows")
    axis = normal(node.integer("axis", 0), len(data.shape))
    keep_off(data.shape, axis)
    return [Value((*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]))]


def gather_elements(node: Applied) -> list[Value]:
    """Each row by indices of its own, within the row."""
    data, indices = node.input(0), node.input(1)
    if len(data.shape) != len(indices.shape):
        raise NotProven("its inputs have different ranks")
    keep_off(indices.shape, normal(node.integer("axis", 0), len(data.shape)))
    if data.row_axis != indices.row_axis:
        raise NotProven("it may take from other rows")
    return [Value(indices.shape)]


def scatter_elements(node: Applied) -> list[Value]:
    """Each row by indices and values of its own, within the row."""
    data = node.input(0)
    keep_off(data.shape, normal(node.integer("axis", 0), len(data.shape)))
    for other in (node.input(1), node.input(2)):
        if len(other.shape) != len(data.shape) or other.row_axis != data.row_axis:
            raise NotProven("it may write into other rows")
    return [Value(data.shape)]


def gather_nd(node: Applied) -> list[Value]:
    """By tuples of indices: from a constant, or within the row where rows are a batch axis of both."""
    data, indices = node.input(0).shape, node.input(1).shape
    batch = node.integer("batch_dims", 0)
    depth = indices[-1] if indices else None
    if not isinstance(depth, int) or not 0 <= batch <= len(data) - depth:
        raise NotProven("how deep its indices are is not known")
    # ONNX Runtime compares only how many there are in all, so each axis of the batch must be known.
    if ROWS in data and (data[:batch] != indices[:batch] or ROWS not in data[:batch] or None in data[:batch]):
        raise NotProven("it may take from other rows")
    if ROWS not in data and batch:
        raise NotProven("it may take from other rows")
    return [Value((*indices[:-1], *data[batch + depth :]))]


def reshape(node: Applied) -> list[Value]:
    """Rows keep what is theirs if all before them is of size 1 and as much follows each as before."""
    data, asked = node.input(0), target(node.input(1))
    if data.counts_rows:
        if asked in ((-1,), (1,)):
            return [Value((len(data.numbers or ()),), data.numbers)]
        raise NotProven("it computes with the number of rows")
    if ROWS in asked and not data.has_rows:
        raise NotProven("it makes rows of what has none")
    if 0 in asked and node.integer("allowzero", 0):
        raise NotProven("its shape holds a zero")
    old = data.shape
    wanted = [old[place] if size == 0 and place < len(old) else size for place, size in enumerate(asked)]
    if not data.has_rows:
        return [Value(_inferred(wanted, size_of(old)) if _fits(node, wanted, old) else (None,) * len(wanted))]
    at = next((place for place, size in enumerate(wanted) if size != 1), len(wanted))
    before, row, after = old[: data.row_axis], wanted[at : at + 1], wanted[at + 1 :]
    if set(before) - {1} or row not in ([ROWS], [-1]) or ROWS in after:
        raise NotProven("elements may move to other rows")
    sizes, rest = size_of(after), size_of(old[data.row_axis + 1 :])
    # ONNX Runtime fuses a shape made of parts into one with -1, so a shape that does not fit would run all the same.
    inferred = -1 in after and row == [ROWS]
    if not inferred and (not sizes or sizes != rest):
        raise NotProven("elements may move to other rows")
    return [Value((*wanted[:at], ROWS, *_inferred(after, rest)))]


def _fits(node: Applied, wanted: Sequence[Dim], old: Dims) -> bool:
    """Whether these sizes are what comes out: of a shape made of parts ONNX Runtime makes one -1, whatever it says."""
    if node.input(1).constant is not None:
        return True
    had, others = size_of(old), size_of([size for size in wanted if size != -1])
    if not had or not others:
        return False
    return had % others == 0 if -1 in wanted else had == others


def target(value: Value) -> Dims:
    if value.numbers is None or value.has_rows:
        raise NotProven("its shape is not known")
    return value.numbers


def sizes(value: Value) -> Dims:
    """A shape whose sizes are all said."""
    sizes = target(value)
    if any(isinstance(size, int) and size < 0 for size in sizes):
        raise NotProven("its shape holds a negative size")
    return sizes


def _inferred(sizes: Sequence[Dim], rest: int | None) -> Dims:
    """The sizes with -1 as what the elements of a row, if known, leave for it."""
    others = size_of([size for size in sizes if size != -1])
    left = rest // others if rest is not None and others else None
    return tuple(left if size == -1 else size for size in sizes)


def constant_of_shape(node: Applied) -> list[Value]:
    """One value everywhere."""
    value = node.attributes.get("value")
    fill = value.scalar if isinstance(value, Constant) else 0.0 if value is None else None
    return [Value(sizes(node.input(0)), fill=fill)]


MOVEMENT: Mapping[str, Rule] = {
    "Constant": constant,
    "Shape": shape,
    "Transpose": transpose,
    "Concat": concat,
    "Gather": gather,
    "GatherElements": gather_elements,
    "ScatterElements": scatter_elements,
    "GatherND": gather_nd,
    "Reshape": reshape,
    "ConstantOfShape": constant_of_shape,
}
# Inputs that may hold the number of rows, by operator; everywhere else it makes what follows depend on it.
COUNTS: Mapping[str, tuple[int, ...]] = {
    "Identity": (0,),
    "Cast": (0,),
    "Shape": (0,),
    "Concat": tuple(range(MAX_RANK)),
    "Gather": (0,),
    "Reshape": (0, 1),
    "Squeeze": (0,),
    "Unsqueeze": (0,),
    "Expand": (1,),
    "Tile": (1,),
    "ConstantOfShape": (0,),
    "Slice": (0, 1, 2),
}
