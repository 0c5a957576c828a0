"""Owns how many of the values that a model knows a file may tell of: a hint for whoever fills in a row. Pure.

Of a column with more than that nothing is told: part of them would make the others look unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import orjson

MOST_KNOWN = 500  # values of one column: as many choices as the page shows
LONGEST_KNOWN = 65_536  # bytes of all columns' values as JSON

Described = TypeVar("Described", bound=Any)  # a `Feature`, whose `known` this is
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,)}


def read_known(values: Any, dtype: str) -> tuple[Any, ...]:
    """The values of one column of a file, none of more than `MOST_KNOWN`. Raises ValueError for others."""
    types = _TYPES.get(dtype, (int, float))
    if not isinstance(values, list) or any(type(value) not in types for value in values):
        raise ValueError(f"known values that are no list of {dtype}")
    return tuple(values) if len(values) <= MOST_KNOWN else ()


def within_bounds(features: Iterable[Described]) -> tuple[Described, ...]:
    """The same features, in order, without the known values of those that have too many, or too long ones together."""
    left, kept = LONGEST_KNOWN, []
    for feature in features:
        values: tuple[Any, ...] = feature.known
        size = len(orjson.dumps(values)) if 0 < len(values) <= MOST_KNOWN else 0
        fits = 0 < size <= left
        left -= size if fits else 0
        kept.append(feature if fits or not values else replace(feature, known=()))
    return tuple(kept)
