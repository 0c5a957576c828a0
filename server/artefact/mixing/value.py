"""Owns what is known of a tensor: its shape, where its rows are, and the few numbers that shapes are made of.

A tensor *has rows* along one axis if that axis is as long as the run has rows, and if its slice ``i`` depends on row
``i`` of the inputs only: not on other rows, not on their number, not on its place among them. Every other tensor that
is known depends on nothing of the inputs but the shape of one row, which all requests of a run share; its *numbers* may
hold the number of rows itself, for a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, Literal

ROWS: Final = "rows"  # the extent of the axis of the rows, whatever it is in a run
Dim = int | None | Literal["rows"]  # None: a size that is not known, but does not depend on the rows
Dims = tuple[Dim, ...]


class NotProven(Exception):
    """A node may mix rows, or nobody has shown that it does not; the message says what it does."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor. ``dims``: None for a constant of unknown rank; ``numbers``: of a vector or a single value, if known."""

    dims: Dims | None
    numbers: Dims | None = None

    @property
    def has_rows(self) -> bool:
        """Whether an axis of it is that of the rows."""
        return self.dims is not None and ROWS in self.dims

    @property
    def counts_rows(self) -> bool:
        """Whether its numbers tell how many rows there are."""
        return self.numbers is not None and ROWS in self.numbers

    @property
    def shape(self) -> Dims:
        """The dims. Raises NotProven where the rank is not known."""
        if self.dims is None:
            raise NotProven("the rank of an input is not known")
        return self.dims

    @property
    def row_axis(self) -> int:
        """The axis of the rows. Raises NotProven without one."""
        if not self.has_rows:
            raise NotProven("an input has no rows")
        return self.shape.index(ROWS)


def known(value: Value | None) -> tuple[int | None, ...]:
    """The numbers of a constant, None for single ones that are not known. Raises NotProven."""
    if value is None or value.numbers is None or value.has_rows:
        raise NotProven("an input that gives axes, sizes or places is not known")
    found: list[int | None] = []
    for number in value.numbers:
        if number == ROWS:
            raise NotProven("the number of rows decides on sizes or places")
        found.append(number)
    return tuple(found)


def certain(value: Value | None) -> tuple[int, ...]:
    """The numbers of a constant, each known. Raises NotProven."""
    numbers = known(value)
    if any(number is None for number in numbers):
        raise NotProven("an input that gives axes, sizes or places is not known")
    return tuple(number for number in numbers if number is not None)


def normal(axis: int, rank: int) -> int:
    """An axis counted from the front. Raises NotProven for one that is not there."""
    if not -rank <= axis < rank:
        raise NotProven("an axis is outside of its tensor")
    return axis % rank


def keep_off(dims: Dims, axis: int) -> None:
    """Raises NotProven if this is the axis of the rows."""
    if dims[axis] == ROWS:
        raise NotProven("it works across the rows")


def broadcast(shapes: Sequence[Dims]) -> Dims:
    """The shape of an element by element operation. Raises NotProven where rows meet what is not theirs."""
    rank = max(map(len, shapes))
    return tuple(_meet([dims[place] for dims in shapes if len(dims) >= -place]) for place in range(-rank, 0))


def _meet(extents: Sequence[Dim]) -> Dim:
    others = [extent for extent in extents if extent != 1]
    if ROWS in others:
        if any(extent != ROWS for extent in others):
            raise NotProven("rows meet an axis that is not theirs")
        return ROWS
    sizes = {extent for extent in others if extent is not None}
    if len(sizes) > 1:
        raise NotProven("shapes do not fit each other")
    if sizes:
        return sizes.pop()
    return None if others else 1


def size_of(dims: Sequence[Dim]) -> int | None:
    """The elements of a row part; None where a size is not known."""
    if any(not isinstance(dim, int) for dim in dims):
        return None
    return prod(dim for dim in dims if isinstance(dim, int))
