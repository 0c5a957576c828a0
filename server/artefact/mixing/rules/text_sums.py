"""Owns the rules of sums over texts that are filled up to the longest of a run: usual tensors come of them.

docs/decisions.md: "A short text beside a long one".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import ROWS, NotProven, Texts, Value

WEIGHED_SUM = re.compile(r"([A-Za-z])(?!\1)([A-Za-z]),\1\2(?!\1|\2)([A-Za-z])->\1\3")


def texts_of(value: Value) -> Texts:
    """What is known of a tensor of texts. Raises NotProven for another."""
    if value.texts is None:
        raise NotProven("it joins texts with what is none")
    return value.texts


def vectorizer(node: Applied) -> list[Value]:
    """Counts of n-grams, none of which holds an element of the padding."""
    texts = texts_of(node.input(0))
    pools = [node.attributes[name] for name in ("pool_int64s", "pool_strings") if name in node.attributes]
    if texts.inner or texts.late > 0 or len(pools) != 1 or not isinstance(pools[0], tuple):
        raise NotProven("its n-grams are not known")
    if None in texts.tail or set(texts.tail).intersection(pools[0]):
        raise NotProven("it counts the padding of short texts")
    return [Value((ROWS, None))]


def reduce_sum(node: Applied) -> list[Value]:
    """The sum of all places, where those behind the texts are zeros."""
    texts = texts_of(node.input(0))
    if node.axes(1, 3 if texts.inner else 2) != (1,) or not _ends_in_zeros(texts):
        raise NotProven("the longest text of the run decides on it")
    inner = (texts.inner,) if texts.inner else ()
    return [Value((ROWS, *([1] if node.integer("keepdims", 1) else []), *inner))]


def einsum(node: Applied) -> list[Value]:
    """The sum over all places of an amount times a row, where both are zeros behind the texts."""
    amounts, rows = (texts_of(node.input(place)) for place in (0, 1))
    if len(node.inputs) != 2 or not WEIGHED_SUM.fullmatch(node.text("equation", "").replace(" ", "")):
        raise NotProven("the longest text of the run decides on it")
    as_wide = amounts.same_width(replace(rows, inner=0)) and rows.inner and amounts.ordered and rows.ordered
    if not as_wide or not _ends_in_zeros(amounts) or not _ends_in_zeros(rows):
        raise NotProven("it counts the padding of short texts")
    return [Value((ROWS, rows.inner))]


def _ends_in_zeros(texts: Texts) -> bool:
    return texts.late <= 0 and all(type(element) in (int, float) and element == 0 for element in texts.tail)


SUMS: Mapping[str, Rule] = {"Einsum": einsum, "ReduceSum": reduce_sum, "TfIdfVectorizer": vectorizer}
