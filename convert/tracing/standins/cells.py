"""Owns functions of one value, as Series.apply and DataFrame.apply(axis=1) call them: both ways of each decision.

The function is run once for every way through it; what the ways answer is put together by the conditions that lead to
them, so that each row has the answer of its own way. Knows nothing of series and frames.
"""

from __future__ import annotations

import functools
import operator
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import along, arithmetic, elements, nodes, texts
from convert.tracing.recorder.expressions import first_reading, is_at_end
from convert.tracing.recorder.keyed import HASH, NeedsKeys, keyed, plain
from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.recorder import MissingColumn, Recorder
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import RECORDED, VECTORISED, catches_errors, only, refuse
from convert.tracing.recorder.samples import CASED, matching
from convert.tracing.rows.moments import CALLED, PARTS
from convert.tracing.standins.standin import ufunc_node

MOST_WAYS = 256
MIDDLE = 0.5
COUNTING = frozenset(
    (np.add, np.subtract, np.multiply, np.power, np.negative, np.absolute, np.invert, np.floor_divide, np.remainder)
)  # which numpy has otherwise, or not, of booleans
NO_ERRORS = "decide by the value before: x if x > 0 else 0, pd.isna(x), in place of try and except"
LISTED = "give it a dict or set of constants, or use Series.map(dict) and Series.isin(list) of the whole column"
Decision = tuple[Tensor, bool]
Way = tuple[list[Decision], Any]


class Ways:
    """Explores a function: each run goes one way, and leaves those that branch off it for later.

    ``python``: it gets Python's own numbers, as Series.apply hands them out; else numpy's.
    """

    def __init__(self, python: bool = True) -> None:
        self.python = python
        self.keyed = False  # the function is a copy whose keys have one hash
        self.asked: tuple[int, int] | None = None  # where a hash was asked for, after which nothing was compared yet
        self._given: list[bool] = []
        self._taken: list[Decision] = []

    def decide(self, condition: Tensor) -> bool:
        """Which way this run goes here; the same as before where the same was asked."""
        for tensor, way in self._taken:
            if tensor.name == condition.name:
                return way
        way = self._given[len(self._taken)] if len(self._taken) < len(self._given) else True
        if len(self._taken) >= MOST_WAYS:
            raise refuse(f"there are more than {MOST_WAYS} decisions on one way through a function", VECTORISED)
        self._taken.append((condition, way))
        return way

    def explore(self, run: Callable[[], Any]) -> Any:
        """What the runs answer, as one tree of choices. Raises a refusal for too many ways."""
        waiting: list[list[bool]] = [[]]
        ways: list[Way] = []
        while waiting:
            self._given, self._taken = waiting.pop(), []
            answer = self._answer(run)
            ways.append((list(self._taken), answer))
            taken = [way for _, way in self._taken]
            waiting += [[*taken[:at], not taken[at]] for at in range(len(self._given), len(taken))]
            if len(ways) > MOST_WAYS:
                raise refuse(f"there are more than {MOST_WAYS} ways through a function of one value", VECTORISED)
        return ways

    def follow(self, function: Any, run: Callable[[Any], Any]) -> Any:
        """The same of ``run(function)``; where that looks a value up, of a copy that may."""
        try:
            return self.explore(lambda: run(function))
        except NeedsKeys:
            self.keyed, copied = True, keyed(function)
            return self.explore(lambda: run(copied))

    def _answer(self, run: Callable[[], Any]) -> Any:
        """What a run answers; nothing, where it looks a value up that a dict does not hold, which is an error to it."""
        try:
            answer = run()
        except KeyError as error:
            if not (error.args and is_cell(error.args[0])):
                raise
            answer = None
        self.compared()
        return answer

    def compared(self) -> None:
        """Raises a refusal where a value was looked up among keys that it was not compared with."""
        if self.asked:
            raise refuse("a function of one value looks it up in what recording does not see", LISTED)


