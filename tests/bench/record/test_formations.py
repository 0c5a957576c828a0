"""What is read of a turn in which dynos come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.record.figures import Series
from bench.record.formations import longest_over, reversals, targets
from bench.record.results import Turn
from tests.support.bench.runs import FIGURES


def series(*p99_ms: float | None) -> Series:
    number = len(p99_ms)
    return Series(2.0, [2.0 * at for at in range(number)], [1.0] * number, [0] * number, list(p99_ms), list(p99_ms))


def turn(*dynos: int) -> Turn:
    return Turn("autoscale", "dynonnx", FIGURES, formation=[(2.0 * at, each, 0.5) for at, each in enumerate(dynos)])


@pytest.mark.parametrize(
    ("p99_ms", "seconds"),
    [
        ([10, 20, 30], 0.0),
        ([10, 200, 30, 30, 30], 2.0),
        ([10, 200, 300, 30, 30, 30, 200], 4.0),
        ([200, 30, 30, 200, 30, 30, 30], 8.0),  # it did not stay under the goal
        ([10, None, 200, 200], 4.0),
        ([10, 200, 30, 200], 6.0),
    ],
)
def test_p99_is_over_its_goal_until_it_stays_under_it(p99_ms: list[float | None], seconds: float) -> None:
    assert longest_over(series(*p99_ms), 150.0) == seconds


@pytest.mark.parametrize(
    ("dynos", "times"),
    [([1, 1], 0), ([1, 2, 2, 4], 0), ([1, 2, 3, 2, 1], 1), ([1, 3, 2, 3, 3, 1], 3), ([3, 3, 1, 1, 2], 1)],
)
def test_it_turns_round_where_dynos_go_that_have_come(dynos: list[int], times: int) -> None:
    assert reversals(turn(*dynos)) == times


def test_targets_are_what_is_lost_how_long_p99_is_over_and_how_often_it_turns() -> None:
    good = replace(turn(1, 2, 1), series=series(10, 200, 10, 10, 10))
    assert [target.reached for target in targets(good, 150.0)] == [True, True, True]
    bad = replace(turn(1, 2, 1, 2), series=series(*[200.0] * 40), figures=replace(FIGURES, errors={"http 503": 1}))
    assert [target.reached for target in targets(bad, 150.0)] == [False, False, False]
    assert targets(turn(1), 150.0)[1].reached is None
