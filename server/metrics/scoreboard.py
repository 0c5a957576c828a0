"""Owns the metrics of all processes, in one anonymous shared mapping made before the fork. Knows no requests.

A line per process; in it a block per model version; in it a cell per number. A process writes its own line without a
lock; a reader sums the lines that somebody has entered. A new worker reuses the line of a dead one, so that counters
never decrease and memory does not grow with restarts. docs/decisions.md: "Metrics stand in shared memory, their text
is ours".
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from server.errors import CODES, Code
from server.metrics.families import (
    BATCH_ROWS_BUCKETS,
    COMPUTE_INFER,
    COMPUTE_INPUT,
    COMPUTE_OUTPUT,
    DISPATCH_REASONS,
    LOG_LOSSES,
    MODEL_FAMILIES,
    SECONDS_BUCKETS,
    SERVER_FAMILIES,
    Family,
)

CELL_BYTES = 8
ARBITER_LINE = 0  # of the process that forks the others


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
_CELLS_OF = {family.name: family.cells for family in (*MODEL_FAMILIES, *SERVER_FAMILIES)}
STATE = _COUNTERS  # the cell with the worker's state, one of those below; not shown
STARTING, SERVING, LEAVING, STUCK = 0.0, 1.0, 2.0, 3.0
SERVER_CELLS = _COUNTERS + 1


class BlockTotals:
    """The cells of one block, each summed over all lines."""

    __slots__ = ("_cells",)

    def __init__(self, cells: list[float]) -> None:
        self._cells = cells

    def of(self, family: str) -> list[float]:
        """The cells of one family."""
        start = MODEL_OFFSETS[family]
        return self._cells[start : start + _CELLS_OF[family]]

    @property
    def last_run(self) -> float:
        """The end of the version's last run, in seconds of the monotonic clock; 0 before the first."""
        return self._cells[LAST_RUN]


