"""Owns n-grams of codes, counted or numbered, and taking codes out of rows. Knows nothing of what codes stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convert.graph.graph import ML, Tensor

NEVER = -99  # a code that no row holds


def without(ids: Tensor, code: int) -> Tensor:
    """[rows, longest] with all ``code`` moved behind the others, which keep their order."""
    graph = ids.graph
    length = graph.op("Shape", ids, dtype=np.int64, start=1, end=2)
    places = graph.op("CumSum", (ids * 0) + 1, graph.constant(np.int64(1)))
    keys = ids.equals(code).where(places + length, places)
    _, order = graph.ops("TopK", keys, length, dtypes=[np.int64, np.int64], axis=1, largest=0, sorted=1)
    return graph.op("GatherElements", ids, order, axis=1)


def counted(ids: Tensor, grams: Mapping[int, Sequence[int]], width: int) -> Tensor:
    """How often each row holds the codes ``grams[column]`` one after the other: [rows, width]."""
    by_column = dict(grams) if width - 1 in grams else {**grams, width - 1: [NEVER]}  # the last column gives the width
    sizes = sorted({len(codes) for codes in by_column.values()})
    pool: list[int] = []
    starts, indexes = [], []
    for size in range(1, sizes[-1] + 1):
        starts.append(len(pool))
        for column, codes in by_column.items():
            if len(codes) == size:
                pool += codes
                indexes.append(column)
    return ids.graph.op(
        "TfIdfVectorizer",
        ids,
        dtype=np.float32,
        mode="TF",
        min_gram_length=sizes[0],
        max_gram_length=sizes[-1],
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=indexes,
        pool_int64s=pool,
        weights=[1.0] * len(indexes),
    )


def numbered(ids: Tensor, grams: Mapping[int, Sequence[int]], count: int, none: int) -> Tensor:
    """[rows, many]: the columns of all ``grams[column]`` that a row holds, ``none`` for every other place.

    Codes lie below ``count``; one below 0 belongs to no n-gram. Each n-gram is looked up by the number of all but its
    last code, and that.
    """
    graph, most, base = ids.graph, max(map(len, grams.values())), count + 1
    last = graph.zeros(ids).cast(np.int64)
    words = graph.concat([(ids < 0).where(np.int64(0), ids + 1), *[last] * (most - 1)])
    numbers: dict[tuple[int, ...], int] = {(code,): code + 1 for code in range(count)}
    begun, following, parts = words, words, []
    for size in range(1, most + 1):
        if size > 1:
            following = sliced(following, 1, np.iinfo(np.int64).max)
            begun = sliced(begun, 0, -1) * base + following
        keys = _keys_of(size, grams, numbers, base)
        ends = {keys[tuple(codes)]: column for column, codes in grams.items() if len(codes) == size}
        if ends:
            found = _taken(begun, ends, base, none) if size == 1 else _looked_up(begun, ends, none)
            parts.append(graph.concat([found, *[last + none] * (size - 1)]))
        if 1 < size < most:
            numbers = {start: number for number, start in enumerate(keys, 1)}
            begun = _looked_up(begun, {key: numbers[start] for start, key in keys.items()}, 0)
    if len(parts) == 1:
        return parts[0]
    axis = graph.constant(np.array([2]))
    return graph.concat([graph.op("Unsqueeze", part, axis) for part in parts], axis=2).reshape(0, -1)


def _keys_of(
    size: int, grams: Mapping[int, Sequence[int]], numbers: Mapping[tuple[int, ...], int], base: int
) -> dict[tuple[int, ...], int]:
    """By the first ``size`` codes of n-grams, what they are looked up by; ``numbers`` are those of one code less."""
    starts = dict.fromkeys(tuple(codes[:size]) for codes in grams.values() if len(codes) >= size)
    if size == 1:
        return {start: numbers[start] for start in starts}
    return {start: numbers[start[:-1]] * base + start[-1] + 1 for start in starts}


def _looked_up(keys: Tensor, values: Mapping[int, int], otherwise: int) -> Tensor:
    known = {"keys_int64s": list(values), "values_int64s": list(values.values()), "default_int64": otherwise}
    return keys.graph.op("LabelEncoder", keys, dtype=np.int64, domain=ML, **known)


def _taken(numbers: Tensor, values: Mapping[int, int], count: int, otherwise: int) -> Tensor:
    """As `_looked_up`, of numbers below ``count``."""
    table = np.full(count, otherwise, np.int64)
    table[list(values)] = list(values.values())
    return numbers.graph.op("Gather", numbers.graph.constant(table), numbers, axis=0)


def sliced(x: Tensor, start: int, end: int) -> Tensor:
    """Of each row the places from ``start`` to ``end``."""
    bounds = [x.graph.constant(np.array([bound], np.int64)) for bound in (start, end, 1)]
    return x.graph.op("Slice", x, *bounds)
