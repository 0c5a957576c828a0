"""Targets: medians over rounds, ratios within them, honest verdicts."""

from __future__ import annotations

import pytest

from bench.record.results import BareCosts, Results
from bench.record.targets import bound, over_bare, targets
from bench.report import table
from tests.support.bench.runs import a_micro_run, peak


@pytest.fixture
def run() -> Results:
    return a_micro_run()


def test_ratios_are_taken_within_a_round_and_medians_over_rounds(run: Results) -> None:
    assert run.middle("iris", "dynonnx", 32, "rate") == 100e3
    assert run.ratio("iris", 32, "dynonnx", "fastapi_onnx", "rate") == 20.0
    del run.peaks[0:3]  # a round that one system never had does not count for the other
    run.peaks.append(peak("iris", "dynonnx", 1, 7, 1.0))
    assert run.ratio("iris", 1, "dynonnx", "nginx", "rate") == 0.5


def test_nothing_measured_is_no_figure(run: Results) -> None:
    assert run.middle("iris", "raw_asgi", 32, "rate") is None
    assert run.ratio("iris", 32, "dynonnx", "raw_asgi", "rate") is None
    run.peaks[:] = [peak("iris", "dynonnx", 32, 1, 1e5, cpu_us=None), peak("iris", "nginx", 32, 1, 2e5)]
    assert run.ratio("iris", 32, "dynonnx", "nginx", "cpu_us") is None


@pytest.mark.parametrize(("rows", "us"), [(1, 5.0), (11.5, 10.25), (22, 15.5), (43, 26.0), (85, 47.0)])
def test_a_run_of_other_sizes_lies_on_the_line(rows: float, us: float) -> None:
    bare = BareCosts({64: 36.5, 1: 5.0, 22: 15.5}, 0.0, 0.0)
    assert bare.run_us_at(rows) == pytest.approx(us)


def test_the_bound_is_the_front_and_a_rows_share_of_the_run(run: Results) -> None:
    forest = bound(run)
    assert forest is not None
    iris_run = 4.0 + 6.0 * 39 / 63
    assert forest.front.wall == pytest.approx(10.0 - iris_run / 40 + 2.0)
    assert forest.run == pytest.approx((6.0 + 39.0) / 40)
    assert forest.by_wall == pytest.approx((forest.front.wall + forest.run) / 12.5)


def test_a_wide_request_is_compared_with_its_parts(run: Results) -> None:
    multiple = over_bare(run)
    assert multiple is not None
    assert multiple.wall == pytest.approx(5000 / 4000)


def test_verdicts_follow_the_direction_of_the_goal(run: Results) -> None:
    assert [target.reached for target in run.targets] == [True, True, False, True, True]
    assert run.targets[2].measured == 2.0


def test_what_was_not_measured_is_neither_reached_nor_missed(run: Results) -> None:
    run.peaks[:] = [each for each in run.peaks if each.system != "nginx"]
    run.bare.clear()
    assert [target.reached for target in targets(run)] == [True, None, None, None, None]
    run.targets = targets(run)
    assert table.render(run).count("not measured") == 4
