"""Owns the numbers of all processes, in one anonymous shared mapping made before the fork. Knows no requests.

A line per worker, a cell per series. A worker adds to its own line without a lock; a reader sums the lines. A new
worker goes on with the line of a dead one, so counters never go back and nothing grows with restarts.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from server.errors import CODES, Code
from server.metrics.families import (
    BATCH_ROWS_BUCKETS,
    COMPUTE_INFER,
    COMPUTE_INPUT,
    COMPUTE_OUTPUT,
    DISPATCH_REASONS,
    MODEL_FAMILIES,
    SECONDS_BUCKETS,
    SERVER_FAMILIES,
    Family,
)

CELL_BYTES = 8


def _offsets(families: Sequence[Family]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    end = 0
    for family in families:
        offsets[family.name] = end
        end += family.cells
    return offsets, end


# LAST_RUN: when the last run ended, by the monotonic clock, which processes share; not shown.
MODEL_OFFSETS, LAST_RUN = _offsets(MODEL_FAMILIES)
MODEL_CELLS = LAST_RUN + 1
SERVER_OFFSETS, _COUNTERS = _offsets(SERVER_FAMILIES)
_CELLS_OF = {family.name: family.cells for family in (*MODEL_FAMILIES, *SERVER_FAMILIES)}
STATE = _COUNTERS  # of the worker, one of the three below; not shown
STARTING, SERVING, LEAVING = 0.0, 1.0, 2.0
ENTERED = _COUNTERS + 1  # whether any worker ever had this line: pages of others are never touched
SERVER_CELLS = _COUNTERS + 2
_NOTHING = memoryview(bytes(MODEL_CELLS * CELL_BYTES)).cast("d")


class Scoreboard:
    """The shared memory: ``lines`` workers, the server's own cells, then a block of cells for each of ``models``."""

    def __init__(self, lines: int, models: int) -> None:
        self._lines = lines
        self._models = models
        self._width = SERVER_CELLS + models * MODEL_CELLS
        self._cells = memoryview(mmap.mmap(-1, lines * self._width * CELL_BYTES)).cast("d")
        self._blocks: dict[tuple[str, str], int] = {}
        self._free = deque(range(models))

    def assign(self, model: str, version: str) -> int:
        """Gives a model's version a block of its own, or tells the one it has. Called before the fork only.

        Raises ValueError when more versions are served than the scoreboard has blocks for.
        """
        if (model, version) not in self._blocks:
            if not self._free:
                raise ValueError(f"more than {self._models} model versions cannot be served at a time")
            self._blocks[model, version] = self._free.popleft()
        return self._blocks[model, version]

    @property
    def blocks(self) -> Mapping[tuple[str, str], int]:
        """The block of each served version, by model name and version."""
        return self._blocks

    def keep(self, versions: Collection[tuple[str, str]]) -> None:
        """Forgets the numbers of all other versions, which nobody serves any more. Called before the fork only."""
        for gone in self._blocks.keys() - set(versions):
            block = self._blocks.pop(gone)
            for number in range(self._lines):
                line = self.line(number)
                if line[ENTERED]:
                    start = SERVER_CELLS + block * MODEL_CELLS
                    line[start : start + MODEL_CELLS] = _NOTHING
            self._free.append(block)  # the last to be given again: a worker may yet show it under its old name

    def line(self, number: int) -> memoryview[float]:
        """The cells of one worker."""
        return self._cells[number * self._width : (number + 1) * self._width]

    def begin_serving(self, number: int) -> None:
        """Called by a worker once it accepts: the arbiter then lets go those that it replaces."""
        self.line(number)[STATE] = SERVING

    def end_serving(self, number: int) -> None:
        """Called by a worker that accepts no new connection any more."""
        self.line(number)[STATE] = LEAVING

    def serves(self, number: int) -> bool:
        """Whether the worker of a line accepts."""
        return self.line(number)[STATE] == SERVING

    def has_served(self, number: int) -> bool:
        """Whether it ever did."""
        return self.line(number)[STATE] != STARTING

    def clear_gauges(self, number: int) -> None:
        """Forgets what a dead worker had in hand; its counters stay."""
        line = self.line(number)
        line[STATE] = STARTING
        line[ENTERED] = 1.0
        for block in self._blocks.values():
            for family in MODEL_FAMILIES:
                if family.kind == "gauge":
                    line[SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family.name]] = 0.0

    def totals(self, block: int, family: str) -> list[float]:
        """All cells of a family for one model version, each summed over all workers."""
        start = SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family]
        return [self._total(start + at) for at in range(_CELLS_OF[family])]

    def server_totals(self, family: str) -> list[float]:
        """All cells of a family of the server itself, likewise."""
        start = SERVER_OFFSETS[family]
        return [self._total(start + at) for at in range(_CELLS_OF[family])]

    def last_run(self, block: int) -> float:
        """When the last run of a model version ended, in seconds of the monotonic clock; 0 before the first."""
        return max(self._cells[SERVER_CELLS + block * MODEL_CELLS + LAST_RUN :: self._width].tolist())

    def _total(self, cell: int) -> float:
        return sum(self._cells[cell :: self._width].tolist())


