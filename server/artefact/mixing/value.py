"""Owns what is known of a tensor: its shape, where its rows are, and the few numbers that shapes are made of.

A tensor *has rows* along one axis if that axis is as long as the run has rows, and if its slice ``i`` depends on row
``i`` of the inputs only: not on other rows, not on their number, not on its place among them. Every other tensor that
is known depends on nothing of the inputs but the shape of one row, which all requests of a run share; its *numbers* may
hold the number of rows itself, for a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final, Literal

from server.artefact.mixing.graph import Constant

ROWS: Final = "rows"  # the extent of the axis of the rows, whatever it is in a run
Dim = int | None | Literal["rows"]  # None: a size that is not known, but does not depend on the rows
Dims = tuple[Dim, ...]
Scalar = bool | int | float | str
MAX_TEXT = 64  # characters of a name in a reason


class NotProven(Exception):
    """A node may mix rows, or nobody has shown that it does not; the message says what it does."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows ``[rows, width]`` or ``[rows, width, inner]`` of texts in pieces, filled up to the longest text of the run.

    ``ordered``: there is one endless sequence for each row of the inputs, whose first ``width`` places are its row in
    every run; from ``width + late`` on all its elements are in ``tail``. Not ordered: a row is what depends on the row
    of the inputs only, and then elements of ``tail`` in any number and order. ``width``: a multiple of the longest text
    and more; widths of one ``source`` and equal numbers are equal in every run. Tails of one ``origin`` belong together
    place by place; an element is None where it is not known which it is.
    """

    source: object
    times: int
    more: int
    origin: object
    tail: tuple[Scalar | None, ...]
    late: int = 0
    ordered: bool = True
    inner: int = 0  # 0: there is no such axis

    def same_width(self, other: Texts) -> bool:
        """Whether both are as wide, and have as many elements at a place, in every run."""
        return self.source is other.source and self._size() == other._size()

    def _size(self) -> tuple[int, int, int]:
        return self.times, self.more, self.inner


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor. ``dims``: None for a constant of unknown rank; ``numbers``: of a vector or a single value, if known.

    ``fill``: what all its elements are, if they are all the same; ``constant``: where its values stand; ``texts``: what
    is known of a tensor that is as wide as the longest text of the run.
    """

    dims: Dims | None
    numbers: Dims | None = None
    fill: Scalar | None = None
    constant: Constant | None = field(default=None, compare=False)
    texts: Texts | None = None

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


@dataclass(frozen=True, slots=True)
class Mixed:
    """A tensor whose rows may depend on each other, and why."""

    why: str


Known = Value | Mixed


def shown(name: str) -> str:
    """A name of the file for a reason: as text, in quotes, at most MAX_TEXT characters of it."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "...")
