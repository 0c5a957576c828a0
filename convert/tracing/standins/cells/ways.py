"""Owns the ways through a function: it is run once for each, both ways of every decision. Knows no values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convert.graph.graph import Tensor
from convert.tracing.recorder.keyed import NeedsKeys, keyed
from convert.tracing.recorder.refusals import VECTORISED, refuse

MOST_WAYS = 256
LISTED = "give it a dict or set of constants, or use Series.map(dict) and Series.isin(list) of the whole column"
Decision = tuple[Tensor, bool]
Way = tuple[list[Decision], Any]


class Explored:
    """What a function gets in the place of a value while its ways are explored."""

    __slots__ = ()


def is_cell(value: Any) -> bool:
    """Whether this is one value of every row: a cell says that it is a float or a text."""
    return issubclass(type(value), Explored)


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
