"""The statistics of v2 are the numbers of the scoreboard."""

from __future__ import annotations

from time import monotonic, time

from server.metrics.counters import ModelMetrics
from server.metrics.scoreboard import Scoreboard
from server.metrics.statistics import statistics


def test_statistics_are_summed_over_workers_and_told_by_size() -> None:
    scoreboard = Scoreboard(2, 2)
    scoreboard.assign("other", "1")
    block = scoreboard.assign("m", "3")
    for line, rows in ((0, 1), (1, 1), (1, 5)):
        metrics = ModelMetrics(scoreboard, line, block)
        metrics.batch(rows, 0.002, "turn", monotonic())
        metrics.stages(rows, 0.0005, 0.00025)
        metrics.answered(rows, rows * 0.01, rows * 0.001)
    ModelMetrics(scoreboard, 0, block).batch(4000, 0.5, "turn", monotonic())
    ModelMetrics(scoreboard, 0, block).failed("bad_request")
    ModelMetrics(scoreboard, 0, block).failed("model_error", 0.25)
    told = statistics(scoreboard.block_totals([block])[0], "m", "3")
    assert abs(told.pop("last_inference") - time() * 1000) < 60_000
    inference = told.pop("inference_stats")
    sizes = {each["batch_size"]: each for each in told.pop("batch_stats")}
    assert told == {"name": "m", "version": "3", "inference_count": 4007, "execution_count": 4}
    assert inference["success"] == {"count": 7, "ns": 70_000_000 + 1_500_000}
    assert inference["queue"] == {"count": 7, "ns": 7_000_000}
    assert inference["fail"] == {"count": 2, "ns": 250_000_000}
    assert inference["compute_input"] == {"count": 3, "ns": 1_500_000}
    assert inference["compute_infer"] == {"count": 4, "ns": 506_000_000}
    assert inference["compute_output"] == {"count": 3, "ns": 750_000}
    assert inference["cache_hit"] == inference["cache_miss"] == {"count": 0, "ns": 0}
    assert list(sizes) == [1, 8, 2048]
    assert sizes[1]["compute_infer"] == {"count": 2, "ns": 4_000_000}
    assert sizes[2048]["compute_input"] == {"count": 0, "ns": 0}


def test_before_anything_was_done_all_is_nought() -> None:
    scoreboard = Scoreboard(1, 1)
    told = statistics(scoreboard.block_totals([scoreboard.assign("m", "1")])[0], "m", "1")
    assert (told["last_inference"], told["inference_count"], told["batch_stats"]) == (0, 0, [])
    assert told["inference_stats"]["success"] == {"count": 0, "ns": 0}
