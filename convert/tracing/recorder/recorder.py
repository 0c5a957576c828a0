"""Owns one recording: the graph it fills, the sample rows beside it, what it learns of the input's columns.

Each stand-in holds some sample rows, on which every operation is done by numpy or pandas itself, and the columns of the
graph, to which nodes are added. So names, widths, dtypes and errors are the libraries' own. Knows no stand-ins.
"""

from __future__ import annotations

import functools
import itertools
import warnings
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Graph, Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import as_dtype, as_wide, dtype_of, storage
from convert.tracing.recorder.learned import Learned, NeedsDates, NeedsText
from convert.tracing.recorder.refusals import RECORDED, VECTORISED, refuse

MOST_SAMPLES = 100  # texts of one kind


class Recorder:
    """One recording into ``graph``. ``rows`` is how many sample rows there are."""

    def __init__(self, graph: Graph, rows: int) -> None:
        self.graph, self.rows = graph, rows
        self.learned: dict[int, Learned] = {}
        self.make: Callable[[Recorder, Any, Columns], Any] = _unmade
        self.arrays: weakref.WeakValueDictionary[int, Any] = (
            weakref.WeakValueDictionary()
        )  # stand-ins that code still holds
        self.index: Any = range(rows)  # the labels of the sample rows
        self.handed_over: list[tuple[Any, list[int | None]]] = []  # estimators, and the input column that each gets
        self.texts_of: Callable[[Any], Mapping[int, Sequence[str]]] = lambda _: {}  # where an estimator takes texts
        self.untold: Collection[int] = ()  # input columns of which nothing but the code says what they hold
        self.first: Tensor | None = None  # a column [rows, 1] of the input: as many rows as there are
        self._origins: dict[str, int] = {}
        self._numbers: dict[str, int] = {}  # the input column whose texts numbers are
        self._given: set[str] = set()  # the input columns as they are
        self._taken: dict[str, tuple[Tensor, Callable[[str], str]]] = {}  # texts taken from others, and a way back

    def inputs(self, concrete: Any, x: Columns) -> Any:
        """The stand-in for what the code gets: ``concrete`` [rows, width], and its columns in the graph."""
        parts: list[tuple[Tensor, int]] = []
        at, self.index = 0, getattr(concrete, "index", self.index)
        for tensor, wide in x.parts:
            kinds = [dtype_of(concrete, at + offset) for offset in range(wide)]
            if len(set(kinds)) == 1:
                parts.append((as_dtype(tensor, kinds[0]), wide))
            else:
                parts += [(as_dtype(tensor.take([offset]), kind), 1) for offset, kind in enumerate(kinds)]
            at += wide
        made = Columns(self.graph, tuple(parts))
        for position in range(made.width):
            self._origins[made.take([position]).parts[0][0].name] = position
            if isinstance(kind := dtype_of(concrete, position), np.dtype) and kind.kind == "M":
                self.learned[position] = Learned(dates=True)
        self._given.update(self._origins)
        self.first = made.take([0]).parts[0][0] if made.parts else None
        return self.wrap(concrete.copy(), made)  # code may write into it

    def origin(self, x: Tensor) -> int | None:
        """Which input column this is; None where it is made of others."""
        return self._origins.get(x.name)

    def read_by(self, made: Sequence[Tensor]) -> set[int]:
        """The input columns that these are made of, not only are; each has an input of the graph to itself."""
        sources = self.graph.sources([tensor for tensor in made if tensor.name not in self._given])
        return {column for name, column in self._origins.items() if name in sources}

    def keep_origin(self, made: Tensor, of: Tensor) -> Tensor:
        """Notes that ``made`` is the same column with changed values."""
        if of.name in self._origins:
            self._origins.setdefault(made.name, self._origins[of.name])
        if of.name in self._numbers:
            self._numbers.setdefault(made.name, self._numbers[of.name])
        return made

    def note(self, x: Tensor, values: Iterable[Any] = (), points: Iterable[Any] = ()) -> None:
        """Notes what the code compares an input column with."""
        column = self._origins.get(x.name)
        if column is None:
            self.sample(x, values)
            return
        learned = self.learned.setdefault(column, Learned())
        if elements.is_text(x):
            learned.text = True
            learned.known += [value for value in values if isinstance(value, str)]
        numbers = [*points, *(() if elements.is_text(x) else values)]
        learned.points += [float(n) for n in numbers if isinstance(n, int | float | np.number) and np.isfinite(n)]

    def suppose(self, x: Tensor, values: Iterable[Any]) -> None:
        """Notes what an input column of texts knows where nothing else says what it knows."""
        self.note(x)
        if (column := self._origins.get(x.name)) is not None:
            told = self.learned[column].supposed
            told += [value for value in values if isinstance(value, str) and value not in told]

    def take(self, made: Tensor, of: Tensor, back: Callable[[str], str]) -> Tensor:
        """Notes that ``made`` are texts taken from others; ``back`` says of one from which it may be taken."""
        self._taken.setdefault(made.name, (of, back))
        return made

    def sample(self, x: Tensor, texts: Iterable[str]) -> None:
        """Notes texts which the code takes apart otherwise than others; ``x``: an input column, or what is of one."""
        listed = [text for text in texts if isinstance(text, str)][:MOST_SAMPLES]
        while x.name not in self._origins and x.name in self._taken:
            x, back = self._taken[x.name]
            listed = list(map(back, listed))
        column = self._origins.get(x.name)
        if column is not None:
            known = self.learned.setdefault(column, Learned()).samples
            known += [text for text in dict.fromkeys(listed) if text not in known]

    def need_text(self, x: Tensor, what: str) -> None:
        """Raises NeedsText, or a refusal, where a column is no text."""
        if elements.is_text(x):
            self.note(x)
            return
        if x.name in self._origins:
            raise NeedsText(self._origins[x.name])
        raise refuse(f"{what} is asked of a column that holds no texts", "give rows with --data, or check the code")

    def read(self, made: Tensor, of: Tensor) -> Tensor:
        """Notes that ``made`` are the numbers that the texts of an input column are."""
        if of.name in self._origins:
            self.note(of)
            self._numbers[made.name] = self._origins[of.name]
        return made

    def number_of(self, x: Tensor) -> int | None:
        """The input column whose texts these numbers are."""
        return self._numbers.get(x.name)

    def guess_text(self, x: Tensor) -> None:
        """Raises NeedsText where an input column holds numbers that were only made up, and hardly is one of numbers."""
        self.doubt(x)
        column = self._origins.get(x.name)
        if column is not None and column in self.untold and not elements.is_text(x):
            raise NeedsText(column)

    def doubt(self, x: Tensor) -> None:
        """Notes that the code does the same to texts and to numbers in an input column, so that it may hold either."""
        column = self._origins.get(x.name)
        if column is not None and column in self.untold:
            told = self.learned.setdefault(column, Learned())
            told.unsure = told.unsure or not (told.known or told.points)

    def need_dates(self, x: Tensor, what: str) -> None:
        """Raises NeedsDates, or a refusal, for a column that holds no dates."""
        known = {column for column, learned in self.learned.items() if learned.dates}
        read = {self._origins[x.name]} if x.name in self._origins else self.read_by([x])
        if read - known:
            raise NeedsDates(sorted(read - known))
        raise refuse(f"{what} is asked of a column that holds no dates", "let it be a column of dates in the rows")

    def wrap(self, concrete: Any, made: Columns) -> Any:
        """The stand-in for a result: sample rows, and columns that hold what those hold."""
        if len(concrete) != self.rows:
            raise refuse("it adds or leaves out rows", "a transformer answers one row for each that it gets")
        width = 1 if concrete.ndim == 1 else concrete.shape[1]
        if width != made.width or concrete.ndim > 2:
            raise refuse("it makes an array of a shape that is not recorded", VECTORISED)
        parts, at = [], 0
        for tensor, wide in made.parts:
            wanted = [storage(dtype_of(concrete, at + offset)) for offset in range(wide)]
            fitted = as_wide(tensor, np.result_type(*wanted) if object not in wanted else wanted[0])
            parts.append((self.keep_origin(fitted, tensor), wide))
            at += wide
        whole = self.make(self, concrete, Columns(self.graph, tuple(parts)))
        if type(concrete) is np.ndarray:
            self.arrays[id(whole)] = whole
        return whole

    def node(self, make: Callable[[], Tensor]) -> Tensor:
        """What ``make`` gives; where there is no node for it, a refusal with the line."""
        try:
            return make()
        except elements.NoNode as error:
            raise refuse(f"{error} is not recorded", RECORDED) from error

    def each(self, make: Callable[[Tensor], Tensor], x: Columns) -> Columns:
        """Each tensor of some columns by itself."""
        return Columns(self.graph, tuple((self.node(functools.partial(make, tensor)), w) for tensor, w in x.parts))

    def together(self, make: Callable[..., Tensor], operands: Sequence[Any]) -> Columns:
        """``make`` of operands side by side, each columns or a constant: of one value, or of one for each column."""
        tables = [operand for operand in operands if isinstance(operand, Columns)]
        width = max([table.width for table in tables] + [np.shape(v)[-1] for v in operands if np.ndim(v)])
        parts = []
        for start, stop in _runs(tables, width):
            given = [_cut(operand, start, stop, width) for operand in operands]
            made = self.node(functools.partial(make, *given))
            parts.append((made, stop - start))
        return Columns(self.graph, tuple(parts))

    def one(self, x: Columns, dtype: Any = None) -> Tensor:
        """All columns in one tensor of the dtype that holds them."""
        wanted = self.node_dtype([tensor for tensor, _ in x.parts]) if dtype is None else np.dtype(dtype)
        return self.graph.concat([tensor.cast(wanted) for tensor, _ in x.parts])

    def node_dtype(self, tensors: Sequence[Any]) -> np.dtype[Any]:
        """The dtype that holds all of these; a refusal where there is none."""
        try:
            return elements.joint_dtype(tensors)
        except elements.NoNode as error:
            raise refuse(f"{error} is not recorded", VECTORISED) from error


CURRENT: ContextVar[Recorder | None] = ContextVar("recorder", default=None)  # of the code that now runs


def _unmade(recorder: Recorder, concrete: Any, made: Columns) -> Any:
    raise NotImplementedError


def _runs(tables: Sequence[Columns], width: int) -> Iterator[tuple[int, int]]:
    """The stretches of columns that lie in one tensor in each of the tables."""
    edges = {0, width}
    for table in tables:
        if table.width == width:
            edges.update(np.cumsum([wide for _, wide in table.parts]).tolist())
    ordered = sorted(edges)
    return itertools.pairwise(ordered)


def _cut(operand: Any, start: int, stop: int, width: int) -> Any:
    if isinstance(operand, Columns):
        wanted = range(start, stop) if operand.width == width else [0]
        return operand.take(wanted).parts[0][0]
    if np.ndim(operand) and np.shape(operand)[-1] == width and width > 1:
        return np.asarray(operand)[..., start:stop]
    return operand


@contextmanager
def quietly() -> Iterator[None]:
    """Sample rows are nobody's news."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
