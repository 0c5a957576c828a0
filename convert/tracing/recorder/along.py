"""Owns what stays within a row but looks at several of its columns: running totals, order, ranks, neighbours.

As numpy and pandas have it, missing numbers included. Knows nothing of stand-ins; sums and the like: `reducing`.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements

Join = Callable[[Tensor, Tensor], Tensor]
JOINS: dict[str, tuple[Join, float]] = {  # how a running total goes on, and what a skipped number counts as
    "cummax": (lambda a, b: a.graph.op("Max", a, b), -np.inf),
    "cummin": (lambda a, b: a.graph.op("Min", a, b), np.inf),
    "cumprod": (operator.mul, 1.0),
    "cumsum": (operator.add, 0.0),
}


def singles(x: Tensor, width: int) -> list[Tensor]:
    """The columns of ``x`` [rows, width], each [rows, 1]."""
    return [x.take([at]) for at in range(width)]


def _nan(x: Tensor) -> Any:
    return np.asarray(np.nan, x.dtype)


def running(kind: str, x: Tensor, width: int, skip: bool) -> list[Tensor]:
    """Totals from the first column on. ``skip``: a missing number stays so, and the others go on without it."""
    join, neutral = JOINS[kind]
    columns = singles(x, width)
    if x.dtype.kind != "f":
        return list(itertools.accumulate(columns, join))
    gone = [elements.missing(column) for column in columns]
    filled = [flag.where(np.asarray(neutral, x.dtype), column) for flag, column in zip(gone, columns, strict=True)]
    totals = itertools.accumulate(filled, join)
    lost = gone if skip else itertools.accumulate(gone, operator.or_)
    return [flag.where(_nan(x), total) for flag, total in zip(lost, totals, strict=True)]


def in_order(x: Tensor, width: int) -> Tensor:
    """Each row from its least number to its largest, the missing ones behind as infinite ones."""
    there = elements.missing(x).where(np.asarray(np.inf, x.dtype), x) if x.dtype.kind == "f" else x
    count = x.graph.constant(np.array([width], np.int64))
    return x.graph.ops("TopK", there, count, dtypes=[x.dtype, np.int64], axis=1, largest=0, sorted=1)[0]


def _number(x: Tensor, width: int) -> Tensor:
    """[rows, 1]: how many numbers of a row are there, as a float."""
    there = ~elements.missing(x) if x.dtype.kind == "f" else elements.constant_like(x, True)
    return there.cast(np.float64).reduce("ReduceSum")


def ordered(x: Tensor, width: int) -> list[Tensor]:
    """numpy.sort of each row: the missing ones are last."""
    columns = singles(in_order(x, width), width)
    if x.dtype.kind != "f":
        return columns
    number = _number(x, width)
    return [(number > float(at)).where(column, _nan(x)) for at, column in enumerate(columns)]


def _at(columns: Sequence[Tensor], place: Tensor) -> Tensor:
    """[rows, 1]: the column at a place that each row has of its own."""
    found = columns[0]
    for at, column in enumerate(columns[1:], 1):
        found = place.equals(float(at)).where(column, found)
    return found


def quantile(x: Tensor, width: int, share: float, skip: bool, middle: bool = False) -> Tensor:
    """[rows, 1]: numpy's linear quantile. ``middle``: the median, halfway between two numbers by their sum."""
    x = x.cast(np.float64) if x.dtype.kind != "f" else x
    number = _number(x, width)
    columns = singles(in_order(x, width), width)
    last = (number - 1.0).graph.op("Max", number - 1.0, x.graph.constant(np.float64(0.0)))
    place = last * share
    low = place.unary("Floor")
    one, two = (_at(columns, at) for at in (low, x.graph.op("Min", low + 1.0, last)))
    part = (place - low).cast(x.dtype)
    if middle:
        made = part.equals(0.0).where(one, (one + two) * 0.5)
    else:
        apart = two - one
        made = (part >= 0.5).where(two - apart * (1.0 - part), one + apart * part)
    return (number < (1.0 if skip else float(width))).where(_nan(x), made)


