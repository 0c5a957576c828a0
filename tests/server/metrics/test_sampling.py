"""A sample is the difference of two looks at the scoreboard, over all workers, of what was asked."""

from __future__ import annotations

import pytest

from server.metrics.counters import ModelMetrics, ServerMetrics
from server.metrics.process import Memory, Wanted
from server.metrics.sampling import Sampler
from server.metrics.scoreboard import Scoreboard


def made() -> tuple[Scoreboard, list[ModelMetrics], list[ServerMetrics]]:
    scoreboard = Scoreboard(3, 4)
    scoreboard.assign_all([("iris", "1"), ("iris", "2"), ("churn", "1"), ("idle", "1")])
    blocks = scoreboard.blocks
    models = [ModelMetrics(scoreboard, line, blocks[key]) for line in (1, 2) for key in list(blocks)[:3]]
    return scoreboard, models, [ServerMetrics(scoreboard, line) for line in (1, 2)]


def test_figures_are_of_all_workers_and_of_the_time_between() -> None:
    scoreboard, models, _ = made()
    for metrics in models:
        metrics.batch(100, 0.5, "turn")
    sampler = Sampler(scoreboard)
    first, second, churn = models[0], models[4], models[5]
    first.batch(8, 0.001, "turn")
    first.written("predict", [1.0] * 4, 1.0009)
    second.batch(4, 0.001, "turn")
    second.written("infer", [1.0] * 4, 1.004)
    churn.request("predict", 422, 0.0001)
    churn.failed("invalid_input")
    sample, load = sampler.sample(2.0, {("iris", "1"): (0.1, 0.01), ("iris", "2"): (0.0, 0.5)})
    assert sample["requests"] == 4.5
    assert sample["rows_per_batch"] == 6.0
    assert 0.0005 < sample["p50"] <= 0.001
    assert 0.003 < sample["p99"] <= 0.005
    assert set(sample["models"]) == {"iris", "churn"}
    iris, refused = sample["models"]["iris"], sample["models"]["churn"]
    assert (iris["requests"], iris["errors"], iris["rows_per_batch"]) == (4.0, 0.0, 6.0)
    assert (refused["requests"], refused["errors"], refused["p50"]) == (0.5, 0.5, None)
    assert load.learned == pytest.approx((0.1 + 8 * 0.01 + 4 * 0.5) / 2)
    assert load.answered == 4.5
    again, _ = sampler.sample(1.0, {})
    assert (again["requests"], again["models"], again["p50"], again["rows_per_batch"]) == (0.0, {}, None, None)


def test_errors_connections_memory_and_load_are_the_servers() -> None:
    scoreboard, models, servers = made()
    scoreboard.begin_serving(1)
    scoreboard.begin_serving(2)
    sampler = Sampler(scoreboard)
    for server in servers:
        server.error("overloaded")
        server.connections(7)
        server.memory(Memory(4, 3, 2, 1))
        server.beat(Wanted(0.5, 0.25), (0.3, 2), 1.5)
    models[0].pending(3)
    for code in ("overloaded", "overloaded", "overloaded", "quota"):
        models[0].failed(code)
    sample, load = sampler.sample(1.0, {})
    assert sample["errors"] == {"overloaded": 2.0}
    assert (sample["connections"], sample["memory"], sample["waiting"]) == (14, 4, 3)
    assert sample["models"]["iris"]["waiting"] == 3
    assert (load.loop, load.processor, load.queue, load.workers) == (0.5, 1.0, 3.0, 2)
    assert load.router == pytest.approx(0.15)
    assert load.overloaded == 3.0, "of predictions; who has no place in the server is no demand"


def test_the_loop_is_not_busy_while_it_is_kept_awake_for_nothing() -> None:
    scoreboard, models, servers = made()
    sampler = Sampler(scoreboard)
    models[0].polled(0.75)
    servers[0].beat(Wanted(1.0, 1.0), (0.0, 0), 0.0)
    assert sampler.sample(1.0, {})[1].loop == pytest.approx(0.25)


def test_what_is_cleared_meanwhile_is_no_negative_rate() -> None:
    scoreboard, models, _ = made()
    models[0].written("predict", [1.0], 1.5)
    sampler = Sampler(scoreboard)
    scoreboard.keep([("churn", "1")])
    sample, load = sampler.sample(1.0, {})
    assert sample["requests"] == 0.0
    assert min(load) >= 0.0
