"""Owns the pattern of the codes that occur in a row, each once, with how often or how much. Knows no values.

Codes, none above ``most``, are put in order (`TopK`), so that equal ones are a run; runs are numbered (`CumSum` of
where one begins, from 0 on), and `ScatterElements` puts each run's code, and its length or the sum of the amounts that
stand at its codes, at the place of its number.
``most`` is what fills up short texts: its run is the last, and its length, which the longest text decides, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from server.artefact.mixing.graph import Constant, Node
from server.artefact.mixing.patterns import Makers, is_length, made
from server.artefact.mixing.value import ROWS, Texts, Value

WHOLE, EXACT = 7, (1, 11)  # element types: int64; float32 and float64
REST = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Occurring:
    """The names of the codes, of the number of the first run, and of the amounts where each code has its own.

    ``counts``: whether how often, or how much, is what is made; else it is the codes.
    """

    codes: str
    first: str
    most: int
    counts: bool = False
    amounts: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what it is made of."""
        return (self.codes, self.first, self.amounts) if self.amounts else (self.codes, self.first)

    def value(self, codes: Value, first: Value, amounts: Value | None = None) -> Value | None:
        """What the node makes of these; None where they are not as they must be."""
        texts = codes.texts
        if amounts is not None and not (texts and texts.ordered and _side_by_side(texts, amounts.texts)):
            return None
        fits = texts is not None and texts.tail == (self.most,) and texts.late <= 0 and not texts.inner
        if texts is None or not fits or first.dims != (ROWS, 1) or first.fill != 0 or first.texts is not None:
            return None
        tail = (0.0,) if self.counts else (self.most,)
        return Value((ROWS, None), texts=Texts(texts.source, texts.times, texts.more, object(), tail, texts.late))


def _side_by_side(codes: Texts, amounts: Texts | None) -> bool:
    """Whether a code and its amount stand at one place in every run."""
    return amounts is not None and amounts.ordered and not amounts.inner and codes.same_width(amounts)


def occurring(node: Node, makers: Makers, constants: Mapping[str, Constant]) -> Occurring | None:
    """The pattern that this node ends, if it ends it."""
    if node.domain or node.operator not in ("ScatterElements", "Where"):
        return None
    found = _Pattern(makers, constants)
    return found.codes_of(node) if node.operator == "ScatterElements" else found.counts_of(node)


