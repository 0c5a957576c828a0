"""Owns the stand-in of a numpy array: one dimension or two, of which the first are the rows."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import arithmetic, elements
from convert.tracing.recorder.held import as_dtype, column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import IN_FIT, MIXES, RECORDED, VECTORISED, only, refuse
from convert.tracing.rows.arrays import ArrayAlongRows
from convert.tracing.rows.picked import Picked
from convert.tracing.standins.arrays.places import address, is_all, split_key, spread, storage_of
from convert.tracing.standins.arrays.values import astype, place_of_largest, reduce_rows
from convert.tracing.standins.functions.table import FUNCTIONS
from convert.tracing.standins.row_count import RowCount
from convert.tracing.standins.standin import StandIn, shown


class Array(ArrayAlongRows, StandIn):
    """Stands for an array ``[rows]`` or ``[rows, width]``."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that a person's isinstance(x, np.ndarray) holds."""
        return np.ndarray

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
        raise refuse(f"numpy.{function.__name__} is not recorded", RECORDED)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many rows, and how many columns."""
        return (RowCount(self.concrete.shape[0]), *self.concrete.shape[1:])

    @property
    def ndim(self) -> int:
        """One or two."""
        return int(self.concrete.ndim)

    @property
    def dtype(self) -> Any:
        """Numpy's own."""
        return self.concrete.dtype

    @property
    def size(self) -> int:
        """How many values."""
        return RowCount(self.concrete.size)

    @property
    def values(self) -> Any:
        """Arrays have none."""
        raise AttributeError("'numpy.ndarray' object has no attribute 'values'")

    def __iter__(self) -> Iterator[Any]:
        raise refuse("it goes through the rows one by one", f"{VECTORISED}; pd.Series(values).map(names).to_numpy()")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, StandIn):
            return Picked(self, key)
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], StandIn) and np.ndim(key[1]) == 0:
            return Picked(self if isinstance(key[1], slice) else self[:, key[1]], key[0])
        rows, wanted = split_key(self, key)
        if rows is None:  # x[:, None]
            return self.reshape(-1, 1)
        with quietly():
            concrete = self.concrete[(slice(None), wanted)] if wanted is not None else self.concrete[:]
        if wanted is None:
            return self.like(concrete, self.columns_)
        places = np.atleast_1d(np.arange(self.columns_.width)[wanted])
        return self.like(concrete, self.columns_.take(places.tolist()))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Columns by position, or where a condition on rows or cells holds."""
        condition = key if isinstance(key, StandIn) else key[0] if isinstance(key, tuple) else None
        if isinstance(condition, StandIn):
            self._set_where(key, condition, value)
            return
        _, wanted = split_key(self, key)
        places = np.atleast_1d(np.arange(self.columns_.width)[slice(None) if wanted is None else wanted]).tolist()
        made = spread(self, value, len(places))
        with quietly():
            self.concrete[... if wanted is None else (slice(None), wanted)] = shown(value)
        self._write([as_dtype(tensor, storage_of(self)) for tensor in made], places)

    def become(self, made: Any) -> Any:
        """Other values in the same memory, in the dtype that it has."""
        if made.concrete.shape != self.concrete.shape or not np.can_cast(made.dtype, self.dtype, "same_kind"):
            raise refuse(f"numpy puts no {made.dtype} into an array of {self.dtype}, nor another shape", RECORDED)
        self[...] = made
        return self

    def _set_where(self, key: Any, condition: StandIn, value: Any) -> None:
        if type(value) is Picked:
            self._put_back(key, condition, value.put_back(condition))
            return
        shown_key = tuple(map(shown, key)) if isinstance(key, tuple) else shown(key)
        if isinstance(value, StandIn) or np.size(value) != 1:
            raise refuse("it sets some rows to values of other columns", "np.where(condition, values, x)")
        if isinstance(key, tuple) and np.size(np.arange(self.columns_.width)[key[1]]) > 1 and not is_all(key[1]):
            raise refuse("it sets several columns of some rows at once", "one after the other: x[condition, 0] = value")
        value = np.asarray(value).item()
        with quietly():
            self.concrete[shown_key] = value
        if isinstance(key, tuple):
            places = np.atleast_1d(np.arange(self.columns_.width)[key[1]]).tolist()
        else:
            places = list(range(self.columns_.width))
        chosen = []
        for at in places:
            flags = condition.columns_.take([at if condition.columns_.width > 1 else 0]).parts[0][0]
            here = self.columns_.take([at]).parts[0][0]
            make = functools.partial(elements.choose, here.graph, flags, value, here)
            chosen.append(self.recorder.node(make).cast(here.dtype))
        self._write(chosen, places)

    def _put_back(self, key: Any, condition: StandIn, whole: Any) -> None:
        """Values of all rows, where a condition holds."""
        if isinstance(key, tuple) and not isinstance(key[1], slice):
            self[:, key[1]] = np.where(condition, whole, self[:, key[1]])
            return
        turned = condition.concrete.ndim < self.concrete.ndim
        flags = condition.to_numpy() if hasattr(condition, "to_numpy") else condition
        self.become(np.where(flags.reshape(-1, 1) if turned else flags, whole, self))

    def _write(self, tensors: Sequence[Tensor], places: Sequence[int]) -> None:
        """These tensors as the columns at these places, whose sample rows are written: of every view of them, too."""
        written = {address(self.concrete, at): tensor for at, tensor in zip(places, tensors, strict=True)}
        for view in list(self.recorder.arrays.values()):
            singles = [view.columns_.take([at]).parts[0] for at in range(view.columns_.width)]
            found = [written.get(address(view.concrete, at)) for at in range(len(singles))]
            if any(tensor is not None for tensor in found):
                kept = [pair if new is None else (new, 1) for pair, new in zip(singles, found, strict=True)]
                view.columns_ = view.like(view.concrete, Columns(self.recorder.graph, tuple(kept))).columns_

    def copy(self, *_: Any, **others: Any) -> Any:
        """Another array with the same values."""
        only(others)
        return self.like(self.concrete.copy(), self.columns_)

    def astype(self, dtype: Any, *_: Any, **others: Any) -> Any:
        """Another dtype; texts stay texts."""
        only(others)
        return astype(self, dtype, self.concrete.astype)

    def reshape(self, *shape: Any, **others: Any) -> Any:
        """One column, [rows, 1], or one dimension, [rows]."""
        only(others)
        with quietly():
            concrete = self.concrete.reshape(*shape)
        if concrete.ndim > 2 or len(concrete) != self.recorder.rows:
            raise refuse("reshape puts values of several rows into one", "reshape(-1, 1) and reshape(len(X), -1) are")
        return self.like(concrete, self.columns_)

    def ravel(self, *_: Any, **__: Any) -> Any:
        """One dimension of one column."""
        return self.reshape(-1)

    flatten = squeeze = ravel

    def round(self, decimals: int = 0, **others: Any) -> Any:
        """To the nearest even."""
        only(others)
        made = self.recorder.each(lambda x: arithmetic.rounded(x, decimals), self.columns_)
        return self.like(self.concrete.round(decimals), made)

    def clip(self, min: Any = None, max: Any = None, **others: Any) -> Any:  # noqa: A002  numpy's names
        """Between two limits."""
        only(others)
        return FUNCTIONS[np.clip](self, min, max)

    def sum(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("sum", self, axis, **keywords)

    def mean(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("mean", self, axis, **keywords)

    def min(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("min", self, axis, **keywords)

    def max(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("max", self, axis, **keywords)

    def std(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("std", self, axis, **keywords)

    def var(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("var", self, axis, **keywords)

    def prod(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("prod", self, axis, **keywords)

    def all(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("all", self, axis, **keywords)

    def any(self, axis: Any = None, **keywords: Any) -> Any:
        """Along the columns of a row."""
        return reduce_rows("any", self, axis, **keywords)

    def argmax(self, axis: Any = None, **others: Any) -> Any:
        """The place of the largest in each row, the first of several."""
        only(others)
        if axis not in (1, -1) or self.concrete.ndim != 2:
            raise refuse(f"argmax along the rows: {MIXES}", IN_FIT)
        place = place_of_largest(self.recorder.one(self.columns_))
        return self.like(self.concrete.argmax(axis=1), column(place))

    def __matmul__(self, other: Any) -> Any:
        """With a constant matrix or vector."""
        if isinstance(other, StandIn):
            raise refuse(f"a product of two tables: {MIXES}", IN_FIT)
        with quietly():
            concrete = self.concrete @ other
        matrix = np.asarray(other)
        matrix = matrix.reshape(-1, 1) if matrix.ndim == 1 else matrix
        wanted = np.result_type(self.concrete.dtype, matrix.dtype)
        return self.like(
            concrete,
            column(self.recorder.one(self.columns_, wanted) @ matrix)
            if matrix.shape[1] == 1
            else Columns(self.recorder.graph, ((self.recorder.one(self.columns_, wanted) @ matrix, matrix.shape[1]),)),
        )

    def dot(self, other: Any) -> Any:
        """With a constant matrix or vector."""
        return self @ other
