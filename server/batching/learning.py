"""Owns what a run teaches of its cost, and how many rows the next may have. Pure: knows no queue, is told the time."""

from __future__ import annotations

from collections.abc import Sequence

from server.batching.batch import Batch
from server.batching.cost import CostCurve
from server.batching.runs.run import Outcome, was_stopped
from server.errors import ServerError

# docs/decisions.md: "A run may take 25 ms, or twice its fixed cost"
RUN_SHARE_SECONDS = 0.025  # the curve caps the rows of a run so that it is not expected to take longer
# docs/decisions.md: "Short runs teach the cost curve one time in eight"
SURE_SECONDS = 0.0001  # the curve learns from each longer run, and from every LEARN_EVERYth shorter one
LEARN_EVERY = 8
DEAR_HALVES_SECONDS = 2 * RUN_SHARE_SECONDS  # a batch that was repeated in halves teaches from here on


def learn(curve: CostCurve, batch: Batch, outcomes: Sequence[Outcome], seconds: float) -> None:
    """Teaches a curve the cost of a run, unless it says nothing of the runs to come."""
    if len(outcomes) == 1:
        learns = not isinstance(outcomes[0][1], ServerError)
    else:  # what waits may fail as well, one by one
        learns = seconds > max(DEAR_HALVES_SECONDS, curve.seconds(batch.rows)) and not was_stopped(outcomes)
    if learns:
        curve.learn(batch.rows, seconds)


def rows_of_a_run(curve: CostCurve, most: int) -> int:
    """How many rows the next run may have, ``most`` at most."""
    return min(most, curve.rows_within(RUN_SHARE_SECONDS))
