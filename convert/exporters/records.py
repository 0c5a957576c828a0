"""Exports rows that are dicts: numbers by name, and words, each of which has a column of its own.

A name with the separator in it is taken for a word of what stands before it. Knows nothing of tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer

from convert.errors import Refused
from convert.exporters.encoders import indicators
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor


def words_by_name(model: Any) -> Mapping[str, list[str]]:
    """By name, in the order of their first columns: the known words, none where it holds a number. Raises Refused."""
    found: dict[str, list[str]] = {}
    numbers = set()
    if not all(isinstance(feature, str) for feature in model.feature_names_):
        raise Refused("the names in its dicts are no texts, and those of JSON are", "fit with names that are texts")
    for feature in model.feature_names_:
        name, separator, word = str(feature).partition(model.separator)
        words = found.setdefault(name, [])
        words += [word] if separator else []
        numbers |= set() if separator else {name}
    both = [name for name in found if name in numbers and found[name]]
    if both:
        raise Refused(
            f"{both[0]!r} holds numbers in some rows and words in others", "make two names of it before fitting"
        )
    return found


def records(e: Exporter, vectorizer: Any, x: Columns) -> Columns:
    """Numbers as they are, one column of 0 and 1 per word; what is not there is 0."""
    names = list(words_by_name(vectorizer))
    matrix: dict[str, Tensor] = {}
    wanted: dict[str, tuple[int, str]] = {}
    for feature in map(str, vectorizer.feature_names_):
        name, separator, word = feature.partition(vectorizer.separator)
        if separator:
            wanted[feature] = names.index(name), word
        else:
            value = x.take([names.index(name)]).numbers()
            matrix[feature] = _of_type(value.is_nan().where(np.float64(0.0), value), vectorizer.dtype)
    parts = list(matrix.values())
    if wanted:
        parts.append(indicators(x, list(wanted.values())).cast(np.float64))
    order = [*matrix, *wanted]
    return columns(e.graph.concat(parts).take([order.index(str(f)) for f in vectorizer.feature_names_]), len(order))


def _of_type(value: Tensor, dtype: Any) -> Tensor:
    """A number as the vectorizer keeps it, which calls ``dtype`` with each: ``int`` cuts off its fraction."""
    kept = np.dtype(dtype)
    if kept == np.float64:
        return value
    if kept not in (np.float32, np.int64):
        raise Refused(f"it keeps numbers as {kept.name}", "fit it with dtype=np.float64, np.float32 or int")
    return value.cast(kept.type).cast(np.float64)


TRANSFORMS.update({DictVectorizer: records})
