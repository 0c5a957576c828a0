"""A process's counters: what is counted stands in the block and the families that it belongs to."""

from __future__ import annotations

import pytest

from server.metrics.counters import ModelMetrics
from server.metrics.families import DISPATCH_REASONS
from server.metrics.scoreboard import Scoreboard
from tests.support.server.scrape import IRIS, made, value


def test_a_batch_counts_rows_runs_and_time() -> None:
    scoreboard, block = made()
    metrics = ModelMetrics(scoreboard, 0, block)
    metrics.batch(3, 0.002, "turn")
    metrics.batch(2000, 30.0, "full")
    metrics.answered(4, 0.5, 0.25)
    metrics.pending(7)
    assert value(scoreboard, "nv_inference_count", **IRIS) == 2003
    assert value(scoreboard, "nv_inference_exec_count", **IRIS) == 2
    assert value(scoreboard, "nv_inference_compute_infer_duration_us", **IRIS) == pytest.approx(30_002_000)
    assert value(scoreboard, "nv_inference_request_success", **IRIS) == 4
    assert value(scoreboard, "nv_inference_request_duration_us", **IRIS) == 500_000
    assert value(scoreboard, "nv_inference_queue_duration_us", **IRIS) == 250_000
    assert value(scoreboard, "nv_inference_pending_request_count", **IRIS) == 7
    assert value(scoreboard, "dynonnx_dispatch_total", **IRIS, reason="turn") == 1
    assert value(scoreboard, "dynonnx_dispatch_total", **IRIS, reason="slot") == 0
    assert value(scoreboard, "dynonnx_batch_rows_bucket", **IRIS, le="2") == 0
    assert value(scoreboard, "dynonnx_batch_rows_bucket", **IRIS, le="4") == 1
    assert value(scoreboard, "dynonnx_batch_rows_bucket", **IRIS, le="1024") == 1
    assert value(scoreboard, "dynonnx_batch_rows_bucket", **IRIS, le="+Inf") == 2
    assert value(scoreboard, "dynonnx_run_seconds_sum", **IRIS) == pytest.approx(30.002)
    assert value(scoreboard, "nv_inference_count", **IRIS) == 2003


def test_models_and_versions_do_not_mix() -> None:
    scoreboard = Scoreboard(2, 3)
    blocks = {key: scoreboard.assign(*key) for key in (("a", "1"), ("a", "2"), ("b", "1"))}
    assert scoreboard.assign("a", "2") == blocks["a", "2"]
    for times, block in enumerate(blocks.values(), start=1):
        for _ in range(times):
            ModelMetrics(scoreboard, 1, block).batch(times, 0.0, DISPATCH_REASONS[0])
    assert value(scoreboard, "nv_inference_exec_count", model="a", version="1") == 1
    assert value(scoreboard, "nv_inference_exec_count", model="a", version="2") == 2
    assert value(scoreboard, "nv_inference_count", model="b", version="1") == 9
    assert value(scoreboard, "dynonnx_errors_total", code="internal") == 0
