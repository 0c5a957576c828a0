"""Owns what a rule gets of a node: values of its inputs, attributes, version of its operator set. Knows no rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.artefact.mixing.graph import Attributes, Floats
from server.artefact.mixing.value import NotProven, Value, certain, normal


@dataclass(frozen=True, slots=True)
class Applied:
    """An operator applied to values; an input that is left out is None."""

    inputs: Sequence[Value | None]
    attributes: Attributes
    version: int

    def has(self, place: int) -> bool:
        """Whether there is an input at this place."""
        return len(self.inputs) > place and self.inputs[place] is not None

    def input(self, place: int) -> Value:
        """An input that must be there. Raises NotProven."""
        value = self.inputs[place] if len(self.inputs) > place else None
        if value is None:
            raise NotProven("an input is missing")
        return value

    def constants(self, first: int, end: int | None = None) -> None:
        """Raises NotProven unless the inputs from ``first`` on, as far as they are there, are constants."""
        for value in self.inputs[first:end]:
            if value is not None and (value.has_rows or value.counts_rows):
                raise NotProven("an input that should be a constant depends on the rows")

    def integer(self, name: str, default: int) -> int:
        """An attribute of one number. Raises NotProven where it is something else."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise NotProven(f"the attribute {name!r} is not a number")
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute of several numbers; None without it. Raises NotProven where it is something else."""
        if name not in self.attributes:
            return None
        value = self.attributes[name]
        numbers = tuple(item for item in value if isinstance(item, int)) if isinstance(value, tuple) else ()
        if not isinstance(value, tuple) or len(numbers) < len(value):
            raise NotProven(f"the attribute {name!r} is no list of numbers")
        return numbers

    def text(self, name: str, default: str) -> str:
        """An attribute of text. Raises NotProven where it is something else."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise NotProven(f"the attribute {name!r} is no text")
        return value

    def count(self, *names: str) -> int | None:
        """How many values the only one of these attributes has; None where that is not known."""
        given = [self.attributes[name] for name in names if name in self.attributes]
        if len(given) != 1:
            return None
        if isinstance(given[0], Floats):
            return given[0].count
        return len(given[0]) if isinstance(given[0], tuple) else None

    def axes(self, place: int, rank: int) -> tuple[int, ...] | None:
        """The axes of the attribute or, since a later version, of an input; None without both. Raises NotProven."""
        given = self.integers("axes")
        if self.has(place):
            if given is not None:
                raise NotProven("the axes are given twice")
            given = certain(self.input(place))
        if given is None:
            return None
        axes = tuple(normal(axis, rank) for axis in given)
        if len(set(axes)) < len(axes):
            raise NotProven("an axis is given twice")
        return axes


Rule = Callable[[Applied], list[Value]]