class _Pattern:
    def __init__(self, makers: Makers, constants: Mapping[str, Constant]) -> None:
        self._makers = makers
        self._constants = constants

    def codes_of(self, node: Node) -> Occurring | None:
        """Where each run puts its code; elsewhere stands the code that fills up."""
        places = self._scattered(node, "min")
        if places is None:
            return None
        start, runs, ordered = places
        most = self._added(start, ordered)
        top, first = self._made(ordered, "TopK", 2), self._first(runs, ordered)
        if most is None or first is None or top is None or top.outputs[0] != ordered:
            return None
        order = (top.attributes.get("axis"), top.attributes.get("largest"), top.attributes.get("sorted", 1))
        capped = self._made(top.inputs[0], "Min", 2)
        if order != (1, 0, 1) or capped is None or not is_length(self._makers, top.inputs[1], top.inputs[0]):
            return None
        return Occurring(top.inputs[0], first, most) if self._number(capped.inputs[1]) == most else None

    def counts_of(self, node: Node) -> Occurring | None:
        """Where each run puts its length or sum, but for the one that fills up, and 0 elsewhere."""
        if len(node.inputs) != 3 or not self._is_zero(node.inputs[2]):
            return None
        is_less, sums = self._made(node.inputs[0], "Less", 2), self._uncast(node.inputs[1])
        codes = self._makers.get(is_less.inputs[0]) if is_less else None
        found = self.codes_of(codes) if codes else None
        added = self._scattered(sums, "add") if sums else None
        if is_less is None or codes is None or found is None or added is None:
            return None
        (start, runs, own), ordered = added, codes.inputs[2]
        if runs != codes.inputs[1] or self._number(is_less.inputs[1]) != found.most:
            return None
        if (self._added(start, ordered), self._added(own, ordered)) == (0, 1):
            return replace(found, counts=True)
        amounts = self._in_order(own, ordered) if self._is_nothing(start, ordered) else None
        return None if amounts is None else replace(found, counts=True, amounts=amounts)

    def _in_order(self, own: str, ordered: str) -> str | None:
        """The name of the amounts, where ``own`` are these in the order of their codes."""
        taken, top = self._made(own, "GatherElements", 2), self._made(ordered, "TopK", 2)
        fits = taken is not None and top is not None and taken.attributes.get("axis") == 1
        return taken.inputs[0] if taken and top and fits and top.outputs[1:] == (taken.inputs[1],) else None

    def _uncast(self, name: str) -> Node | None:
        cast = self._made(name, "Cast", 1)
        return self._makers.get(cast.inputs[0] if cast and cast.attributes.get("to") in EXACT else name)

    def _is_nothing(self, name: str, ordered: str) -> bool:
        cast = self._made(name, "Cast", 1)
        return cast is not None and cast.attributes.get("to") in EXACT and self._added(cast.inputs[0], ordered) == 0

    def _scattered(self, node: Node, how: str) -> tuple[str, ...] | None:
        fits = (node.operator, node.domain, len(node.inputs)) == ("ScatterElements", "", 3)
        ways = (node.attributes.get("axis"), node.attributes.get("reduction")) if fits else None
        return node.inputs if ways == (1, how) else None

    def _first(self, runs: str, ordered: str) -> str | None:
        """The name of the first run's number, where ``runs`` number the runs of equal elements."""
        sums = self._made(runs, "CumSum", 2)
        if sums is None or self._numbers(sums.inputs[1]) != (1,):
            return None
        if sums.attributes.get("exclusive", 0) or sums.attributes.get("reverse", 0):
            return None
        joined = self._made(sums.inputs[0], "Concat", 2)
        begins = self._made(joined.inputs[1], "Cast", 1) if joined and joined.attributes.get("axis") == 1 else None
        differs = self._made(begins.inputs[0], "Not", 1) if begins and begins.attributes.get("to") == WHOLE else None
        equal = self._made(differs.inputs[0], "Equal", 2) if differs else None
        if joined is None or equal is None:
            return None
        sides = self._part(equal.inputs[0], ordered), self._part(equal.inputs[1], ordered)
        return joined.inputs[0] if sides == ((1, REST), (0, -1)) else None

    def _part(self, name: str, of: str) -> tuple[int, ...] | None:
        """The first place and the end of a part of the columns."""
        node = self._made(name, "Slice", 4)
        if node is None or node.inputs[0] != of:
            return None
        start, end, axis = (self._numbers(bound) for bound in node.inputs[1:])
        return (*start, *end) if start and end and axis == (1,) else None

    def _added(self, name: str, ordered: str) -> int | None:
        """The number that stands in every place, where it is ``ordered * 0``, or that and a number."""
        if self._is_nought(name, ordered):
            return 0
        sums = self._made(name, "Add", 2)
        return self._number(sums.inputs[1]) if sums and self._is_nought(sums.inputs[0], ordered) else None

    def _is_nought(self, name: str, ordered: str) -> bool:
        product = self._made(name, "Mul", 2)
        return product is not None and product.inputs[0] == ordered and self._number(product.inputs[1]) == 0

    def _made(self, name: str, operator: str, inputs: int) -> Node | None:
        return made(self._makers, name, operator, inputs)

    def _numbers(self, name: str) -> tuple[int, ...] | None:
        constant = self._constants.get(name)
        return constant.numbers if constant else None

    def _number(self, name: str) -> int | None:
        """Of a constant of one whole number, which broadcasts to no other shape."""
        constant = self._constants.get(name)
        single = constant is not None and constant.dims is not None and len(constant.dims) <= 2
        numbers = constant.numbers if constant and single else None
        return numbers[0] if numbers is not None and len(numbers) == 1 else None

    def _is_zero(self, name: str) -> bool:
        constant = self._constants.get(name)
        dims = constant.dims if constant else None
        return constant is not None and dims is not None and len(dims) <= 2 and constant.scalar == 0
