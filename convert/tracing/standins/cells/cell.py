"""Owns the stand-in of one value of every row, as Series.apply hands it to a function."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import arithmetic, elements, nodes
from convert.tracing.recorder.keyed import HASH, NeedsKeys, plain
from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recorder.refusals import RECORDED, VECTORISED, catches_errors, refuse
from convert.tracing.recorder.texts import pieces, texts
from convert.tracing.recorder.texts.samples import CASED
from convert.tracing.rows.moments import CALLED, PARTS
from convert.tracing.standins.cells.ways import Explored, Ways, is_cell
from convert.tracing.standins.standin import ufunc_node

MIDDLE = 0.5
COUNTING = frozenset(
    (np.add, np.subtract, np.multiply, np.power, np.negative, np.absolute, np.invert, np.floor_divide, np.remainder)
)  # which numpy has otherwise, or not, of booleans
NO_ERRORS = "decide by the value before: x if x > 0 else 0, pd.isna(x), in place of try and except"


class Cell(Explored):
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
        if ufunc in (np.equal, np.not_equal):
            self._compared(given)
        if any(value is None for value in given):
            return self.of(lambda: elements.constant_like(self.tensor, ufunc is np.not_equal))
        return self.of(lambda: ufunc_node(self.recorder, ufunc, *given))

    def _compared(self, given: list[Any]) -> None:
        """Two columns of the input that are only compared may hold texts as well as numbers."""
        tensors = [value for value in given if isinstance(value, Tensor)]
        if len(tensors) > 1 and all(self.recorder.origin(tensor) is not None for tensor in tensors):
            for tensor in tensors:
                if any(map(elements.is_text, tensors)):
                    self.recorder.need_text(tensor, "a comparison with texts")
                self.recorder.doubt(tensor)

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
        return self.taken(lambda: pieces.piece(self.tensor, key))

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
            lambda: pieces.nth(self._cell.tensor, self._separator, place),
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


def _left(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.ufunc(ufunc, self, other)


def _right(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.ufunc(ufunc, other, self)


for _name, (_, _ufunc) in OPERATORS.items():
    setattr(Cell, f"__{_name}__", _left(_ufunc))
    setattr(Cell, f"__r{_name}__", _right(_ufunc))
for _name, (_, _ufunc) in COMPARISONS.items():
    setattr(Cell, f"__{_name}__", _left(_ufunc))
