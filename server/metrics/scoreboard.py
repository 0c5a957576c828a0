"""Owns every metric: its name, meaning and buckets, the shared memory with the numbers, their text. Knows no requests.

The numbers of all processes stand in one anonymous shared mapping made before the fork: a line per worker, a cell per
series. A worker adds to its own line without a lock; a scrape sums the lines. A new worker goes on with the line of a
dead one, so counters never go back and nothing grows with restarts.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from server import __version__
from server.errors import CODES, Code

CELL_BYTES = 8
BATCH_ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # rows in one run
SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
DISPATCH_REASONS = ("turn", "slot", "full", "wait")  # end of the turn; slot came free; batch was full; waited its time

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, kind, what it says; ``label`` beyond model and version and the values it takes.

    A counter with ``buckets`` is kept by the rows of a run and shown as one sum.
    """

    name: str
    kind: Kind
    text: str
    buckets: tuple[float, ...] = ()
    label: str | None = None
    label_values: tuple[str, ...] = ("",)

    @property
    def cells(self) -> int:
        """Cells one model takes: with buckets one each and one above them all; a histogram has its sum as well."""
        own = len(self.buckets) + 1 + (self.kind == "histogram") if self.buckets else 1
        return own * len(self.label_values)


_INPUT, _INFER, _OUTPUT = (f"nv_inference_compute_{stage}_duration_us" for stage in ("input", "infer", "output"))

MODEL_FAMILIES = (
    Family("nv_inference_request_success", "counter", "Requests answered with a prediction"),
    Family("nv_inference_request_failure", "counter", "Requests that were not", label="reason", label_values=CODES),
    Family("nv_inference_count", "counter", "Rows predicted"),
    Family("nv_inference_exec_count", "counter", "Runs of the model, each over one batch"),
    Family("nv_inference_request_duration_us", "counter", "Time from parsed request to answer, summed, microseconds"),
    Family("nv_inference_queue_duration_us", "counter", "Time requests waited for their run, summed, microseconds"),
    Family(_INPUT, "counter", "Time to read v2 requests, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family(_INFER, "counter", "Time the model ran, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family(_OUTPUT, "counter", "Time to make and write v2 answers, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family("dynonnx_tensor_runs_total", "counter", "Runs for v2 requests", BATCH_ROWS_BUCKETS),
    Family("dynonnx_failed_request_seconds_total", "counter", "Time from parsed request to error, summed"),
    Family("nv_inference_pending_request_count", "gauge", "Requests that wait or run"),
    Family("dynonnx_batch_rows", "histogram", "Rows of a run", BATCH_ROWS_BUCKETS),
    Family("dynonnx_run_seconds", "histogram", "Time of a run", SECONDS_BUCKETS),
    Family(
        "dynonnx_dispatch_total", "counter", "Runs by what started them", label="reason", label_values=DISPATCH_REASONS
    ),
)
SERVER_FAMILIES = (
    Family("dynonnx_errors_total", "counter", "Error answers by their code", label="code", label_values=CODES),
)


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
_CELLS_OF = {family.name: family.cells for family in MODEL_FAMILIES}
SERVER_OFFSETS, _COUNTERS = _offsets(SERVER_FAMILIES)
STATE = _COUNTERS  # of the worker, one of the three below; not shown
STARTING, SERVING, LEAVING = 0.0, 1.0, 2.0
ENTERED = _COUNTERS + 1  # whether any worker ever had this line: pages of others are never touched
SERVER_CELLS = _COUNTERS + 2
_NOTHING = memoryview(bytes(MODEL_CELLS * CELL_BYTES)).cast("d")


class Board:
    """The shared memory: ``lines`` workers, the server's own cells, then a block of cells for each of ``models``."""

    def __init__(self, lines: int, models: int) -> None:
        self._lines = lines
        self._models = models
        self._width = SERVER_CELLS + models * MODEL_CELLS
        self._cells = memoryview(mmap.mmap(-1, lines * self._width * CELL_BYTES)).cast("d")
        self._labels: dict[tuple[str, str], int] = {}
        self._free = deque(range(models))

    def block_of(self, model: str, version: str) -> int:
        """The block of a model's version, given to it at first sight until `keep`. Called before the fork only.

        Raises ValueError when more versions are served than the board has blocks for.
        """
        if (model, version) not in self._labels:
            if not self._free:
                raise ValueError(f"more than {self._models} model versions cannot be served at a time")
            self._labels[model, version] = self._free.popleft()
        return self._labels[model, version]

    def keep(self, versions: Collection[tuple[str, str]]) -> None:
        """Forgets the numbers of all other versions, which nobody serves any more. Called before the fork only."""
        for gone in self._labels.keys() - set(versions):
            block = self._labels.pop(gone)
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
        for block in self._labels.values():
            for family in MODEL_FAMILIES:
                if family.kind == "gauge":
                    line[SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family.name]] = 0.0

    def served(self, block: int) -> dict[str, Any]:
        """What all workers did for one model version, as a person wants to know it: means in microseconds."""

        def of(family: str) -> float:
            return sum(self.totals(block, family))

        requests, runs, rows = (
            of("nv_inference_request_success"),
            of("nv_inference_exec_count"),
            of("nv_inference_count"),
        )
        reasons = dict(zip(DISPATCH_REASONS, map(int, self.totals(block, "dynonnx_dispatch_total")), strict=True))
        return {
            "requests": int(requests),
            "rows": int(rows),
            "runs": int(runs),
            "rows_per_run": rows / runs if runs else None,
            "mean_run_us": of(_INFER) / runs if runs else None,
            "mean_queue_us": of("nv_inference_queue_duration_us") / requests if requests else None,
            "dispatched": reasons,
        }

    def totals(self, block: int, family: str) -> list[float]:
        """All cells of a family for one model version, each summed over all workers."""
        start = SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family]
        return [self.total(start + at) for at in range(_CELLS_OF[family])]

    def last_run(self, block: int) -> float:
        """When the last run of a model version ended, in seconds of the monotonic clock; 0 before the first."""
        return max(self._cells[SERVER_CELLS + block * MODEL_CELLS + LAST_RUN :: self._width].tolist())

    def total(self, cell: int) -> float:
        """A cell summed over all workers."""
        return sum(self._cells[cell :: self._width].tolist())

    def exposition(self, workers: int) -> bytes:
        """All metrics in Prometheus' text format. ``workers``: how many should serve.

        Written by hand: the client library ends every counter in ``_total``, and Triton's names do not.
        """
        lines = [*_head("dynonnx_build_info", "gauge", "Version of the server")]
        lines.append(f'dynonnx_build_info{{version="{__version__}"}} 1')
        lines += [
            *_head("dynonnx_workers", "gauge", "Worker processes that should serve"),
            f"dynonnx_workers {workers}",
        ]
        for family in SERVER_FAMILIES:
            lines += _head(family.name, family.kind, family.text)
            lines += self._samples(family, {}, SERVER_OFFSETS[family.name])
        for family in MODEL_FAMILIES:
            lines += _head(family.name, family.kind, family.text)
            for (model, version), block in self._labels.items():
                cell = SERVER_CELLS + block * MODEL_CELLS + MODEL_OFFSETS[family.name]
                lines += self._samples(family, {"model": model, "version": version}, cell)
        return ("\n".join(lines) + "\n").encode()

    def _samples(self, family: Family, labels: Mapping[str, str], cell: int) -> Iterator[str]:
        if family.kind == "histogram":
            yield from self._histogram(family, labels, cell)
            return
        if family.buckets:
            yield f"{family.name}{_labels(labels)} {sum(self.total(cell + at) for at in range(family.cells))!r}"
            return
        for at, value in enumerate(family.label_values):
            own = {family.label: value} if family.label else {}
            yield f"{family.name}{_labels({**labels, **own})} {self.total(cell + at)!r}"

    def _histogram(self, family: Family, labels: Mapping[str, str], cell: int) -> Iterator[str]:
        seen = 0.0
        for at, bound in enumerate((*map(str, family.buckets), "+Inf")):
            seen += self.total(cell + at)
            yield f"{family.name}_bucket{_labels({**labels, 'le': bound})} {seen!r}"
        yield f"{family.name}_sum{_labels(labels)} {self.total(cell + len(family.buckets) + 1)!r}"
        yield f"{family.name}_count{_labels(labels)} {seen!r}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    """Labels as the format writes them. Model names and versions hold no character that would need an escape."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


