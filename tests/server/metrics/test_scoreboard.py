"""Metrics: what is counted is what a scrape reads, in Prometheus' own words, summed over forked processes."""

from __future__ import annotations

import os
import re
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from server import __version__
from server.errors import CODES
from server.metrics.exposition import exposition
from server.metrics.families import BATCH_ROWS_BUCKETS, DISPATCH_REASONS, MODEL_FAMILIES, SECONDS_BUCKETS
from server.metrics.scoreboard import ModelMetrics, Scoreboard, ServerMetrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(scoreboard: Scoreboard) -> Samples:
    """Every sample of a scrape, read by the client library's parser, under the name it has in the text.

    The parser calls every counter ``..._total``; Triton's names have no such end.
    """
    text = exposition(scoreboard, 2).decode()
    written = set(re.findall(r"^[a-z_]+", text, re.MULTILINE))
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if sample.name in written else sample.name.removesuffix("_total")
            key = (name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def value(scoreboard: Scoreboard, name: str, **labels: str) -> float:
    """One sample of a scrape."""
    return samples(scoreboard)[name, tuple(sorted(labels.items()))]


def made(lines: int = 3) -> tuple[Scoreboard, int]:
    """A scoreboard with one model."""
    scoreboard = Scoreboard(lines, 4)
    return scoreboard, scoreboard.assign("iris", "1")


IRIS = {"model": "iris", "version": "1"}


def test_an_empty_board_says_who_it_is() -> None:
    found = samples(Scoreboard(1, 1))
    assert found["dynonnx_build_info", (("version", __version__),)] == 1
    assert found["dynonnx_workers", ()] == 2
    assert found["dynonnx_errors_total", (("code", "overloaded"),)] == 0


def test_every_family_has_help_and_type() -> None:
    scoreboard, _ = made()
    families = {family.name: family for family in text_string_to_metric_families(exposition(scoreboard, 1).decode())}
    for family in MODEL_FAMILIES:
        name = family.name.removesuffix("_total")  # the parser's own name for a counter
        assert families[name].type == family.kind
        assert families[name].documentation == family.text
    assert exposition(scoreboard, 1).endswith(b"\n")


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


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 60)), max_size=20))
def test_histograms_are_cumulative_and_end_at_their_count(runs: list[tuple[int, float]]) -> None:
    scoreboard, block = made(1)
    metrics = ModelMetrics(scoreboard, 0, block)
    for rows, seconds in runs:
        metrics.batch(rows, seconds, "turn")
    found = samples(scoreboard)
    for at, bound in enumerate(BATCH_ROWS_BUCKETS):
        want = sum(bisect_left(BATCH_ROWS_BUCKETS, rows) <= at for rows, _ in runs)
        assert want == sum(rows <= bound for rows, _ in runs)
        assert found["dynonnx_batch_rows_bucket", (("le", str(bound)), *IRIS.items())] == want
    for upper in SECONDS_BUCKETS:
        want = sum(seconds <= upper for _, seconds in runs)
        assert found["dynonnx_run_seconds_bucket", (("le", str(upper)), *IRIS.items())] == want
    assert found["dynonnx_batch_rows_count", tuple(IRIS.items())] == len(runs)
    assert found["dynonnx_batch_rows_sum", tuple(IRIS.items())] == sum(rows for rows, _ in runs)
    assert found["dynonnx_run_seconds_bucket", (("le", "+Inf"), *IRIS.items())] == len(runs)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_own_cells(code: str) -> None:
    scoreboard, block = made()
    ServerMetrics(scoreboard, 1).error(code)  # type: ignore[arg-type]  # CODES are those codes
    ModelMetrics(scoreboard, 1, block).failed(code)  # type: ignore[arg-type]
    found = samples(scoreboard)
    assert [key for key, count in found.items() if key[0] == "dynonnx_errors_total" and count] == [
        ("dynonnx_errors_total", (("code", code),))
    ]
    assert [key for key, count in found.items() if key[0] == "nv_inference_request_failure" and count] == [
        ("nv_inference_request_failure", (("model", "iris"), ("reason", code), ("version", "1")))
    ]


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


def test_a_full_board_refuses_and_stays_whole() -> None:
    scoreboard = Scoreboard(2, 1)
    block = scoreboard.assign("a", "1")
    ModelMetrics(scoreboard, 1, block).batch(5, 0.0, "turn")
    with pytest.raises(ValueError, match="more than 1 model versions"):
        scoreboard.assign("b", "1")
    assert ("nv_inference_count", (("model", "b"), ("version", "1"))) not in samples(scoreboard)
    assert value(scoreboard, "nv_inference_count", model="a", version="1") == 5


def test_versions_that_nobody_serves_any_more_make_room() -> None:
    scoreboard = Scoreboard(2, 2)
    for line in (0, 1):
        scoreboard.clear_gauges(line)
    for number in range(1, 50):
        scoreboard.keep({("a", str(number - 1))})
        block = scoreboard.assign("a", str(number))
        assert value(scoreboard, "nv_inference_count", model="a", version=str(number)) == 0
        ModelMetrics(scoreboard, number % 2, block).batch(number, 0.0, "turn")
    assert value(scoreboard, "nv_inference_count", model="a", version="49") == 49
    assert value(scoreboard, "nv_inference_count", model="a", version="48") == 48
    assert ("nv_inference_count", (("model", "a"), ("version", "47"))) not in samples(scoreboard)


def test_a_worker_starts_serves_and_leaves() -> None:
    scoreboard = Scoreboard(1, 1)
    scoreboard.clear_gauges(0)
    assert (scoreboard.serves(0), scoreboard.has_served(0)) == (False, False)
    scoreboard.begin_serving(0)
    assert (scoreboard.serves(0), scoreboard.has_served(0)) == (True, True)
    scoreboard.end_serving(0)
    assert (scoreboard.serves(0), scoreboard.has_served(0)) == (False, True)
    scoreboard.clear_gauges(0)
    assert not scoreboard.has_served(0)


def test_totals_are_summed_over_forked_processes() -> None:
    """Each child writes its own line while the others do; nothing is lost, and the parent reads the sum."""
    scoreboard, block = made(lines=4)
    children = []
    for line in range(1, 4):
        child = os.fork()
        if not child:
            metrics, server = ModelMetrics(scoreboard, line, block), ServerMetrics(scoreboard, line)
            for _ in range(2000):
                metrics.batch(line, 0.001, "slot")
                server.error("overloaded")
            metrics.pending(line)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert value(scoreboard, "nv_inference_count", **IRIS) == 2000 * (1 + 2 + 3)
    assert value(scoreboard, "nv_inference_exec_count", **IRIS) == 6000
    assert value(scoreboard, "dynonnx_dispatch_total", **IRIS, reason="slot") == 6000
    assert value(scoreboard, "dynonnx_errors_total", code="overloaded") == 6000
    assert value(scoreboard, "nv_inference_pending_request_count", **IRIS) == 6


def test_a_new_worker_goes_on_with_a_dead_ones_line() -> None:
    scoreboard, block = made(2)
    metrics = ModelMetrics(scoreboard, 1, block)
    metrics.batch(5, 0.1, "turn")
    metrics.pending(9)
    scoreboard.clear_gauges(1)
    ModelMetrics(scoreboard, 1, block).batch(2, 0.1, "turn")
    assert value(scoreboard, "nv_inference_count", **IRIS) == 7
    assert value(scoreboard, "nv_inference_pending_request_count", **IRIS) == 0
