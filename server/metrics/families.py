"""Owns the metric families: name, kind, help text, buckets, number of cells. Knows no values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from server.errors import CODES

BATCH_ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # rows in one run
# From 10 us, as a small model runs in 20, to 30 s, the longest deadline of a router; four a decade.
SECONDS_BUCKETS = (
    *(float(f"{digit}e{power}") for power in range(-5, 1) for digit in (1, 2, 3, 5)),
    *(10.0, 20.0, 30.0),
)
DISPATCH_REASONS = ("turn", "slot", "full", "wait")  # end of a turn; end of a run; batch full; max wait over
LOG_LOSSES = ("unwritable", "repeated")  # standard output took none; too many of their like in a second

RouteName = Literal["predict", "invocations", "infer"]  # of predictions, by protocol
ROUTE_NAMES: tuple[RouteName, ...] = get_args(RouteName)
OTHER_ROUTES = ("pages", "models", "operations", "repository", "v2", "none")  # tags of openapi.json; none of them
STATUS_CLASSES = ("2xx", "4xx", "5xx")

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. ``text``: its help; ``labels``: those beside model and version, each with its values.

    A counter with ``buckets`` has a cell per size of a run, and is shown as their sum.
    """

    name: str
    kind: Kind
    text: str
    buckets: tuple[float, ...] = ()
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def label_sets(self) -> tuple[str, ...]:
        """The labels with their values as in the text, the last label's values changing first."""
        names = [name for name, _ in self.labels]
        sets = product(*(values for _, values in self.labels))
        return tuple(
            ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True)) for values in sets
        )

    @property
    def width(self) -> int:
        """Cells of one label set: with buckets one each and one above them; a histogram has one more for its sum."""
        return len(self.buckets) + 1 + (self.kind == "histogram") if self.buckets else 1

    @property
    def cells(self) -> int:
        """Cells per model version, or of the server."""
        return self.width * len(self.label_sets)


COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT = (
    f"nv_inference_compute_{stage}_duration_us" for stage in ("input", "infer", "output")
)
REQUEST_SECONDS, OTHER_REQUEST_SECONDS = "dynonnx_request_seconds", "dynonnx_other_request_seconds"

MODEL_FAMILIES = (
    Family("nv_inference_request_success", "counter", "Requests answered with a prediction"),
    Family("nv_inference_request_failure", "counter", "Requests that were not", labels=(("reason", CODES),)),
    Family("nv_inference_count", "counter", "Rows predicted"),
    Family("nv_inference_exec_count", "counter", "Runs of the model, each over one batch"),
    Family("nv_inference_request_duration_us", "counter", "Time from parsed request to answer, summed, microseconds"),
    Family("nv_inference_queue_duration_us", "counter", "Time requests waited for their run, summed, microseconds"),
    Family(COMPUTE_INPUT, "counter", "Time to read v2 requests, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family(COMPUTE_INFER, "counter", "Time the model ran, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family(COMPUTE_OUTPUT, "counter", "Time to make and write v2 answers, summed, microseconds", BATCH_ROWS_BUCKETS),
    Family("dynonnx_tensor_runs_total", "counter", "Runs for v2 requests", BATCH_ROWS_BUCKETS),
    Family("dynonnx_failed_request_seconds_total", "counter", "Time from parsed request to error, summed"),
    Family("nv_cache_num_hits_per_model", "counter", "Requests answered with the answer to an equal one"),
    Family("nv_cache_num_misses_per_model", "counter", "Requests for which such an answer was looked for in vain"),
    Family("nv_cache_hit_duration_per_model", "counter", "Time to find answers again, summed, microseconds"),
    Family("nv_cache_miss_duration_per_model", "counter", "Time to look in vain and to keep, summed, microseconds"),
    Family("nv_inference_pending_request_count", "gauge", "Requests that wait or run"),
    Family("dynonnx_batch_rows", "histogram", "Rows of a run", BATCH_ROWS_BUCKETS),
    Family("dynonnx_run_seconds", "histogram", "Time of a run", SECONDS_BUCKETS),
    Family("dynonnx_stopped_runs_total", "counter", "Runs stopped because nobody waited for them any more"),
    Family("dynonnx_batch_errors_total", "counter", "Batches lost to an error in the server itself"),
    Family("dynonnx_dispatch_total", "counter", "Runs by what started them", labels=(("reason", DISPATCH_REASONS),)),
    Family(
        REQUEST_SECONDS,
        "histogram",
        "Time from the last byte of a prediction's request to its answer",
        SECONDS_BUCKETS,
        labels=(("route", ROUTE_NAMES), ("status", STATUS_CLASSES)),
    ),
)
SERVER_FAMILIES = (
    Family("dynonnx_errors_total", "counter", "Error answers by their code", labels=(("code", CODES),)),
    Family("dynonnx_log_lines_dropped_total", "counter", "Log lines not written", labels=(("reason", LOG_LOSSES),)),
    Family("process_cpu_seconds_total", "counter", "Processor time of all processes, user and system"),
    Family("process_virtual_memory_bytes", "gauge", "Address space of all processes, summed"),
    Family(
        "process_resident_memory_bytes", "gauge", "Resident memory of all processes, summed: what they share, often"
    ),
    Family("process_open_fds", "gauge", "Open descriptors of all processes"),
    Family("dynonnx_memory_bytes", "gauge", "Memory of all processes, what they share once (PSS)"),
    Family("dynonnx_connections", "gauge", "Open connections"),
    Family("dynonnx_loop_busy_seconds_total", "counter", "Time that the workers' loops ran, or waited for a processor"),
    Family("dynonnx_queue_seconds", "gauge", "Work that waits, in time that serving it is expected to take"),
    Family("dynonnx_router_seconds_total", "counter", "Time of requests at a declared router, by X-Request-Start"),
    Family("dynonnx_router_requests_total", "counter", "Requests with a declared router's X-Request-Start"),
    Family(
        OTHER_REQUEST_SECONDS,
        "histogram",
        "Time from the head of any other request to its answer, by kind of route",
        SECONDS_BUCKETS,
        labels=(("route", OTHER_ROUTES), ("status", STATUS_CLASSES)),
    ),
)
