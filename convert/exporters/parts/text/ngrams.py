"""Owns counting n-grams of codes, and taking codes out of rows. Knows nothing of what the codes stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convert.graph.graph import Tensor

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