class Cell:
    """One value of every row."""

    __slots__ = ("recorder", "tensor", "ways")

    def __init__(self, recorder: Recorder, tensor: Tensor, ways: Ways) -> None:
        self.recorder, self.tensor, self.ways = recorder, tensor, ways

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that isinstance(x, str) and isinstance(x, float) tell texts from numbers; a missing text is a float."""
        kinds: dict[str, type] = {"O": str, "b": bool, "f": float}
        if elements.is_text(self.tensor) and self.ways.decide(
            self.recorder.node(lambda: elements.missing(self.tensor))
        ):
            return float
        return kinds.get(self.tensor.dtype.kind, int)

    def of(self, make: Callable[[], Tensor]) -> Cell:
        """Another value of the same row."""
        if catches_errors(Ways.explore.__code__):
            raise refuse("a function of one value catches errors, which no row of a graph raises", NO_ERRORS)
        return Cell(self.recorder, self.recorder.node(make), self.ways)

    def taken(self, make: Callable[[], Tensor], back: Callable[[str], str] = str) -> Cell:
        """A text taken of this one; ``back``: see `Recorder.take`."""
        made = self.of(make)
        self.recorder.take(made.tensor, self.tensor, back)
        return made

    def ufunc(self, ufunc: np.ufunc, *operands: Any) -> Cell:
        """A function of numpy's; texts beside it make an input column one of texts."""
        self.ways.asked = None
        given = [value.tensor if is_cell(value) else plain(value) for value in operands]
        if self.ways.python and ufunc in COUNTING:  # True + True is 2 in Python
            flags = [isinstance(value, Tensor) and value.dtype == np.bool_ for value in given]
            given = [value.cast(np.int64) if flag else value for value, flag in zip(given, flags, strict=True)]
        if any(isinstance(value, str) for value in given):
            for value in given:
                if isinstance(value, Tensor):
                    self.recorder.need_text(value, "a comparison with a text")
        if any(value is None for value in given):
            return self.of(lambda: elements.constant_like(self.tensor, ufunc is np.not_equal))
        return self.of(lambda: ufunc_node(self.recorder, ufunc, *given))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Cell:
        if method != "__call__" or keywords:
            raise refuse(f"numpy.{ufunc.__name__}.{method} is not recorded", RECORDED)
        return self.ufunc(ufunc, *inputs)

    def __bool__(self) -> bool:
        kind = self.tensor.dtype.kind
        tensor = self.tensor
        if kind == "O":
            tensor = self.recorder.node(lambda: ~nodes.holds_any(self.tensor, [""]))
        elif kind != "b":
            tensor = self.recorder.node(lambda: ~self.tensor.equals(0))
        return self.ways.decide(tensor)

    def __contains__(self, piece: Any) -> bool:
        self.recorder.need_text(self.tensor, "in")
        self.recorder.sample(self.tensor, [piece])
        return bool(self.of(lambda: texts.contains(self.tensor, piece, regex=False)))

    def __neg__(self) -> Cell:
        return self.ufunc(np.negative, self)

    def __abs__(self) -> Cell:
        return self.ufunc(np.absolute, self)

    def __invert__(self) -> Cell:
        return self.ufunc(np.invert, self)

    def __round__(self, digits: int | None = None) -> Cell:
        if self.ways.python and (digits or 0) < 0 and self.tensor.dtype.kind == "f":
            raise refuse("round to tens is not recorded", "np.round(x, -1), which may differ in the last digit")
        rounded = arithmetic.rounded_exactly if self.ways.python and (digits or 0) > 0 else arithmetic.rounded
        made = self.of(lambda: rounded(self.tensor, digits or 0))
        return made if digits is not None else made.of(lambda: made.tensor.cast(np.int64))

    def __getitem__(self, key: Any) -> Cell:
        self.recorder.need_text(self.tensor, "a piece of a text")
        return self.taken(lambda: texts.piece(self.tensor, key))

    def lower(self) -> Cell:
        """As str.lower."""
        return self._of_text("LOWER")

    def upper(self) -> Cell:
        """As str.upper."""
        return self._of_text("UPPER")

    def _of_text(self, action: str) -> Cell:
        self.recorder.need_text(self.tensor, f"str.{action.lower()}")
        self.recorder.sample(self.tensor, CASED)
        return self.taken(lambda: texts.case(self.tensor, action))

    def strip(self) -> Cell:
        """As str.strip of spaces."""
        self.recorder.need_text(self.tensor, "str.strip")
        return self.taken(lambda: texts.strip(self.tensor))

    def split(self, separator: str | None = None) -> Pieces:
        """As str.split, of which one piece can be had."""
        self.recorder.need_text(self.tensor, "str.split")
        return Pieces(self, separator)

    def replace(self, old: str, new: str) -> Cell:
        """As str.replace."""
        self.recorder.need_text(self.tensor, "str.replace")
        old = plain(old)
        self.recorder.sample(self.tensor, [old])
        return self.taken(lambda: texts.replaced(self.tensor, old, plain(new), regex=False))

    def startswith(self, begin: str) -> Cell:
        """As str.startswith."""
        self.recorder.need_text(self.tensor, "str.startswith")
        self.recorder.sample(self.tensor, [begin])
        return self.of(lambda: texts.matches(self.tensor, texts.literal(begin) + texts.ANYTHING, whole=True))

    def endswith(self, end: str) -> Cell:
        """As str.endswith."""
        self.recorder.need_text(self.tensor, "str.endswith")
        self.recorder.sample(self.tensor, [end])
        return self.of(lambda: texts.matches(self.tensor, texts.ANYTHING + texts.literal(end), whole=True))

    def _shows(self, *_: Any) -> NoReturn:
        raise refuse("a function of one value needs the value itself, which recording does not show it", VECTORISED)

    __index__ = __len__ = __format__ = __iter__ = _shows

    def _converts(self) -> Any:
        """A copy of the function finds `as_text` and its kin in the place of Python's own."""
        if self.ways.keyed:
            self._shows()
        raise NeedsKeys

    __float__ = __int__ = __str__ = _converts

    def __hash__(self) -> int:
        if catches_errors(Ways.explore.__code__):
            raise refuse("a function of one value catches errors, which no row of a graph raises", NO_ERRORS)
        if not self.ways.keyed:
            raise NeedsKeys
        frame = sys._getframe(1)
        place = id(frame), frame.f_lasti
        if self.ways.asked != place:  # the members of a tuple are asked at one place
            self.ways.compared()
        self.ways.asked = place
        return HASH

    def as_text(self) -> Cell:
        """As str(x)."""
        self.recorder.need_text(self.tensor, "str")
        word = np.array("nan", object)
        return self.of(lambda: elements.missing(self.tensor).where(word, self.tensor))

    def as_real(self) -> Cell:
        """As float(x)."""
        if elements.is_text(self.tensor):
            return self.of(lambda: texts.number(self.tensor))
        return self.of(lambda: self.tensor.cast(np.float64))

    def as_whole(self) -> Cell:
        """As int(x): towards zero."""
        return self.of(lambda: self.as_real().tensor.cast(np.int64))

    def __getattr__(self, name: str) -> Any:
        if name in PARTS | CALLED and self.recorder.origin(self.tensor) is not None:
            self.recorder.need_dates(self.tensor, f"{name} of one value")
        if name.startswith("__") or not hasattr(self.__class__, name):
            if self.tensor.dtype.kind != "O" and hasattr(str, name):
                self.recorder.need_text(self.tensor, f"str.{name}")
            raise AttributeError(name)
        raise refuse(f"{self.__class__.__name__}.{name} of one value is not recorded", VECTORISED)


