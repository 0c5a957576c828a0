"""Owns the rules of operators that cut, widen and repeat along axes, or add and drop axes. Knows no graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.rules.movement import sizes, target
from server.artefact.mixing.value import (
    ROWS,
    Dim,
    Dims,
    NotProven,
    Value,
    broadcast,
    certain,
    keep_off,
    known,
    normal,
    size_of,
)

ALL = 2**31 - 1  # the end of a slice from here on is behind every row
MAX_PARTS = 1024  # outputs of a split whose sizes are not said


def slice_rule(node: Applied) -> list[Value]:
    """A part of axes; of the rows, all."""
    value = node.input(0)
    dims = list(value.shape)
    starts, ends, axes, steps = _slice_bounds(node, len(dims))
    if value.numbers is not None and axes == (0,) and len(dims) == 1:
        start, end, step = starts[0], ends[0], steps[0]
        if isinstance(start, int) and isinstance(end, int) and step:
            part = value.numbers[start:end:step] if step > 0 else None
            if part is not None:
                return [Value((len(part),), part)]
    if value.counts_rows:
        raise NotProven("it computes with the number of rows")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        whole = start == 0 and step == 1 and (end == ROWS or (isinstance(end, int) and end >= ALL))
        if dims[axis] == ROWS and not whole:
            raise NotProven("it takes some of the rows only")
        if dims[axis] != ROWS:
            if ROWS in (start, end):
                raise NotProven("the number of rows decides on sizes or places")
            dims[axis] = _cut(dims[axis], start, end, step)
    return [Value(tuple(dims))]


def _slice_bounds(node: Applied, rank: int) -> tuple[Dims, Dims, tuple[int, ...], tuple[int | None, ...]]:
    starts: Dims
    ends: Dims
    steps: tuple[int | None, ...] | None = None
    if node.version < 10:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        given = node.integers("axes")
    else:
        starts, ends = target(node.input(1)), target(node.input(2))
        given = certain(node.input(3)) if node.has(3) else None
        steps = known(node.input(4)) if node.has(4) else None
    axes = tuple(normal(axis, rank) for axis in (range(len(starts)) if given is None else given))
    strides = (1,) * len(axes) if steps is None else steps
    if len({len(starts), len(ends), len(axes), len(strides)}) != 1 or len(set(axes)) < len(axes):
        raise NotProven("its inputs do not fit each other")
    return starts, ends, axes, strides


def _cut(dim: Dim, start: Dim, end: Dim, step: int | None) -> int | None:
    """How many places are left. Backwards it is not followed: ONNX Runtime moves a start before the first place to the
    first, and reads the largest end as "to the beginning", other than Python."""
    forwards = step is not None and step > 0
    if isinstance(dim, int) and isinstance(start, int) and isinstance(end, int) and forwards and dim <= ALL:
        return len(range(dim)[start:end:step])
    return None


def split(node: Applied) -> list[Value]:
    """Parts of an axis that is not the rows'."""
    node.constants(1)
    dims = node.input(0).shape
    axis = normal(node.integer("axis", 0), len(dims))
    keep_off(dims, axis)
    sizes: Sequence[int | None] | None = node.integers("split")
    if node.has(1) and node.input(1).numbers is not None:
        sizes = known(node.input(1))
    if sizes is None:
        return [Value((*dims[:axis], None, *dims[axis + 1 :]))] * MAX_PARTS
    return [Value((*dims[:axis], size, *dims[axis + 1 :])) for size in sizes]


def pad(node: Applied) -> list[Value]:
    """More places before and after, but no more rows."""
    node.constants(1)
    dims = list(node.input(0).shape)
    amounts = node.integers("pads") if node.version < 11 else certain(node.input(1))
    axes = tuple(normal(axis, len(dims)) for axis in (certain(node.input(3)) if node.has(3) else range(len(dims))))
    if amounts is None or len(amounts) != 2 * len(axes) or len(set(axes)) < len(axes):
        raise NotProven("its inputs do not fit each other")
    for place, axis in enumerate(axes):
        before, after = amounts[place], amounts[place + len(axes)]
        dim = dims[axis]
        if dim == ROWS and (before, after) != (0, 0):
            raise NotProven("it adds rows or takes some away")
        if isinstance(dim, int):
            dims[axis] = dim + before + after
    return [Value(tuple(dims))]


def tile(node: Applied) -> list[Value]:
    """Repeats along axes that are not the rows'."""
    dims, repeats = node.input(0).shape, sizes(node.input(1))
    if len(dims) != len(repeats):
        raise NotProven("its inputs do not fit each other")
    tiled: list[Dim] = []
    for dim, times in zip(dims, repeats, strict=True):
        if ROWS in (dim, times) and 1 not in (dim, times):
            raise NotProven("it repeats rows")
        product = dim * times if isinstance(dim, int) and isinstance(times, int) else None
        tiled.append(ROWS if ROWS in (dim, times) else product)
    return [Value(tuple(tiled))]


def expand(node: Applied) -> list[Value]:
    """Repeats along axes of size 1; rows come of a shape that counts them."""
    node.constants(2)
    if node.input(0).counts_rows:
        raise NotProven("it computes with the number of rows")
    return [Value(broadcast([node.input(0).shape, sizes(node.input(1))]))]


def one_hot(node: Applied) -> list[Value]:
    """A new axis, by the value of each element."""
    node.constants(1)
    dims = node.input(0).shape
    axis = normal(node.integer("axis", -1), len(dims) + 1)
    return [Value((*dims[:axis], None, *dims[axis:]))]


def squeeze(node: Applied) -> list[Value]:
    """Axes that are named; without names, one row would lose its axis."""
    value = node.input(0)
    dims = value.shape
    axes = node.axes(1, len(dims))
    if not axes:
        raise NotProven("a single row would lose its axis")
    for axis in axes:
        keep_off(dims, axis)
    return [Value(tuple(dim for axis, dim in enumerate(dims) if axis not in axes), value.numbers)]


def unsqueeze(node: Applied) -> list[Value]:
    """New axes of size 1."""
    value = node.input(0)
    count = len(node.integers("axes") or (certain(node.input(1)) if node.has(1) else ()))
    axes = node.axes(1, len(value.shape) + count)
    if not axes:
        raise NotProven("its axes are not known")
    old = iter(value.shape)
    numbers = value.numbers if len(value.shape) + count <= 1 else None
    if value.counts_rows and numbers is None:
        raise NotProven("it computes with the number of rows")
    return [Value(tuple(1 if at in axes else next(old) for at in range(len(value.shape) + count)), numbers)]


def flatten(node: Applied) -> list[Value]:
    """A matrix; rows stay if they are all of its first axis."""
    dims = node.input(0).shape
    axis = node.integer("axis", 1)
    if not -len(dims) <= axis <= len(dims):
        raise NotProven("an axis is outside of its tensor")
    axis = axis + len(dims) if axis < 0 else axis
    before = dims[:axis]
    if ROWS in dims and set(before) - {1} != {ROWS}:
        raise NotProven("elements may move to other rows")
    return [Value((ROWS if ROWS in dims else size_of(before), size_of(dims[axis:])))]


CUTTING: Mapping[str, Rule] = {
    "Slice": slice_rule,
    "Split": split,
    "Pad": pad,
    "Tile": tile,
    "Expand": expand,
    "OneHot": one_hot,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Flatten": flatten,
}
