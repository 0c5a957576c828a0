"""Large answers: in which turn of the loop each is given, and what waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from server.batching import answers as answers_module
from server.batching.answers import ANSWER_VALUES, Answers
from server.batching.batch import Batch
from server.batching.entry import Entry
from server.batching.turns import TURN_SECONDS, Turns
from server.errors import ServerError
from server.metrics.families import RouteName
from tests.support.server.rig import NumbersEntry, Rig, in_loop


class Group:
    """Writes down in which turn of the loop its entries are answered, all rows of each."""

    rows_first = True
    outputs: tuple[str, ...] = ("y",)
    route_name: RouteName = "predict"
    counts_stages = False

    def __init__(self, turn: list[int]) -> None:
        self.turn = turn
        self.time = 0.0
        self.answered: list[tuple[int, int]] = []  # turn, rows

    def feed(self, entries: Any, start: Any, rows: int) -> Any:
        raise NotImplementedError

    def deliver(self, entries: Sequence[Entry], outputs: Any) -> None:
        self.answered.append((self.turn[0], len(outputs[0])))
        self.time += TURN_SECONDS
        for entry in entries:
            entry.done = True

    def deliver_in_slices(self, entry: Entry, outputs: Any) -> Any:
        yield
        self.deliver([entry], outputs)

    def question(self, entry: Entry) -> Any:
        raise NotImplementedError

    def request_bytes(self, entry: Entry) -> int:
        raise NotImplementedError

    def request_for_all(self, entry: Entry) -> Any:
        raise NotImplementedError

    def repeat(self, entry: Entry, answer: Any) -> None:
        raise NotImplementedError


class Refused(Entry):
    def refuse(self, error: ServerError) -> None:
        pass


def made(turn: list[int], failed: list[str], went_on: list[int]) -> tuple[Answers, Group]:
    """Answers whose clock stands still but for the turns of long work, of which each delivery takes a whole one."""
    metrics: Any = SimpleNamespace(
        answered=lambda *_: None, written=lambda *_: None, failed=lambda code, _: failed.append(code)
    )
    group = Group(turn)
    answers = Answers("m", metrics, lambda: went_on.append(turn[0]), Turns(lambda: group.time), False, lambda: 0.0)
    return answers, group


def batch_of(group: Group, entries: int, width: int) -> tuple[Batch, list[Any]]:
    """A batch of entries of one row, and its output."""
    waiting: list[Entry] = []
    for _ in range(entries):
        entry = Refused()
        entry.group, entry.rows, entry.deadline, entry.arrived = group, 1, 1e9, 0.0
        waiting.append(entry)
    return Batch(waiting, entries), [np.zeros((entries, width))]


async def turns(turn: list[int], count: int) -> None:
    for _ in range(count):
        turn[0] += 1
        await asyncio.sleep(0)


@in_loop
async def test_many_entries_of_wide_rows_are_answered_a_few_a_turn() -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    width = ANSWER_VALUES // 4
    answers.answer(*batch_of(group, 40, width), 0.0)
    assert group.answered == []
    await turns(turn, 30)
    assert [rows for _, rows in group.answered] == [4] * 10
    assert len({at for at, _ in group.answered}) == 10, "no two in one turn"
    answers.answer(*batch_of(group, 2, 1), 0.0)
    assert group.answered[-1] == (30, 2), "few values at once"


@in_loop
async def test_an_answer_of_very_many_outputs_is_made_in_slices() -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    for outputs, at_once in ((answers_module.MANY_OUTPUTS, True), (1024, False)):
        batch, (output,) = batch_of(group, 2, 1)
        before = len(group.answered)
        answers.answer(batch, [output] * outputs, 0.0)
        assert (len(group.answered) > before) is at_once
        await turns(turn, 5)
        assert all(entry.done for entry in batch.entries)
    assert not failed
    assert answers._values == 0


@in_loop
async def test_no_further_batch_is_run_while_very_many_values_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "MAX_VALUES", 3 * ANSWER_VALUES)
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    for _ in range(2):
        answers.answer(*batch_of(group, 2, ANSWER_VALUES), 0.0)
    full = [answers.full]
    await turns(turn, 30)
    assert [*full, answers.full] == [True, False]
    assert len(went_on) == 1
    assert answers._values == 0
    assert not failed


@in_loop
async def test_the_batcher_waits_while_it_is_full_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module, "ANSWER_VALUES", 10)
    monkeypatch.setattr(answers_module, "MAX_VALUES", 20)
    rig = Rig()
    first, second, third = (NumbersEntry(*range(30)) for _ in range(3))
    rig.submit(first, second)
    await asyncio.sleep(0)
    assert rig.batcher._answers.full
    rig.submit(third, late := NumbersEntry(1, deadline=rig.time + 0.5))
    rig.batcher._turn("turn")
    assert len(rig.runtime.runs) == 1
    rig.time += 1
    rig.batcher._deadlines._look()
    assert await late.code() == "deadline_exceeded"
    assert all([await entry.served() for entry in (first, second, third)])


@in_loop
async def test_an_answer_that_cannot_be_made_counts_no_longer() -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    batch, outputs = batch_of(group, 1, 2 * ANSWER_VALUES)
    batch.entries[0].deadline = -1.0
    answers.answer(batch, outputs, 0.0)
    assert failed == ["deadline_exceeded"]
    batch.entries[0].done = True
    answers.answer(batch, outputs, 0.0)
    assert answers._values == 0


@in_loop
async def test_what_nobody_waits_for_is_not_encoded() -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    batch, outputs = batch_of(group, 3, 2 * ANSWER_VALUES)
    answers.answer(batch, outputs, 0.0)
    batch.entries[1].done = True  # its client left meanwhile
    await turns(turn, 9)
    assert len(group.answered) == 2
    assert answers._values == 0


@in_loop
async def test_what_can_wait_nowhere_is_refused_and_counts_no_longer() -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    answers._slices.close()
    answers.answer(*batch_of(group, 2, 2 * ANSWER_VALUES), 0.0)
    await turns(turn, 9)
    assert failed == ["draining"] * 2
    assert not answers._shares
    assert answers._values == 0


@in_loop
async def test_a_share_after_which_something_fails_is_not_answered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    turn, failed, went_on = [0], list[str](), list[int]()
    answers, group = made(turn, failed, went_on)
    deliver = group.deliver

    def failing(entries: Sequence[Entry], outputs: Any) -> None:
        deliver(entries, outputs)
        monkeypatch.setattr(answers, "_delivered", no_memory)

    def no_memory(values: int) -> None:
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr(group, "deliver", failing)
    answers.answer(*batch_of(group, 40, ANSWER_VALUES // 4), 0.0)
    await turns(turn, 30)
    assert [rows for _, rows in group.answered] == [4] * 10