class ServerMetrics:
    """What one worker counts for itself."""

    def __init__(self, scoreboard: Scoreboard, line: int) -> None:
        self._cells = scoreboard.line(line)
        self._errors = {code: SERVER_OFFSETS["dynonnx_errors_total"] + at for at, code in enumerate(CODES)}

    def error(self, code: Code) -> None:
        """Counts an error answer."""
        self._cells[self._errors[code]] += 1.0


class ModelMetrics:
    """What one worker counts for one model. Times are seconds; counted per batch wherever that loses nothing."""

    def __init__(self, scoreboard: Scoreboard, line: int, block: int) -> None:
        start = SERVER_CELLS + block * MODEL_CELLS
        self._cells = scoreboard.line(line)[start : start + MODEL_CELLS]
        self._failure = {code: MODEL_OFFSETS["nv_inference_request_failure"] + at for at, code in enumerate(CODES)}
        dispatch = MODEL_OFFSETS["dynonnx_dispatch_total"]
        self._dispatch = {reason: dispatch + at for at, reason in enumerate(DISPATCH_REASONS)}

    def batch(self, rows: int, run_seconds: float, reason: str, ended: float = 0.0) -> None:
        """Counts one run that ended at ``ended`` of the monotonic clock."""
        cells = self._cells
        size = bisect_left(BATCH_ROWS_BUCKETS, rows)
        cells[_ROWS] += rows
        cells[_RUNS] += 1.0
        cells[_RUN_US + size] += run_seconds * 1e6
        cells[LAST_RUN] = ended
        cells[self._dispatch[reason]] += 1.0
        cells[_BATCH_ROWS + size] += 1.0
        cells[_BATCH_ROWS + len(BATCH_ROWS_BUCKETS) + 1] += rows
        cells[_RUN_SECONDS + bisect_left(SECONDS_BUCKETS, run_seconds)] += 1.0
        cells[_RUN_SECONDS + len(SECONDS_BUCKETS) + 1] += run_seconds

    def stages(self, rows: int, input_seconds: float, output_seconds: float) -> None:
        """Counts what it took to read the requests of one run, and to make their answers, where a protocol tells it."""
        cells = self._cells
        size = bisect_left(BATCH_ROWS_BUCKETS, rows)
        cells[_TENSOR_RUNS + size] += 1.0
        cells[_INPUT_US + size] += input_seconds * 1e6
        cells[_OUTPUT_US + size] += output_seconds * 1e6

    def answered(self, requests: int, request_seconds: float, queue_seconds: float) -> None:
        """Counts requests that got a prediction, with the sum of their times."""
        cells = self._cells
        cells[_SUCCESS] += requests
        cells[_REQUEST_US] += request_seconds * 1e6
        cells[_QUEUE_US] += queue_seconds * 1e6

    def failed(self, code: Code, seconds: float = 0.0) -> None:
        """Counts a request that got an error instead, so long after it was parsed."""
        self._cells[self._failure[code]] += 1.0
        self._cells[_FAILED_SECONDS] += seconds

    def pending(self, requests: int) -> None:
        """Says how many requests wait or run now."""
        self._cells[_PENDING] = requests


_SUCCESS = MODEL_OFFSETS["nv_inference_request_success"]
_ROWS = MODEL_OFFSETS["nv_inference_count"]
_RUNS = MODEL_OFFSETS["nv_inference_exec_count"]
_REQUEST_US = MODEL_OFFSETS["nv_inference_request_duration_us"]
_QUEUE_US = MODEL_OFFSETS["nv_inference_queue_duration_us"]
_INPUT_US, _RUN_US, _OUTPUT_US = (MODEL_OFFSETS[name] for name in (COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT))
_TENSOR_RUNS = MODEL_OFFSETS["dynonnx_tensor_runs_total"]
_FAILED_SECONDS = MODEL_OFFSETS["dynonnx_failed_request_seconds_total"]
_PENDING = MODEL_OFFSETS["nv_inference_pending_request_count"]
_BATCH_ROWS = MODEL_OFFSETS["dynonnx_batch_rows"]
_RUN_SECONDS = MODEL_OFFSETS["dynonnx_run_seconds"]
