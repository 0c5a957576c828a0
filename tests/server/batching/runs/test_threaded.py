"""The run in the thread: its end is told in the loop, an error of ours too; and how long it still takes."""

from __future__ import annotations

import asyncio
from typing import Any

from server.batching.batch import Batch
from server.batching.runs.quarantine import Quarantine
from server.batching.runs.threaded import ThreadedRun
from server.batching.runs.watchdog import STOP_SECONDS, Watchdog
from tests.support.server.rig import Curve, Gated, NumbersEntry, in_loop, until


class Threaded:
    """A run at second 100 whose ends are written down."""

    def __init__(self, runtime: Any) -> None:
        self.ends: list[tuple[Any, ...]] = []
        self.failures: list[BaseException] = []
        watchdog = Watchdog("m", runtime, Quarantine(1).record(0), 1.0, lambda: None)
        self.run = ThreadedRun("m", runtime, watchdog, lambda: 100.0, self._ended, self._failed)

    def _ended(self, *what: Any) -> None:
        self.ends.append(what)

    def _failed(self, batch: Batch, error: BaseException) -> None:
        self.failures.append(error)


@in_loop
async def test_a_run_is_told_of_when_it_has_ended() -> None:
    runtime = Gated()
    threaded = Threaded(runtime)
    run = threaded.run
    batch = Batch([NumbersEntry(1, 2)], 2)
    runtime.gate.clear()
    run.begin(batch, 100.0, "turn")
    assert (run.batch, run.entries) == (batch, batch.entries)
    assert run.seconds_left(Curve(0.5), 100.125) == 0.375
    assert run.seconds_left(Curve(0.5), 101.0) == 0.0
    runtime.gate.set()
    await until(lambda: threaded.ends)
    ((ended, began, reason, outcomes, seconds),) = threaded.ends
    assert (ended, began, reason, seconds) == (batch, 100.0, "turn", 0.0)
    assert [outputs[0].tolist() for _, outputs in outcomes] == [[2, 4]]
    run.end()
    assert (run.batch, run.entries, run.seconds_left(Curve(0.5), 100.0)) == (None, (), 0.0)
    run.close()


@in_loop
async def test_a_run_that_was_stopped_says_so_until_its_end() -> None:
    runtime = Gated()
    run = Threaded(runtime).run
    run.begin(Batch([], 0), 100.0, "turn")
    run.stop(101.0)
    assert (run.was_stopped, runtime.stops) == (True, 1)
    assert (run.is_slow_to_stop(101.0), run.is_slow_to_stop(101.1 + STOP_SECONDS)) == (False, True)
    run.end()
    assert not run.was_stopped
    run.close()


@in_loop
async def test_what_no_model_raises_is_told_as_an_error() -> None:
    class Cancelled(Gated):
        def run(self, *_: Any) -> Any:
            raise asyncio.CancelledError

    threaded = Threaded(Cancelled())
    threaded.run.begin(Batch([NumbersEntry(1)], 1), 100.0, "turn")
    await until(lambda: threaded.failures)
    assert isinstance(threaded.failures[0], asyncio.CancelledError)
    assert not threaded.ends
    threaded.run.close()
