"""Whatever happens to requests, in any order: each gets one answer, or none if it left, and counters end at zero."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from random import Random

import pytest

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.runs.quarantine import STRIKES
from tests.support.server.rig import ALL_TIME, GROUPS, SLOW, Curve, Gated, NumbersEntry, Rig, in_loop, until

STEPS = 120


class Moody(Gated):
    """A runtime that fails rows below zero, and raises what no model raises for 13."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        if threading.current_thread() is threading.main_thread():
            self.gate.set()  # a run in the loop's own thread waits for nobody
        answers = super().run(outputs, feed)
        if 13 in feed["X"]:
            raise asyncio.CancelledError
        return answers


class Life:
    """A batcher and the requests of its life, drawn by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.rig = Rig(
            Curve(self.chance.choice([0.0, SLOW, 0.03])),
            runtime=Moody(),
            max_batch_rows=8,
            row_independent=self.chance.random() < 0.7,
            inline=self.chance.random() < 0.7,
            max_wait_seconds=self.chance.choice([0.0, 0.0, 0.001]),
        )
        self.entries: list[NumbersEntry] = []
        self.left: set[NumbersEntry] = set()

    async def step(self) -> None:
        """Something happens."""
        chance, rig = self.chance, self.rig
        what = chance.random()
        if what < 0.4:
            self._ask()
        elif what < 0.55:
            self._leave()
        elif what < 0.65:
            rig.time += chance.choice([0.001, 0.01, 0.2])
        elif what < 0.7 and rig.batcher.is_running:
            rig.runtime.gate.clear()
        elif what < 0.8:
            rig.runtime.gate.set()
        elif what < 0.82:
            for _ in range(STRIKES):
                rig.record.strike(rig.time)
        elif what < 0.84:
            rig.record.lift()
        else:
            await asyncio.sleep(chance.choice([0.0, 0.0, 0.0, 0.002]))

    def _ask(self) -> None:
        chance = self.chance
        for _ in range(chance.choice([1, 1, 2, 9])):
            number = chance.choice([1, 2, 3, 4, 5, 6, -1, 13])
            deadline = self.rig.time + chance.choice([-0.1, 0.0, 0.005, 0.1, 0.5, ALL_TIME])
            rows = chance.choice([1, 1, 1, 3, 8, 20])
            entry = NumbersEntry(*[number] * rows, group=chance.choice(GROUPS), deadline=deadline)
            self.entries.append(entry)
            self.rig.submit(entry)

    def _leave(self) -> None:
        waiting = [entry for entry in self.entries if not entry.outcome.done()]
        for entry in self.chance.sample(waiting, min(len(waiting), 2)):
            entry.done = True
            self.left.add(entry)

    async def end(self) -> None:
        """Nothing more is asked; what is there ends, or the batcher is closed with it."""
        self.rig.runtime.gate.set()
        self.rig.record.lift()
        if self.chance.random() < 0.3:
            self.rig.batcher.abandon()
        await until(lambda: self.rig.idle and not self.rig.batcher._scheduled)


@pytest.mark.fault(32)
@pytest.mark.parametrize("seed", range(60))
def test_every_counter_ends_at_zero(seed: int) -> None:
    @in_loop
    async def run() -> None:
        life = Life(seed)
        for _ in range(STEPS):
            await life.step()
        await life.end()
        queue = life.rig.batcher._queue
        assert (len(queue), queue.rows, queue.count_runs()) == (0, 0, 0)
        assert life.rig.count("nv_inference_pending_request_count") == 0
        assert life.rig.scoreboard.running(0) == []
        assert not life.rig.runtime.stopped
        assert not life.rig.batcher._run.was_stopped
        for entry in life.entries:
            assert entry.outcome.done() or entry in life.left
        life.rig.batcher.close()

    run()
