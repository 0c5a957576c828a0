"""Owns the metric families: name, kind, help text, buckets, number of cells. Knows no values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from server.errors import CODES

BATCH_ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # rows in one run
SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
DISPATCH_REASONS = ("turn", "slot", "full", "wait")  # end of a turn; end of a run; batch full; max wait over
LOG_LOSSES = ("unwritable", "repeated")  # standard output took none; too many of their like in a second

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. ``text``: its help; ``label``: a label beside model and version, ``label_values``: its values.

    A counter with ``buckets`` has a cell per size of a run, and is shown as their sum.
    """

    name: str
    kind: Kind
    text: str
    buckets: tuple[float, ...] = ()
    label: str | None = None
    label_values: tuple[str, ...] = ("",)

    @property
    def cells(self) -> int:
        """Cells per model version: with buckets one each and one above them; a histogram has one more for its sum."""
        own = len(self.buckets) + 1 + (self.kind == "histogram") if self.buckets else 1
        return own * len(self.label_values)


COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT = (
    f"nv_inference_compute_{stage}_duration_us" for stage in ("input", "infer", "output")
)

MODEL_FAMILIES = (
    Family("nv_inference_request_success", "counter", "Requests answered with a prediction"),
    Family("nv_inference_request_failure", "counter", "Requests that were not", label="reason", label_values=CODES),
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
    Family(
        "dynonnx_dispatch_total", "counter", "Runs by what started them", label="reason", label_values=DISPATCH_REASONS
    ),
)
SERVER_FAMILIES = (
    Family("dynonnx_errors_total", "counter", "Error answers by their code", label="code", label_values=CODES),
    Family(
        "dynonnx_log_lines_dropped_total", "counter", "Log lines not written", label="reason", label_values=LOG_LOSSES
    ),
)
