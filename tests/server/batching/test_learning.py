"""What a run teaches of its cost: whole runs do, failed and stopped ones do not, and dear halves do."""

from __future__ import annotations

import pytest

from server.batching.batch import Batch
from server.batching.learning import DEAR_HALVES_SECONDS, RUN_SHARE_SECONDS, learn, rows_of_a_run
from server.batching.runs.run import Outcome
from server.errors import ServerError
from tests.support.server.rig import Curve

FIRST, SECOND = Batch([], 1), Batch([], 1)
FAILED, STOPPED = ServerError("model_error", "no"), ServerError("deadline_exceeded", "late")


@pytest.mark.parametrize(
    ("outcomes", "seconds", "learned"),
    [
        ([(FIRST, [])], 0.0, [2]),
        ([(FIRST, FAILED)], 5.0, []),
        ([(FIRST, STOPPED)], 5.0, []),
        ([(FIRST, []), (SECOND, FAILED)], DEAR_HALVES_SECONDS, []),
        ([(FIRST, []), (SECOND, FAILED)], 2 * DEAR_HALVES_SECONDS, [2]),
        ([(FIRST, STOPPED), (SECOND, STOPPED)], 5.0, []),
    ],
    ids=["whole", "failed", "stopped", "cheap halves", "dear halves", "stopped halves"],
)
def test_what_a_run_teaches(outcomes: list[Outcome], seconds: float, learned: list[int]) -> None:
    curve = Curve()
    learn(curve, Batch([], 2), outcomes, seconds)
    assert curve.learned == learned


def test_a_run_has_as_many_rows_as_fit_into_its_share() -> None:
    assert rows_of_a_run(Curve(0.0, RUN_SHARE_SECONDS / 10), 1024) == 10
    assert rows_of_a_run(Curve(0.0, 0.0), 1024) == 1024
