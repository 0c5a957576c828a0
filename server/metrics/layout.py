"""Owns where in a line of the scoreboard each number stands. Knows no memory.

A line: the cells of the server's own families, the state of its process, then a block per model version.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.metrics.families import MODEL_FAMILIES, SERVER_FAMILIES, Family


def _offsets(families: Sequence[Family]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    end = 0
    for family in families:
        offsets[family.name] = end
        end += family.cells
    return offsets, end


# LAST_RUN: the cell with the end of the last run, by the monotonic clock, which processes share; not shown.
MODEL_OFFSETS, LAST_RUN = _offsets(MODEL_FAMILIES)
RUNNING = LAST_RUN + 1  # the cell with the beginning of the run that goes on, 0 between runs; not shown
MODEL_CELLS = LAST_RUN + 2
SERVER_OFFSETS, _COUNTERS = _offsets(SERVER_FAMILIES)
CELLS_OF = {family.name: family.cells for family in (*MODEL_FAMILIES, *SERVER_FAMILIES)}
STATE = _COUNTERS  # the cell with the worker's state, one of those below; not shown
STARTING, SERVING, LEAVING, STUCK = 0.0, 1.0, 2.0, 3.0
SERVER_GAUGES = tuple(SERVER_OFFSETS[family.name] for family in SERVER_FAMILIES if family.kind == "gauge")
POLLED = _COUNTERS + 1  # the cell with the seconds that the loop was kept awake for nothing; not shown
SERVER_CELLS = _COUNTERS + 2