class Scoreboard:
    """The shared memory: ``lines`` lines, each with the server's cells and then ``models`` blocks.

    Before them stands a flag per line, 1 once somebody has entered it: the pages of other lines are never touched, as
    even reading a page of shared memory takes one.
    """

    def __init__(self, lines: int, models: int) -> None:
        self.models = models
        self._width = SERVER_CELLS + models * MODEL_CELLS
        memory = mmap.mmap(-1, lines * (1 + self._width) * CELL_BYTES)
        self._cells = memoryview(memory).cast("d")[lines:]
        numbers = np.frombuffer(memory)
        self._entered = numbers[:lines]
        self._table = numbers[lines:].reshape(lines, self._width)
        self._blocks: dict[tuple[str, str], int] = {}
        self._free = deque(range(models))

    def assign(self, model: str, version: str) -> int:
        """Returns the block of a model version, a free one for a new version. Raises as `assign_all` does."""
        self.assign_all([(model, version)])
        return self._blocks[model, version]

    def assign_all(self, versions: Collection[tuple[str, str]]) -> None:
        """Gives each new version a free block. Called before the fork only.

        Raises ValueError when there are too few; then none has got one.
        """
        new = [version for version in dict.fromkeys(versions) if version not in self._blocks]
        if len(new) > len(self._free):
            raise ValueError(f"more than {self.models} model versions cannot be served at a time")
        for version in new:
            self._blocks[version] = self._free.popleft()

    @property
    def blocks(self) -> Mapping[tuple[str, str], int]:
        """The number of each version's block, by model name and version."""
        return self._blocks

    def keep(self, versions: Collection[tuple[str, str]]) -> None:
        """Clears and frees the blocks of all other versions. Called before the fork only."""
        for gone in self._blocks.keys() - set(versions):
            block = self._blocks.pop(gone)
            start = SERVER_CELLS + block * MODEL_CELLS
            for number in self._entered_lines():
                self._table[number, start : start + MODEL_CELLS] = 0.0
            self._free.append(block)  # reused last: a worker may still show it under its old name

    def line(self, number: int) -> memoryview[float]:
        """The cells of one line."""
        return self._cells[number * self._width : (number + 1) * self._width]

    def enter(self, number: int) -> memoryview[float]:
        """The cells of a line that is written from now on, and so read."""
        self._entered[number] = 1.0
        return self.line(number)

    def begin_serving(self, number: int) -> None:
        """Called by a worker once it accepts; the arbiter then retires the workers it replaces."""
        self.line(number)[STATE] = SERVING

    def end_serving(self, number: int) -> None:
        """Called by a worker that has stopped accepting."""
        self.line(number)[STATE] = LEAVING

    def report_stuck(self, number: int) -> None:
        """Called by a worker with a run that does not end; it accepts until the arbiter has replaced it."""
        line = self.line(number)
        if line[STATE] == SERVING:
            line[STATE] = STUCK

    def is_stuck(self, number: int) -> bool:
        """Whether the line's worker asks to be replaced."""
        return self.line(number)[STATE] == STUCK

    def serves(self, number: int) -> bool:
        """Whether the line's worker accepts connections."""
        return self.line(number)[STATE] in (SERVING, STUCK)

    def has_served(self, number: int) -> bool:
        """Whether the line's worker has ever accepted connections."""
        return self.line(number)[STATE] != STARTING

    def clear_gauges(self, number: int) -> None:
        """Clears the gauges and the state of a dead worker's line; its counters stay."""
        line = self.enter(number)
        line[STATE] = STARTING
        for block in self._blocks.values():
            line[SERVER_CELLS + block * MODEL_CELLS + RUNNING] = 0.0
            for family in MODEL_FAMILIES:
                if family.kind == "gauge":
                    line[SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family.name]] = 0.0

    def last_begun(self, number: int, before: float = float("inf")) -> tuple[str, str] | None:
        """The model and version whose run goes on in the line's worker since ``before``, the latest of several."""
        line = self.line(number)
        begun = {key: line[SERVER_CELLS + block * MODEL_CELLS + RUNNING] for key, block in self._blocks.items()}
        going_on = [key for key in begun if 0.0 < begun[key] < before]
        return max(going_on, key=lambda key: begun[key], default=None)

    def totals(self, block: int, family: str) -> list[float]:
        """The cells of a family in one block, each summed over all lines."""
        return self.block_totals([block])[0].of(family)

    def block_totals(self, blocks: Sequence[int]) -> list[BlockTotals]:
        """The totals of these blocks."""
        sums = np.zeros((len(blocks), MODEL_CELLS))
        last_run = np.zeros(len(blocks))
        for number in self._entered_lines():
            cells = self._table[number, SERVER_CELLS:].reshape(self.models, MODEL_CELLS)[list(blocks)]
            sums += cells
            np.maximum(last_run, cells[:, LAST_RUN], out=last_run)
        sums[:, LAST_RUN] = last_run
        return [BlockTotals(cells) for cells in sums.tolist()]

    def server_totals(self, family: str) -> list[float]:
        """The cells of one of the server's own families, each summed over all lines."""
        start = SERVER_OFFSETS[family]
        cells: list[float] = self._table[self._entered_lines(), start : start + _CELLS_OF[family]].sum(axis=0).tolist()
        return cells

    def _entered_lines(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        return np.flatnonzero(self._entered)


class ServerMetrics:
    """The server's own counters in one worker's line."""

    def __init__(self, scoreboard: Scoreboard, line: int) -> None:
        self._cells = scoreboard.enter(line)
        self._errors = {code: SERVER_OFFSETS["dynonnx_errors_total"] + at for at, code in enumerate(CODES)}
        dropped = SERVER_OFFSETS["dynonnx_log_lines_dropped_total"]
        self._dropped = {reason: dropped + at for at, reason in enumerate(LOG_LOSSES)}

    def error(self, code: Code) -> None:
        """Counts an error answer."""
        self._cells[self._errors[code]] += 1.0

    def log_line_lost(self, reason: str) -> None:
        """Counts a log line that was not written. ``reason``: one of LOG_LOSSES."""
        self._cells[self._dropped[reason]] += 1.0


class ModelMetrics:
    """A model version's counters in one worker's line. Times are seconds; most are counted once per batch."""

    def __init__(self, scoreboard: Scoreboard, line: int, block: int) -> None:
        start = SERVER_CELLS + block * MODEL_CELLS
        self._cells = scoreboard.enter(line)[start : start + MODEL_CELLS]
        self._failure = {code: MODEL_OFFSETS["nv_inference_request_failure"] + at for at, code in enumerate(CODES)}
        dispatch = MODEL_OFFSETS["dynonnx_dispatch_total"]
        self._dispatch = {reason: dispatch + at for at, reason in enumerate(DISPATCH_REASONS)}

    def begin_run(self, now: float) -> None:
        """Notes that a run begins, for who asks why a worker has died."""
        self._cells[RUNNING] = now

    def fail_run(self) -> None:
        """Counts a batch lost to an error in the server itself."""
        self._cells[RUNNING] = 0.0
        self._cells[_BATCH_ERRORS] += 1.0

    def stopped_run(self) -> None:
        """Counts a run that was stopped."""
        self._cells[_STOPPED_RUNS] += 1.0

    def batch(self, rows: int, run_seconds: float, reason: str, ended: float = 0.0) -> None:
        """Counts one run. ``reason``: of its dispatch; ``ended``: its end on the monotonic clock."""
        cells = self._cells
        size = bisect_left(BATCH_ROWS_BUCKETS, rows)
        cells[_ROWS] += rows
        cells[_RUNS] += 1.0
        cells[_RUN_US + size] += run_seconds * 1e6
        cells[LAST_RUN] = ended
        cells[RUNNING] = 0.0
        cells[self._dispatch[reason]] += 1.0
        cells[_BATCH_ROWS + size] += 1.0
        cells[_BATCH_ROWS + len(BATCH_ROWS_BUCKETS) + 1] += rows
        cells[_RUN_SECONDS + bisect_left(SECONDS_BUCKETS, run_seconds)] += 1.0
        cells[_RUN_SECONDS + len(SECONDS_BUCKETS) + 1] += run_seconds

    def stages(self, rows: int, input_seconds: float, output_seconds: float) -> None:
        """Counts the seconds of decoding and answering the entries of one run, where `BatchGroup.counts_stages`."""
        cells = self._cells
        size = bisect_left(BATCH_ROWS_BUCKETS, rows)
        cells[_TENSOR_RUNS + size] += 1.0
        cells[_INPUT_US + size] += input_seconds * 1e6
        cells[_OUTPUT_US + size] += output_seconds * 1e6

    def answered(self, requests: int, request_seconds: float, queue_seconds: float) -> None:
        """Counts requests answered with a prediction, and the sums of their seconds in all and in the queue."""
        cells = self._cells
        cells[_SUCCESS] += requests
        cells[_REQUEST_US] += request_seconds * 1e6
        cells[_QUEUE_US] += queue_seconds * 1e6

    def looked(self, hits: int, hit_seconds: float, misses: int, miss_seconds: float) -> None:
        """Counts requests whose answer was looked for, by whether it was there or is under way."""
        cells = self._cells
        cells[_CACHE_HITS] += hits
        cells[_CACHE_HIT_US] += hit_seconds * 1e6
        cells[_CACHE_MISSES] += misses
        cells[_CACHE_MISS_US] += miss_seconds * 1e6

    def failed(self, code: Code, seconds: float = 0.0) -> None:
        """Counts a request answered with an error, ``seconds`` after it was decoded."""
        self._cells[self._failure[code]] += 1.0
        self._cells[_FAILED_SECONDS] += seconds

    def pending(self, requests: int) -> None:
        """Sets the number of requests that wait or run."""
        self._cells[_PENDING] = requests


_SUCCESS = MODEL_OFFSETS["nv_inference_request_success"]
_ROWS = MODEL_OFFSETS["nv_inference_count"]
_RUNS = MODEL_OFFSETS["nv_inference_exec_count"]
_REQUEST_US = MODEL_OFFSETS["nv_inference_request_duration_us"]
_QUEUE_US = MODEL_OFFSETS["nv_inference_queue_duration_us"]
_INPUT_US, _RUN_US, _OUTPUT_US = (MODEL_OFFSETS[name] for name in (COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT))
_CACHE_HITS = MODEL_OFFSETS["nv_cache_num_hits_per_model"]
_CACHE_MISSES = MODEL_OFFSETS["nv_cache_num_misses_per_model"]
_CACHE_HIT_US = MODEL_OFFSETS["nv_cache_hit_duration_per_model"]
_CACHE_MISS_US = MODEL_OFFSETS["nv_cache_miss_duration_per_model"]
_TENSOR_RUNS = MODEL_OFFSETS["dynonnx_tensor_runs_total"]
_FAILED_SECONDS = MODEL_OFFSETS["dynonnx_failed_request_seconds_total"]
_PENDING = MODEL_OFFSETS["nv_inference_pending_request_count"]
_STOPPED_RUNS = MODEL_OFFSETS["dynonnx_stopped_runs_total"]
_BATCH_ERRORS = MODEL_OFFSETS["dynonnx_batch_errors_total"]
_BATCH_ROWS = MODEL_OFFSETS["dynonnx_batch_rows"]
_RUN_SECONDS = MODEL_OFFSETS["dynonnx_run_seconds"]