def ranks(x: Tensor, width: int, method: str, ascending: bool, share: bool) -> list[Tensor]:
    """The place of each number among those of its row, from 1 on; missing ones have none."""
    columns = singles(x if x.dtype.kind != "b" else x.cast(np.int64), width)
    before: Join = operator.lt if ascending else operator.gt
    first = _first_ones(columns)
    places = []
    for at, own in enumerate(columns):
        less = _counted([before(other, own) for other in columns])
        same = [other.equals(own) for other in columns]
        match method:
            case "average":
                place = less + (_counted(same) + 1.0) * 0.5
            case "min":
                place = less + 1.0
            case "max":
                place = less + _counted(same)
            case "first":
                place = less + _counted(same[: at + 1])
            case "dense":
                place = _counted([before(other, own) & new for other, new in zip(columns, first, strict=True)]) + 1.0
            case _:
                raise elements.NoNode(f"rank with method={method!r}")
        places.append(place)
    if share:
        number = _counted(first) if method == "dense" else _number(x, width)
        places = [place / number for place in places]
    return [elements.missing(own).where(np.float64(np.nan), place) for own, place in zip(columns, places, strict=True)]


def total(columns: Sequence[Tensor]) -> Tensor:
    """[rows, 1]: their sum."""
    return functools.reduce(operator.add, columns)


def _counted(flags: Sequence[Tensor]) -> Tensor:
    """How many hold, as a float."""
    return total([flag.cast(np.float64) for flag in flags])


def _first_ones(columns: Sequence[Tensor]) -> list[Tensor]:
    """Where a column holds a number that none before it in the row holds."""
    found = []
    for at, own in enumerate(columns):
        earlier = [other.equals(own) for other in columns[:at]]
        again = functools.reduce(operator.or_, earlier) if earlier else elements.constant_like(own, False)
        found.append(~(again | elements.missing(own)))
    return found


def distinct(x: Tensor, width: int) -> Tensor:
    """[rows, 1]: how many different numbers a row has."""
    return _counted(_first_ones(singles(x, width))).cast(np.int64)


def place_of(extreme: Tensor, x: Tensor) -> Tensor:
    """[rows, 1]: where the first number of a row stands that equals its extreme one [rows, 1]."""
    there = x.equals(extreme) if x.dtype.kind != "b" else ~x.graph.op("Xor", x, extreme)
    return there.cast(np.int32).argmax().reshape(-1, 1)


def shifted(x: Tensor, width: int, periods: int, fill: Any) -> list[Tensor]:
    """Each column that many places before it; ``fill`` where there is none."""
    columns = singles(x, width)
    held = elements.constant_like(columns[0], np.asarray(fill, x.dtype))
    return [columns[at - periods] if 0 <= at - periods < width else held for at in range(width)]


def passed_on(x: Tensor, width: int, forwards: bool) -> list[Tensor]:
    """A missing value as the last one before it, or the next one behind it."""
    columns = singles(x, width)
    kept = list(
        itertools.accumulate(
            columns if forwards else columns[::-1],
            lambda last, own: elements.choose(own.graph, elements.missing(own), last, own),
        )
    )
    return kept if forwards else kept[::-1]


def windows(kind: Callable[[Tensor, int], Tensor], x: Tensor, width: int, size: int, least: int) -> list[Tensor]:
    """Of each column and those before it, ``size`` in all, what ``kind`` makes; missing where fewer than ``least`` are
    there."""
    x = x.cast(np.float64)
    made = []
    for at in range(width):
        begin = max(0, at + 1 - size)
        part = x.take(list(range(begin, at + 1)))
        enough = _number(part, at + 1 - begin) >= float(max(least, 1))
        made.append(enough.where(kind(part, at + 1 - begin), np.float64(np.nan)))
    return made
