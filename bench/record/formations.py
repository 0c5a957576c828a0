"""Owns what is read of a turn in which dynos come and go: how long p99 was over its goal, if they flapped. Pure."""

from __future__ import annotations

from itertools import pairwise

from bench.record.figures import Series
from bench.record.results import Target, Turn

AUTOSCALE = "autoscale"
CALM_STRETCHES = 3  # in a row under the goal: then it is over
MOST_SECONDS_OVER, MOST_REVERSALS = 60.0, 1


def longest_over(series: Series, goal_ms: float) -> float:
    """The longest time, in seconds, in which p99 was over the goal and did not stay under it for CALM_STRETCHES."""
    longest = since = calm = 0
    for number, p99_ms in enumerate(series.p99_ms, 1):
        calm = 0 if p99_ms is not None and p99_ms > goal_ms else calm + 1
        if calm == CALM_STRETCHES or not since:
            since = 0 if calm else number
        longest = max(longest, number - since + 1 if since and not calm else 0)
    return longest * series.width_s


def reversals(turn: Turn) -> int:
    """How often dynos began to go after they had come, or to come after they had gone; 1 for a climb and a fall."""
    steps = [after - before for (_, before, _), (_, after, _) in pairwise(turn.formation) if after != before]
    return sum((before > 0) != (after > 0) for before, after in pairwise(steps))


def targets(turn: Turn, goal_ms: float) -> list[Target]:
    """What scaling is to bring, beside what it brought."""
    over = None if turn.series is None else longest_over(turn.series, goal_ms)
    return [
        Target(f"{AUTOSCALE}: requests without a right answer", 0, False, turn.figures.failed, unit=""),
        Target(f"{AUTOSCALE}: longest time with p99 over {goal_ms:g} ms", MOST_SECONDS_OVER, False, over, unit=" s"),
        Target(f"{AUTOSCALE}: times that it turned round", MOST_REVERSALS, False, reversals(turn), unit=""),
    ]