class Pieces:
    """What a text was split into."""

    def __init__(self, cell: Cell, separator: str | None) -> None:
        self._cell, self._separator = cell, separator

    def __getitem__(self, place: int) -> Cell:
        told = " " if self._separator is None else self._separator
        made = self._cell.taken(
            lambda: texts.nth(self._cell.tensor, self._separator, place),
            lambda text: told.join([*"w" * place, text, "v"]),
        )
        made.recorder.sample(made.tensor, ["", "u", told])
        return made

    def count(self) -> Cell:
        """How many there are."""
        cell, separator = self._cell, self._separator
        if separator is not None and len(separator) != 1:
            raise refuse("how many pieces a text has is not recorded here", "separators of one character")
        pattern, more = (r"\S+", 0.0) if separator is None else (re.escape(separator), 1.0)
        return cell.of(lambda: (texts.count(cell.tensor, pattern) + more).cast(np.int64))

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"{name} of the pieces of a text is not recorded", VECTORISED)


class Found:
    """What an expression found in a text, where it found something."""

    def __init__(self, cell: Cell, pattern: str) -> None:
        self._cell, self._pattern = cell, pattern

    def group(self, number: int = 0) -> Cell:
        """All of it, or its one group."""
        cell = self._cell
        if number == 0 and (is_at_end(self._pattern) or re.search(self._pattern, "")):
            raise refuse("what an expression finds that may be nothing, or ends with $, is not recorded", VECTORISED)
        if number == 0:
            return cell.taken(lambda: texts.first_match(cell.tensor, first_reading(self._pattern), None))
        return cell.taken(
            lambda: texts.extracted(cell.tensor, self._pattern), lambda text: texts.with_group(self._pattern, text)
        )

    __getitem__ = group

    def groups(self) -> tuple[Cell]:
        """Its one group."""
        return (self.group(1),)

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"{name} of what an expression found is not recorded", VECTORISED)


def searched(pattern: Any, cell: Cell) -> Found | None:
    """As re.search of one value: both ways are followed, that it is found and that it is not."""
    told, flags = (pattern.pattern, pattern.flags & ~re.UNICODE) if isinstance(pattern, re.Pattern) else (pattern, 0)
    if flags or re.compile(told).groups > 1:
        raise refuse("re.search with flags or several groups is not recorded", VECTORISED)
    cell.recorder.need_text(cell.tensor, "re.search")
    cell.recorder.sample(cell.tensor, matching(told))
    if re.compile(told).groups:
        there = cell.recorder.node(lambda: ~elements.missing(texts.extracted(cell.tensor, told)))
    else:
        there = cell.recorder.node(lambda: texts.contains(cell.tensor, told, regex=True))
    return Found(cell, told) if cell.ways.decide(there) else None


