"""Owns the question whether ONNX Runtime is the slower of the two. Knows nothing of parity."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from convert.original.original import Original
from convert.original.table import Table, for_graph, rows_at
from server.artefact import Feature
from server.runtime import Runtime

ROWS = (1, 1000)
REPEATS = 5


def ratios(original: Original, runtime: Runtime, features: Sequence[Feature], table: Table) -> dict[str, float]:
    """How many times faster ONNX Runtime answers than the original, for one row and for many, each on one thread."""
    times_faster = {}
    names = [output.name for output in runtime.outputs]
    for rows in ROWS:
        few = rows_at(table, slice(0, rows))
        feed = for_graph(few, features)
        ours = _fastest(lambda feed=feed: runtime.run(names, feed))  # type: ignore[misc]
        theirs = _fastest(lambda few=few: original.ask(few))  # type: ignore[misc]
        times_faster[str(rows)] = round(theirs / ours, 2)
    return times_faster


def _fastest(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
