"""Owns the question whether ONNX Runtime is the slower of the two. Knows nothing of parity."""

from __future__ import annotations

import timeit
from collections.abc import Sequence
from functools import partial

from convert.original.original import Original
from convert.original.table import Table, for_graph, rows_at
from server.artefact.metadata import Feature
from server.artefact.runtime import Feed, Runtime

ROWS = (1, 1000)
REPEATS = 3


def feeds_of(table: Table, features: Sequence[Feature]) -> dict[str, Feed]:
    """The first rows of a table as a graph takes them, by how many they are."""
    return {str(rows): for_graph(rows_at(table, slice(0, rows)), features) for rows in ROWS}


def ratios(original: Original, runtime: Runtime, features: Sequence[Feature], table: Table) -> dict[str, float]:
    """How many times faster ONNX Runtime answers than the original, for one row and for many, each on one thread."""
    times_faster = {}
    names = [output.name for output in runtime.outputs]
    for rows in ROWS:
        few = rows_at(table, slice(0, rows))
        feed = for_graph(few, features)
        ours = min(timeit.repeat(partial(runtime.run, names, feed), number=1, repeat=REPEATS))
        try:
            theirs = min(original.seconds(few) for _ in range(REPEATS))
        except ValueError:  # a model behind a SparsePCA takes no single row
            continue
        times_faster[str(rows)] = round(theirs / ours, 2)
    return times_faster
