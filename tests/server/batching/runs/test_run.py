"""Runs in the calling thread and in their own. Bisection: tests/server/batching/batcher/."""

from __future__ import annotations

import threading
import weakref
from time import monotonic

import pytest

from server.batching.batch import Batch
from server.batching.runs.run import RunThread, timed_run
from server.errors import ServerError
from tests.support.server.rig import PATIENCE, Gated, NumbersEntry, in_loop, until


@in_loop
async def test_a_run_that_was_stopped_is_not_tried_again_in_halves() -> None:
    runtime = Gated()
    runtime.stop()
    batch = Batch([NumbersEntry(number) for number in range(8)], 8)
    outcomes, seconds = timed_run(runtime, batch, monotonic)
    ((stopped, error),) = outcomes
    assert stopped is batch
    assert isinstance(error, ServerError)
    assert error.code == "deadline_exceeded"
    assert len(runtime.runs) == 1
    assert seconds >= 0.0


def test_work_is_done_in_order_in_one_daemon_thread() -> None:
    thread = RunThread("run-m")
    done: list[tuple[int, str, bool]] = []
    over = threading.Event()
    for number in range(20):
        thread.submit(
            lambda number=number: done.append(  # type: ignore[misc]
                (number, threading.current_thread().name, threading.current_thread().daemon)
            )
        )
    thread.submit(over.set)
    thread.close()
    assert over.wait(PATIENCE)
    assert done == [(number, "run-m", True) for number in range(20)]


@in_loop
async def test_what_was_done_is_let_go_of_before_there_is_more_to_do() -> None:
    """It holds the requests of a run, and so the bytes that are counted for them."""

    class Work:
        def __call__(self) -> None:
            return

    thread, work = RunThread("run-m"), Work()
    known = weakref.ref(work)
    thread.submit(work)
    del work
    await until(lambda: known() is None)
    thread.close()


def test_a_thread_that_was_never_needed_is_never_started() -> None:
    before = threading.active_count()
    thread = RunThread("run-m")
    thread.close()
    assert threading.active_count() == before


def test_where_a_thread_could_not_be_started_the_next_run_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    thread, over = RunThread("run-m"), threading.Event()
    with monkeypatch.context() as scarce:
        scarce.setattr(threading.Thread, "start", refuse_to_start)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            thread.submit(over.set)
    thread.submit(over.set)
    thread.close()
    assert over.wait(PATIENCE)


def refuse_to_start(thread: threading.Thread) -> None:
    """What Python raises at the limit of threads."""
    raise RuntimeError("can't start new thread")
