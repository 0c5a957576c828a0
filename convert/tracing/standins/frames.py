"""Owns the stand-in of a pandas DataFrame: its columns, taken and set. Names: `frame_names`; values: `frame_values`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.learned import MissingColumn
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import RECORDED, only, refuse
from convert.tracing.standins.arrays.places import filled
from convert.tracing.standins.frame_names import FrameNames
from convert.tracing.standins.functions.table import FUNCTIONS
from convert.tracing.standins.locating import Located, Positioned
from convert.tracing.standins.row_count import RowCount, labels_of
from convert.tracing.standins.series.arithmetic import dividend
from convert.tracing.standins.series.categories import plain
from convert.tracing.standins.standin import StandIn, alike, shown

DATA_FRAME = pd.DataFrame  # itself: while code is recorded, pandas' name stands for something else
BEGIN = "set a column of the rows first: out['a'] = df['a'], or begin with pd.DataFrame({'a': df['a']})"


EVALUATED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Name, ast.Constant, ast.Load, ast.operator, ast.unaryop,
    ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq,
)  # fmt: skip


class Frame(FrameNames):
    """Stands for a DataFrame."""

    __slots__ = ()
    _typ = "dataframe"  # by which pandas on the left leaves an operation to this one

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that a person's isinstance(x, pd.DataFrame) holds."""
        return DATA_FRAME

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
        raise refuse(f"numpy.{function.__name__} is not recorded", RECORDED)

    shape = property(lambda self: (RowCount(self.concrete.shape[0]), self.concrete.shape[1]))
    ndim = 2
    empty = False
    index = property(lambda self: labels_of(self))
    dtypes = property(lambda self: self.concrete.dtypes)
    values = property(lambda self: self.to_numpy())
    loc = property(lambda self: Located(self))
    iloc = property(lambda self: Positioned(self))

    @property
    def columns(self) -> Any:
        """Their names."""
        return self.concrete.columns

    @columns.setter
    def columns(self, names: Any) -> None:
        self.concrete = self.concrete.set_axis(names, axis=1)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.concrete.columns)

    def __contains__(self, name: Any) -> bool:
        return name in self.concrete.columns

    def __getattr__(self, name: str) -> Any:
        """A column by its name, as df.age; whatever else a DataFrame has is refused by name."""
        if name in self.concrete.columns:
            return self[name]
        if not name.startswith("_") and not hasattr(DATA_FRAME, name):
            raise MissingColumn(name)
        return StandIn.__getattr__(self, name)

    def eval(self, expr: str, inplace: bool = False, **others: Any) -> Any:
        """Arithmetic and comparisons of columns in a text; ``name = ...`` makes a column."""
        only(others)
        lines = [line.strip() for line in expr.splitlines() if line.strip()]
        if len(lines) > 1:
            made = self if inplace else self.copy()
            for line in lines:
                made.eval(line, inplace=True)
            return None if inplace else made
        name, _, told = expr.partition("=") if re.match(r"\s*\w+\s*=(?!=)", expr) else ("", "", expr)
        tree = ast.parse(told.strip(), mode="eval")
        if not all(isinstance(node, EVALUATED) for node in ast.walk(tree)):
            raise refuse(f"DataFrame.eval({expr!r}) is not recorded", "arithmetic of columns by name is")
        columns = {node.id: self[node.id] for node in ast.walk(tree) if isinstance(node, ast.Name)}
        made = eval(compile(tree, "<string>", "eval"), {"__builtins__": {}}, columns)  # noqa: S307  of such nodes alone
        if not name:
            return made
        whole = self if inplace else self.copy()
        whole[name.strip()] = made
        return None if inplace else whole

    def keys(self) -> Any:
        """Names of columns."""
        return self.concrete.columns

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Column by column."""
        return ((name, self[name]) for name in self.concrete.columns)

    def at(self, places: Sequence[int]) -> Any:
        """The columns at these positions."""
        return self.like(self.concrete.iloc[:, list(places)], self.columns_.take(places))

    def single(self, place: int) -> Any:
        """One column as a series."""
        return self.like(self.concrete.iloc[:, place], self.columns_.take([place]))

    def binary(self, act: Callable[[Any, Any], Any], ufunc: np.ufunc, left: Any, right: Any) -> Any:
        """As of any stand-in; two frames must have the same columns, as pandas puts them beside each other by name."""
        if isinstance(left, Frame) and isinstance(right, Frame) and list(left.columns) != list(right.columns):
            raise refuse("it computes with two frames of different columns", "take columns as arrays: df.to_numpy()")
        made = StandIn.binary(self, act, ufunc, dividend(ufunc, left, right), right)
        if isinstance(made, Frame) and list(made.columns) != list(self.columns):  # pandas put all names in order
            raise refuse("it computes with constants of other columns, or in another order", "list the columns alike")
        return made

    def places(self, names: Any) -> Any:
        """Positions of columns by name: one for one name."""
        for name in names if isinstance(names, list) else [names]:
            if name not in self.concrete.columns:
                raise MissingColumn(name)
        found = self.concrete.columns.get_indexer(names if isinstance(names, list) else [names])
        return found.tolist() if isinstance(names, list) else int(found[0])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, StandIn):
            raise refuse("it takes some of the rows", "a transformer answers every row: np.where, Series.where")
        if isinstance(key, slice):
            raise refuse("it takes some of the rows", "df.loc[:, first:last] takes columns")
        listed = isinstance(key, list | np.ndarray | pd.Index | pd.Series)
        if listed and len(key) and np.asarray(key).dtype == np.bool_:
            return self.at(np.flatnonzero(np.asarray(key)).tolist())
        found = self.places(list(key) if listed else key)
        return self.at(found) if listed else self.single(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, StandIn):
            self._become(self.mask(key, value))
            return
        names = list(key) if isinstance(key, list | pd.Index | np.ndarray) else [key]
        with quietly():
            concrete = self.concrete.copy()
            concrete[key] = shown(value)
        self._put(concrete, names, self._tensors(value, len(names)))

    def _tensors(self, value: Any, width: int) -> list[Tensor]:
        if isinstance(value, StandIn):
            singles = [value.columns_.take([at]).parts[0][0] for at in range(value.columns_.width)]
            return singles * width if len(singles) == 1 else singles
        constant = alike(self.recorder, value)
        values = list(constant) if np.ndim(constant) else [constant] * width
        if not self.columns_.parts:
            raise refuse("what it sets first in an empty DataFrame is no column of the rows", BEGIN)
        like = self.columns_.take([0]).parts[0][0]
        return [self.recorder.node(lambda v=item: filled(like, v)) for item in values]  # type: ignore[misc]

    def _put(self, concrete: Any, names: Sequence[Any], tensors: Sequence[Tensor]) -> None:
        """These columns, in the place of those of that name, or behind."""
        if not concrete.columns.is_unique:
            raise refuse("it sets a column of a table that has two of one name", "give them names of their own")
        parts = {name: self.columns_.take([at]).parts[0] for at, name in enumerate(self.concrete.columns)}
        parts |= {name: (tensor, 1) for name, tensor in zip(names, tensors, strict=True)}
        made = Columns(self.recorder.graph, tuple(parts[name] for name in concrete.columns))
        self._become(self.like(concrete, made))

    def set_where(self, name: Any, condition: Any, value: Any) -> None:
        """Sets a column where a condition holds; one that is new is missing elsewhere."""
        if name in self.concrete.columns:
            self[name] = self[name].mask(condition, value)
            return
        with quietly():
            concrete = self.concrete.copy()
            concrete.loc[shown(condition), name] = (
                value.concrete[shown(condition)] if isinstance(value, StandIn) else value
            )
        told = plain(value).tensor if isinstance(value, StandIn) else value
        made = self.recorder.node(lambda: elements.choose(self.recorder.graph, condition.tensor, told, None))
        self._put(concrete, [name], [made])

    def _become(self, made: Any) -> None:
        self.concrete, self.columns_ = made.concrete, made.columns_

    def __delitem__(self, name: Any) -> None:
        self._become(self.drop(columns=[name]))

    def pop(self, name: Any) -> Any:
        """Takes a column out."""
        taken = self[name]
        del self[name]
        return taken

    def insert(self, loc: int, column: Any, value: Any, allow_duplicates: bool = False) -> None:
        """A new column at a place."""
        with quietly():
            concrete = self.concrete.copy()
            concrete.insert(loc, column, shown(value))
        self._put(concrete, [column], self._tensors(value, 1))

    def get(self, name: Any, default: Any = None) -> Any:
        """A column, or the default where there is none."""
        return self[name] if name in self.concrete.columns else default
