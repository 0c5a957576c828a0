"""The scoreboard: what workers count is what a reader sums, over forked processes and dead workers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from server.metrics.counters import ModelMetrics, ServerMetrics
from server.metrics.exposition import exposition
from server.metrics.families import DISPATCH_REASONS
from server.metrics.scoreboard import Scoreboard
from tests.support.server.scrape import IRIS, made, samples, value


def test_a_full_board_refuses_and_stays_whole() -> None:
    scoreboard = Scoreboard(2, 1)
    block = scoreboard.assign("a", "1")
    ModelMetrics(scoreboard, 1, block).batch(5, 0.0, "turn")
    with pytest.raises(ValueError, match="more than 1 model versions"):
        scoreboard.assign("b", "1")
    assert ("nv_inference_count", (("model", "b"), ("version", "1"))) not in samples(scoreboard)
    assert value(scoreboard, "nv_inference_count", model="a", version="1") == 5


def test_of_several_versions_all_get_a_block_or_none() -> None:
    scoreboard = Scoreboard(1, 3)
    before = dict(scoreboard.blocks)
    with pytest.raises(ValueError, match="more than 3 model versions"):
        scoreboard.assign_all([("a", str(number)) for number in range(4)])
    assert scoreboard.blocks == before
    scoreboard.assign_all([("a", "1"), ("a", "2"), ("a", "2"), ("a", "3")])
    scoreboard.assign_all([("a", "3"), ("a", "1")])
    assert sorted(scoreboard.blocks.values()) == [0, 1, 2]


def test_lines_that_nobody_has_entered_are_not_touched() -> None:
    """Even a page of shared memory that is only read takes memory."""
    scoreboard = Scoreboard(1024, 64)
    blocks = [scoreboard.assign("m", str(number)) for number in range(64)]
    ServerMetrics(scoreboard, 0).error("internal")
    ModelMetrics(scoreboard, 700, blocks[-1]).batch(5, 0.0, "turn")
    exposition(scoreboard, 2)
    scoreboard.block_totals(blocks)
    scoreboard.keep({("m", "63")})
    assert value(scoreboard, "nv_inference_count", model="m", version="63") == 5
    address = scoreboard._table.__array_interface__["data"][0]
    assert 0 < resident_kib(address) <= 2 * 64 * 3.3 + 64, "two lines of 64 blocks of about 3 KB"


def resident_kib(address: int) -> int:
    """Memory of the mapping that holds an address."""
    smaps = Path("/proc/self/smaps")
    if not smaps.exists():
        pytest.skip("reads /proc, which is Linux's")
    inside = False
    for line in smaps.read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(bounds[1], 16) <= address < int(bounds[2], 16)
        elif inside and line.startswith("Rss:"):
            return int(line.split()[1])
    raise AssertionError("no such mapping")


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


def test_the_runs_that_go_on_are_told_until_they_end_or_the_line_is_reused() -> None:
    scoreboard = Scoreboard(2, 2)
    first, second = (ModelMetrics(scoreboard, 1, scoreboard.assign(name, "1")) for name in ("a", "b"))
    assert scoreboard.running(1) == []
    first.begin_run(10.0)
    second.begin_run(11.0)
    assert scoreboard.running(1) == [("b", "1"), ("a", "1")]
    assert scoreboard.running(0) == []
    assert scoreboard.running(1, before=10.5) == [("a", "1")]
    assert scoreboard.running(1, before=10.0) == []
    second.batch(1, 0.1, DISPATCH_REASONS[0])
    assert scoreboard.running(1) == [("a", "1")]
    first.fail_run()
    assert scoreboard.running(1) == []
    second.begin_run(12.0)
    scoreboard.clear_gauges(1)
    assert scoreboard.running(1) == []


def test_a_stuck_worker_serves_until_it_leaves() -> None:
    scoreboard = Scoreboard(2, 1)
    scoreboard.report_stuck(0)
    assert not scoreboard.is_stuck(0), "it does not serve yet"
    scoreboard.begin_serving(0)
    scoreboard.report_stuck(0)
    assert (scoreboard.is_stuck(0), scoreboard.serves(0), scoreboard.has_served(0)) == (True, True, True)
    scoreboard.end_serving(0)
    scoreboard.report_stuck(0)
    assert (scoreboard.is_stuck(0), scoreboard.serves(0)) == (False, False)