def is_cell(value: Any) -> bool:
    """Whether this is one value of every row: a cell says that it is a float or a text."""
    return type(value) is Cell


def _left(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.ufunc(ufunc, self, other)


def _right(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.ufunc(ufunc, other, self)


for _name, (_, _ufunc) in OPERATORS.items():
    setattr(Cell, f"__{_name}__", _left(_ufunc))
    setattr(Cell, f"__r{_name}__", _right(_ufunc))
for _name, (_, _ufunc) in COMPARISONS.items():
    setattr(Cell, f"__{_name}__", _left(_ufunc))


def put_together(recorder: Recorder, like: Tensor, ways: list[Way]) -> Tensor:
    """[rows, 1]: the answers of all ways, each where its conditions hold."""
    answers = [answer.tensor if is_cell(answer) else answer for _, answer in ways]
    for answer in answers:
        if not (isinstance(answer, Tensor) or answer is None or isinstance(answer, str | int | float | np.generic)):
            raise refuse(f"a function of one value answers a {type(answer).__name__}", VECTORISED)
    if any(isinstance(answer, str) for answer in answers):
        for answer in answers:
            if isinstance(answer, Tensor) and recorder.origin(answer) is not None:
                recorder.need_text(answer, "texts beside it")
    kind = recorder.node_dtype(answers)
    filled = [
        recorder.node(lambda a=answer: elements.as_operand(recorder.graph, a, kind))  # type: ignore[misc]
        for answer in answers
    ]
    if len(filled) == 1:
        return filled[0] if isinstance(answers[0], Tensor) else elements.constant_like(like, filled[0])
    return _tree([(conditions, answer) for (conditions, _), answer in zip(ways, filled, strict=True)], 0)


def answers_of(ways: list[Way], ask: Callable[[], Any], like: Any) -> Any:
    """The sample rows of an answer; where they are none that a dict of the code holds, what other ways answer."""
    try:
        return ask()
    except KeyError:
        told = [plain(answer) for _, answer in ways if not is_cell(answer) and answer is not None]
        if not told or len(told) == len(ways):
            raise
        return like.__class__(np.resize(np.array(told, object), len(like)), index=like.index).infer_objects()


def _tree(ways: list[tuple[list[Decision], Tensor]], depth: int) -> Tensor:
    if len(ways) == 1:
        return ways[0][1]
    condition = ways[0][0][depth][0]
    yes = _tree([way for way in ways if way[0][depth][1]], depth + 1)
    no = _tree([way for way in ways if not way[0][depth][1]], depth + 1)
    return elements.choose(condition.graph, condition, yes, no)


ROW_STATISTICS = frozenset(("count", "max", "mean", "median", "min", "prod", "std", "var"))


class RowOfCells:
    """One row of a frame, as DataFrame.apply(axis=1) hands it to a function: cells by name or position."""

    def __init__(self, recorder: Recorder, cells: dict[Any, Cell]) -> None:
        self._recorder, self._cells = recorder, cells

    def __getitem__(self, key: Any) -> Any:
        key = plain(key)
        if isinstance(key, list):
            return RowOfCells(self._recorder, {name: self[name] for name in key})
        if key in self._cells:
            return self._cells[key]
        raise MissingColumn(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """As Series.get."""
        return self._cells.get(plain(key), default)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells.values())

    def __len__(self) -> int:
        return len(self._cells)

    def sum(self, **_: Any) -> Any:
        """Of all cells; a missing one counts for nothing."""
        filled = [
            cell.of(lambda c=cell: elements.missing(c.tensor).where(np.asarray(0, c.tensor.dtype), c.tensor))  # type: ignore[misc]
            for cell in self._cells.values()
        ]
        total = filled[0]
        for cell in filled[1:]:
            total = operator.add(total, cell)
        return total

    def _reduced(self, kind: str, first: Cell, skipna: bool = True, ddof: int = 1, **others: Any) -> Cell:
        """As of a Series of numbers."""
        only(others)
        tensors = [cell.tensor for cell in self._cells.values()]
        dtype = self._recorder.node_dtype(tensors)

        def make() -> Tensor:
            table = self._recorder.graph.concat([tensor.cast(dtype) for tensor in tensors])
            if kind == "median":
                return along.quantile(table, len(tensors), MIDDLE, skipna, middle=True)
            return reduced(kind, table, len(tensors), skipna, ddof)

        return first.of(make)

    def __getattr__(self, name: str) -> Any:
        if name in self._cells:
            return self._cells[name]
        if name.startswith("__"):
            raise AttributeError(name)
        first = next(iter(self._cells.values()))
        if name in ROW_STATISTICS and not first.ways.python:
            return functools.partial(self._reduced, name, first)
        raise refuse(f"{name} of a row is not recorded", VECTORISED)
