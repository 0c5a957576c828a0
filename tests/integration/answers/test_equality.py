"""Ten thousand requests to four models at once, each compared with scikit-learn's own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.originals import Expected, Original, ask_original, differences, more_rows
from tests.support.integration.running import Running
from tests.support.integration.wire import Wire, request

REQUESTS = 10_000
CONNECTIONS = 64
ROWS = 4_000  # to draw from, for each model
MOST_ROWS = 40  # in one request
SEED = 20261122


@dataclass(frozen=True)
class Question:
    """One request and the rows of a model it asks."""

    name: str
    rows: Sequence[int]
    single: bool
    data: bytes


def make_questions(originals: dict[str, Original], expected: dict[str, Expected], seed: int) -> Iterator[Question]:
    """Endless mixed requests: most of one row, as a list or by name, some of many; some ask for probabilities."""
    random = np.random.default_rng(seed)
    names = list(originals)
    while True:
        name = names[random.integers(len(names))]
        single = bool(random.random() < 0.8)
        rows = random.integers(0, ROWS, 1 if single else random.integers(1, MOST_ROWS + 1)).tolist()
        asked: list[Any] = [expected[name].rows[row] for row in rows]
        if random.random() < 0.3:
            asked = [dict(zip(originals[name].table.columns, row, strict=True)) for row in asked]
        body: dict[str, Any] = {"features": asked[0] if single else asked}
        if originals[name].classes and random.random() < 0.3:
            body["probabilities"] = True
        path = "/predict" if name == "iris" and random.random() < 0.5 else f"/models/{name}/predict"
        yield Question(name, rows, single, request(path, body))


async def ask_all(server: Running, questions: Sequence[Question]) -> list[tuple[Question, Any]]:
    """Asks over kept-alive connections, as many at a time as there are connections."""
    left = iter(questions)
    answered: list[tuple[Question, Any]] = []

    async def ask_on() -> None:
        wire = await Wire.open(server.port)
        for question in left:
            answer = await wire.ask(question.data)
            assert answer.status == 200, (question.data, answer)
            answered.append((question, answer.json()))
        await wire.close()

    await asyncio.gather(*(ask_on() for _ in range(CONNECTIONS)))
    return answered


def compare(originals: dict[str, Original], expected: dict[str, Expected], question: Question, said: Any) -> list[str]:
    answer = {key: [value] for key, value in said.items()} if question.single else said
    return differences(originals[question.name], expected[question.name], question.rows, answer)


def run_campaign(server: Running, originals: dict[str, Original], count: int, seed: int) -> tuple[int, list[str]]:
    """How many rows were compared, and what differs."""
    expected = {name: ask_original(model, more_rows(model, ROWS, seed)) for name, model in originals.items()}
    source = make_questions(originals, expected, seed)
    answered = asyncio.run(ask_all(server, [next(source) for _ in range(count)]))
    assert len(answered) == count
    wrong = [f"{q.data!r}: {d}" for q, said in answered for d in compare(originals, expected, q, said)]
    return sum(len(question.rows) for question, _ in answered), wrong


def test_ten_thousand_mixed_requests_differ_nowhere_from_scikit_learn(
    start: Start, originals: dict[str, Original], report: Report
) -> None:
    server = start(WEB_CONCURRENCY="2")
    rows, wrong = run_campaign(server, originals, REQUESTS, SEED)
    assert not wrong, f"{len(wrong)} differences, the first: {wrong[:3]}"
    report(f"{REQUESTS:,} requests, {CONNECTIONS} at a time, {rows:,} rows: no difference from scikit-learn")


def test_the_comparison_sees_an_answer_to_another_row(originals: dict[str, Original]) -> None:
    """The control: a campaign that could not fail would prove nothing."""
    for model in originals.values():
        expected = ask_original(model, more_rows(model, ROWS, SEED))
        first, other = (
            0,
            next(
                row
                for row in range(ROWS)
                if abs(_outcome(expected, row) - _outcome(expected, 0)) > 1e-3 * expected.scale
            ),
        )
        right = _answer(model, expected, first)
        assert not differences(model, expected, [first], right)
        assert differences(model, expected, [other], right)


def _outcome(expected: Expected, row: int) -> float:
    return float(expected.predictions[row] if expected.probabilities is None else expected.probabilities[row].max())


def _answer(model: Original, expected: Expected, row: int) -> dict[str, list[Any]]:
    answer: dict[str, list[Any]] = {"prediction": [expected.predictions[row]]}
    if expected.probabilities is not None and model.classes:
        answer["probability"] = [expected.probabilities[row][model.classes.index(expected.predictions[row])]]
    return answer


@pytest.mark.slow
def test_a_million_rows_differ_nowhere_from_scikit_learn(
    start: Start, originals: dict[str, Original], report: Report
) -> None:
    server = start(WEB_CONCURRENCY="2")
    compared = 0
    for seed in range(25):
        rows, wrong = run_campaign(server, originals, REQUESTS, seed)
        compared += rows
        assert not wrong, f"seed {seed}: {len(wrong)} differences, the first: {wrong[:3]}"
    report(f"{25 * REQUESTS:,} requests with {compared:,} rows: no difference from scikit-learn")
