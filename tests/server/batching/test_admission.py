"""Admission: the limit is exact, a deadline that work before it uses up is seen, and nothing else is refused."""

from __future__ import annotations

import numpy as np
import pytest

from server.artefact.tensors import TensorSpec
from server.batching.admission import EASY_SECONDS, ENTRY_BYTES, MOST_LIGHT_BYTES, Admission, light_rows
from server.batching.cost import CostCurve
from server.batching.queue import Queue
from server.batching.runs.quarantine import STRIKES, Quarantine, Record
from server.batching.runs.watchdog import GRACE_SECONDS
from tests.support.server.rig import Curve
from tests.support.server.rows import GROUPS, NumbersEntry

NEVER = float("inf")


def waiting(*rows: int, max_rows: int = 10, row_independent: bool = True) -> Queue:
    queue = Queue(row_independent, max_rows)
    for number, count in enumerate(rows):
        queue.append(NumbersEntry(number, count))
    return queue


class Running:
    """Stands for the run in the thread: how long it still takes, and whether it was stopped and does not end."""

    def __init__(self, seconds: float = 0.0, slow_to_stop: bool = False) -> None:
        self.seconds = seconds
        self.slow_to_stop = slow_to_stop

    def seconds_left(self, curve: CostCurve, now: float) -> float:
        return self.seconds

    def is_slow_to_stop(self, now: float) -> bool:
        return self.slow_to_stop


def admission_to(
    queue: Queue, curve: CostCurve, queue_seconds: float, run: Running | None = None, record: Record | None = None
) -> Admission:
    return Admission(queue, curve, record or Quarantine(1).record(0), run or Running(), queue_seconds)


def code(admission: Admission, deadline: float = NEVER) -> str:
    """How a request ends that comes at second 100."""
    error = admission.refusal(100.0, deadline)
    return error.code if error else "admitted"


@pytest.mark.fault(35)
def test_one_more_than_the_limit_is_refused() -> None:
    queue = waiting(row_independent=False)
    admission = admission_to(queue, Curve(0.25), queue_seconds=1.0)
    admitted = 0
    while code(admission) == "admitted":
        queue.append(NumbersEntry(admitted, 1))
        admitted += 1
    assert admitted == 5, "1 s may wait, and does with four: the fifth finds no more than that"


def test_different_groups_cost_a_run_each() -> None:
    queue = Queue(True, 10)
    for number in range(9):
        queue.append(NumbersEntry(number, 1, GROUPS[number % 3]))
    assert queue.count_runs() == 3
    assert code(admission_to(queue, Curve(0.3), queue_seconds=0.85)) == "overloaded"
    assert code(admission_to(queue, Curve(0.3), queue_seconds=0.95)) == "admitted"


def test_entries_that_fit_no_run_together_cost_a_run_each() -> None:
    assert waiting(6, 6, 6).count_runs() == 3
    assert waiting(25, 1, 1).count_runs() == 4


def test_a_deadline_that_work_before_it_uses_up_is_refused_at_once() -> None:
    run = Running()
    admission = admission_to(waiting(10, 10), Curve(0.1), queue_seconds=1.0, run=run)
    assert code(admission, 100.31) == "admitted"
    assert code(admission, 100.29) == "overloaded", "0.2 s of work, and 0.1 s of its own"
    assert code(admission, 100.0) == "deadline_exceeded"
    run.seconds = 0.05
    assert code(admission, 100.31) == "overloaded", "the run that goes on counts"


def test_where_nothing_waits_even_a_hopeless_deadline_is_tried() -> None:
    """To try again later would not help, and the cost learned may be wrong."""
    assert code(admission_to(waiting(), Curve(10.0), queue_seconds=1.0), 100.5) == "admitted"


def test_the_client_is_told_how_much_work_waits() -> None:
    admission = admission_to(waiting(10, 10, 10), Curve(1.0), queue_seconds=1.0, run=Running(0.5))
    error = admission.refusal(100.0, NEVER)
    assert error is not None
    assert error.headers == {"retry-after": "4"}


@pytest.mark.parametrize(("fixed", "row"), [(0.001, 0.0), (0.0005, 0.0005), (0.0, 0.002), (0.1, 0.0)])
def test_what_needs_no_look_would_pass_one(fixed: float, row: float) -> None:
    curve = Curve(fixed, row)
    queue = Queue(False, 1)
    admission = admission_to(queue, curve, queue_seconds=1.0)
    easy = admission.easy_rows()
    while queue.rows < easy:
        queue.append(NumbersEntry(0, 1))
        if queue.rows <= easy:
            assert code(admission, 100.0 + EASY_SECONDS + curve.seconds(1)) == "admitted"


def test_a_model_that_costs_nothing_needs_no_look() -> None:
    assert admission_to(waiting(), Curve(0.0), queue_seconds=1.0).easy_rows() == float("inf")


def test_behind_a_run_that_does_not_end_nobody_waits() -> None:
    error = admission_to(waiting(), Curve(0.0), 1.0, Running(slow_to_stop=True)).refusal(100.0, NEVER)
    assert error is not None
    assert (error.code, error.headers) == ("overloaded", {"retry-after": f"{GRACE_SECONDS:.0f}"})


def test_a_quarantined_version_admits_nobody() -> None:
    record = Quarantine(1).record(0)
    admission = admission_to(waiting(), Curve(0.0), 1.0, record=record)
    for _ in range(STRIKES):
        assert code(admission) == "admitted"
        record.strike(100.0)
    assert code(admission) == "model_unavailable"


@pytest.mark.parametrize(
    ("dtype", "shape", "row_bytes"),
    [
        (np.float64, (None, 4), 32),
        (np.float32, (None, 28, 28), 3136),
        (np.float64, (None, 65_536), MOST_LIGHT_BYTES),  # a body that no door counts has fewer values
        (np.float64, (None, None), MOST_LIGHT_BYTES),
        (np.object_, (None, 1), MOST_LIGHT_BYTES),
        (np.int64, (3,), 24),
    ],
)
def test_as_many_rows_are_light_as_take_so_many_bytes(
    dtype: type, shape: tuple[int | None, ...], row_bytes: int
) -> None:
    rows = light_rows([TensorSpec("X", np.dtype(dtype), shape)], 1e6)
    assert rows == pytest.approx(1e6 / (ENTRY_BYTES + row_bytes))


def test_more_rows_than_are_light_are_looked_at() -> None:
    admission = Admission(waiting(), Curve(0.0), Quarantine(1).record(0), Running(), 1.0, light_rows=7.0)
    assert admission.easy_rows() == 7.0
