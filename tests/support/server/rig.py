"""A batcher under a test's control: a runtime that waits on a gate, a clock set by hand, entries that check."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
import orjson

from server.artefact.runtime import Feed
from server.artefact.tensors import Array, InputLayout
from server.batching.batcher import Batcher
from server.batching.cost import CostCurve
from server.batching.entry import Entry, PiecedAnswer
from server.batching.runs.quarantine import Quarantine
from server.batching.turns import Turns
from server.codecs.json.fields import values
from server.codecs.json.group import JsonGroup
from server.errors import ServerError
from server.metrics.counters import ModelMetrics
from server.metrics.exposition import exposition
from server.metrics.scoreboard import Scoreboard

LAYOUT = InputLayout("X", np.dtype(np.int64), (1,))
GROUPS = tuple(JsonGroup([LAYOUT], [output], {"y": values(0)}, "1") for output in ("double", "square"))
MODEL: dict[str, Callable[[Array], Array]] = {"double": lambda x: x * 2, "square": lambda x: x * x}
ALL_TIME = 1e9
SLOW = 0.002  # seconds: a run expected to take so long goes to the thread
PATIENCE = 30  # seconds after which a test that waits for ever is broken


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), PATIENCE))

    return run


async def turns() -> None:
    """Lets the loop turn a few times; nothing in it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def until(reached: Callable[[], object]) -> None:
    """Lets the loop turn until something is so that a thread or a timer of the batcher brings about."""
    while not reached():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


class Curve(CostCurve):
    """A cost that stays as it is; what it should have learned is written down."""

    def __init__(self, fixed_seconds: float = 0.0, row_seconds: float = 0.0) -> None:
        super().__init__()
        self.fixed_seconds, self.row_seconds = fixed_seconds, row_seconds
        self.learned: list[int] = []

    def learn(self, rows: int, seconds: float) -> None:
        assert seconds >= 0.0
        self.learned.append(rows)


class Gated:
    """A runtime that waits on a gate, refuses rows below zero, and writes down what it was given."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.runs: list[tuple[str, list[int]]] = []
        self.stopped = False
        self.yields = True  # to `stop`
        self.stops = 0

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        (output,) = outputs
        rows = feed["X"][:, 0]
        self.runs.append((output, rows.tolist()))
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.stopped:
            raise RuntimeError("terminated")
        if (rows < 0).any():
            raise RuntimeError("a row below zero")
        return [MODEL[output](rows)]

    def stop(self) -> None:
        self.stopped = True
        self.stops += 1
        if self.yields:
            self.gate.set()

    def resume(self) -> None:
        self.stopped = False

    async def until_entered(self) -> None:
        """Waits until a run has begun in its thread."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=PATIENCE)

    @property
    def rows(self) -> list[list[int]]:
        """The rows of each run."""
        return [rows for _, rows in self.runs]


class NumbersEntry(Entry):
    """A request for some numbers."""

    def __init__(self, *numbers: int, group: JsonGroup = GROUPS[0], deadline: float = ALL_TIME) -> None:
        super().__init__()
        self.numbers = numbers
        self.group = group
        self.request = (np.array(numbers, np.int64).tobytes(),), False
        self.rows = len(numbers)
        self.deadline = deadline
        self.arrived = 0.0
        self.outcome: asyncio.Future[bytes | ServerError] = asyncio.get_running_loop().create_future()

    def answer(self, body: bytes) -> None:
        self.outcome.set_result(body)

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self.outcome.set_result(b"".join(answer.pieces))

    def refuse(self, error: ServerError) -> None:
        self.outcome.set_result(error)

    async def served(self) -> bool:
        """Whether it got, in the end, exactly what its numbers are worth."""
        body = await self.outcome
        want = MODEL[self.group.outputs[0]](np.array(self.numbers)).tolist()
        return not isinstance(body, ServerError) and orjson.loads(body) == {"y": want, "model_version": "1"}

    async def code(self) -> str:
        """The code of its error."""
        error = await self.outcome
        return error.code if isinstance(error, ServerError) else "no error"


class Rig:
    """A batcher with its runtime, curve, clock and metrics under the test's control."""

    def __init__(self, curve: CostCurve | None = None, runtime: Any = None, **settings: Any) -> None:
        self.runtime = runtime or Gated()
        self.curve = curve or Curve()
        self.time = 100.0
        self.looked = 0  # times the batcher asked what time it is
        self.scoreboard = Scoreboard(1, 1)
        self.metrics = ModelMetrics(self.scoreboard, 0, self.scoreboard.assign("m", "1"))
        self.record = Quarantine(1).record(0)
        self.reports = 0  # of a run that does not end
        usual = {
            "row_independent": True,
            "inline": True,
            "record": self.record,
            "max_batch_rows": 1024,
            "max_wait_seconds": 0.0,
            "queue_seconds": 1.0,
            "deadline_seconds": 1.0,
            "report_stuck": self._report,
            "turns": Turns(lambda: self.time),
        }
        self.batcher = Batcher("m", self.runtime, self.curve, self.metrics, now=self.now, **{**usual, **settings})

    def _report(self) -> None:
        self.reports += 1

    def now(self) -> float:
        """The clock."""
        self.looked += 1
        return self.time

    async def until_looked(self) -> None:
        """Waits until the batcher has looked at the run that goes on."""
        timer = self.batcher._deadlines._timer
        await until(lambda: self.batcher._deadlines._timer is not timer)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not len(self.batcher._queue) and not self.batcher.is_running

    def submit(self, *entries: NumbersEntry) -> None:
        """Hands requests in, as one turn of the loop would."""
        for entry in entries:
            entry.arrived = self.time
            self.batcher.submit(entry)

    async def busy(self) -> NumbersEntry:
        """Sends a first request and gives it back once its run is in the thread, behind the gate."""
        self.runtime.gate.clear()
        first = NumbersEntry(7)
        self.submit(first)
        await self.runtime.until_entered()
        return first

    def count(self, line: str) -> float:
        """A number of the scrape, by how its line begins; 0 for what has not happened, which has none."""
        text = exposition(self.scoreboard, 1).decode()
        return sum(float(row.split()[-1]) for row in text.splitlines() if row.startswith(line))

    def totals(self) -> dict[str, float]:
        """Rows, runs and answered requests so far."""
        counts = {
            "rows": "nv_inference_count",
            "runs": "nv_inference_exec_count",
            "requests": "nv_inference_request_success",
        }
        return {name: sum(self.scoreboard.totals(0, family)) for name, family in counts.items()}

    def failures(self, code: str) -> float:
        """How many requests failed with this code."""
        return self.count(f'nv_inference_request_failure{{model="m",version="1",reason="{code}"}}')

    def dispatched(self, reason: str) -> float:
        """How many runs began for this reason."""
        return self.count(f'dynonnx_dispatch_total{{model="m",version="1",reason="{reason}"}}')