class ServerMetrics:
    """What one worker counts for itself."""

    def __init__(self, board: Board, line: int) -> None:
        self._cells = board.line(line)
        self._errors = {code: SERVER_OFFSETS["dynonnx_errors_total"] + at for at, code in enumerate(CODES)}

    def error(self, code: Code) -> None:
        """Counts an error answer."""
        self._cells[self._errors[code]] += 1.0


class ModelMetrics:
    """What one worker counts for one model. Times are seconds; counted per batch wherever that loses nothing."""

    def __init__(self, board: Board, line: int, block: int) -> None:
        start = SERVER_CELLS + block * MODEL_CELLS
        self._cells = board.line(line)[start : start + MODEL_CELLS]
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

    def tensors(self, rows: int, input_seconds: float, output_seconds: float) -> None:
        """Counts what it took to read the requests of one run of v2, and to make their answers."""
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

    def line_totals(self) -> dict[str, float]:
        """This worker's own counts of rows and runs, for tests and pages."""
        return {"rows": self._cells[_ROWS], "runs": self._cells[_RUNS], "requests": self._cells[_SUCCESS]}


_SUCCESS = MODEL_OFFSETS["nv_inference_request_success"]
_ROWS = MODEL_OFFSETS["nv_inference_count"]
_RUNS = MODEL_OFFSETS["nv_inference_exec_count"]
_REQUEST_US = MODEL_OFFSETS["nv_inference_request_duration_us"]
_QUEUE_US = MODEL_OFFSETS["nv_inference_queue_duration_us"]
_INPUT_US, _RUN_US, _OUTPUT_US = MODEL_OFFSETS[_INPUT], MODEL_OFFSETS[_INFER], MODEL_OFFSETS[_OUTPUT]
_TENSOR_RUNS = MODEL_OFFSETS["dynonnx_tensor_runs_total"]
_FAILED_SECONDS = MODEL_OFFSETS["dynonnx_failed_request_seconds_total"]
_PENDING = MODEL_OFFSETS["nv_inference_pending_request_count"]
_BATCH_ROWS = MODEL_OFFSETS["dynonnx_batch_rows"]
_RUN_SECONDS = MODEL_OFFSETS["dynonnx_run_seconds"]
