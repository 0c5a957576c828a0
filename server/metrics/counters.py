"""Owns what one process counts, in its own line of the scoreboard. Knows neither other lines nor how they are shown."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import product

from server.errors import CODES, Code
from server.metrics import durations
from server.metrics.families import (
    BATCH_ROWS_BUCKETS,
    COMPUTE_INFER,
    COMPUTE_INPUT,
    COMPUTE_OUTPUT,
    DISPATCH_REASONS,
    LOG_LOSSES,
    OTHER_REQUEST_SECONDS,
    OTHER_ROUTES,
    REQUEST_SECONDS,
    ROUTE_NAMES,
    STATUS_CLASSES,
    RouteName,
)
from server.metrics.layout import LAST_RUN, MODEL_CELLS, MODEL_OFFSETS, POLLED, RUNNING, SERVER_CELLS, SERVER_OFFSETS
from server.metrics.process import Memory, Wanted
from server.metrics.scoreboard import Scoreboard

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
_CPU, _BUSY, _ROUTER, _ROUTED, _QUEUE, _CONNECTIONS = (
    SERVER_OFFSETS[name]
    for name in (
        "process_cpu_seconds_total",
        "dynonnx_loop_busy_seconds_total",
        "dynonnx_router_seconds_total",
        "dynonnx_router_requests_total",
        "dynonnx_queue_seconds",
        "dynonnx_connections",
    )
)
_MEMORY = tuple(
    SERVER_OFFSETS[name]
    for name in (
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "dynonnx_memory_bytes",
        "process_open_fds",
    )
)


def _histograms(start: int, routes: Sequence[str]) -> dict[tuple[str, str], int]:
    """Where the cells of each histogram begin, by route and class of status."""
    return {key: start + at * durations.WIDTH for at, key in enumerate(product(routes, STATUS_CLASSES))}


_REQUEST_SECONDS = _histograms(MODEL_OFFSETS[REQUEST_SECONDS], ROUTE_NAMES)
_OTHER_REQUEST_SECONDS = _histograms(SERVER_OFFSETS[OTHER_REQUEST_SECONDS], OTHER_ROUTES)
_WRITTEN = {route: at for (route, status), at in _REQUEST_SECONDS.items() if status == "2xx"}


def status_class(status: int) -> str:
    """The class of an HTTP status; of what is neither an error nor an answer, that of an answer."""
    return "2xx" if status < 400 else "4xx" if status < 500 else "5xx"


class ServerMetrics:
    """The server's own counters in one worker's line."""

    def __init__(self, scoreboard: Scoreboard, line: int) -> None:
        self._cells = scoreboard.enter(line)
        self._errors = {code: SERVER_OFFSETS["dynonnx_errors_total"] + at for at, code in enumerate(CODES)}
        dropped = SERVER_OFFSETS["dynonnx_log_lines_dropped_total"]
        self._dropped = {reason: dropped + at for at, reason in enumerate(LOG_LOSSES)}
        self._beaten: tuple[Wanted, tuple[float, int], float] = Wanted(0.0, 0.0), (0.0, 0), self._cells[POLLED]

    def error(self, code: Code) -> None:
        """Counts an error answer."""
        self._cells[self._errors[code]] += 1.0

    def log_line_lost(self, reason: str) -> None:
        """Counts a log line that was not written. ``reason``: one of LOG_LOSSES."""
        self._cells[self._dropped[reason]] += 1.0

    def beat(self, wanted: Wanted, router: tuple[float, int], queue_seconds: float) -> None:
        """Counts what was wanted and what requests spent at the router since the last beat; tells what waits.

        ``router``: seconds and requests so far. The loop being kept awake for nothing is not busy.
        """
        cells, before = self._cells, self._beaten
        polled = cells[POLLED]
        busy = wanted.thread - before[0].thread - (polled - before[2])
        cells[_CPU] += wanted.processor - before[0].processor
        cells[_BUSY] += max(busy, 0.0)
        cells[_ROUTER] += router[0] - before[1][0]
        cells[_ROUTED] += router[1] - before[1][1]
        cells[_QUEUE] = queue_seconds
        self._beaten = wanted, router, polled

    def memory(self, memory: Memory) -> None:
        """Tells what this process holds."""
        for at, value in zip(_MEMORY, memory, strict=True):
            self._cells[at] = value

    def connections(self, number: int) -> None:
        """Tells how many connections are open."""
        self._cells[_CONNECTIONS] = number

    def other_request(self, route: str, status: int, seconds: float) -> None:
        """Counts an answer that is no prediction of a model. ``route``: one of OTHER_ROUTES."""
        durations.count(self._cells, _OTHER_REQUEST_SECONDS[route, status_class(status)], seconds)


class ModelMetrics:
    """A model version's counters in one worker's line. Times are seconds; most are counted once per batch."""

    def __init__(self, scoreboard: Scoreboard, line: int, block: int) -> None:
        start = SERVER_CELLS + block * MODEL_CELLS
        whole = scoreboard.enter(line)
        self._cells = whole[start : start + MODEL_CELLS]
        self._of_line = whole
        self._joined = 0
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
        durations.count(cells, _RUN_SECONDS, run_seconds)

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

    def polled(self, seconds: float) -> None:
        """Counts how long the loop was kept awake for nothing."""
        self._of_line[POLLED] += seconds

    def written(self, route: RouteName, arrivals: list[float], now: float) -> None:
        """Counts how long predictions took that are written ``now``, by when their requests were complete; sorts these.

        Seconds of the monotonic clock; at least one.
        """
        durations.count_since(self._cells, _WRITTEN[route], arrivals, now)

    def request(self, route: RouteName, status: int, seconds: float) -> None:
        """Counts how long one request took."""
        durations.count(self._cells, _REQUEST_SECONDS[route, status_class(status)], seconds)

    def pending(self, requests: int) -> None:
        """Sets the number of requests that wait or run, beside those of `join`."""
        self._cells[_PENDING] = requests + self._joined

    def join(self, requests: int) -> None:
        """Counts requests that wait for the row of another; below 0: such as do no longer."""
        self._joined += requests
        self._cells[_PENDING] += requests
