"""A hit and a miss are equal to the byte: all example models, and a model of every kind, in every protocol and form."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from onnx import helper

from server.batching.entry import Entry
from server.caching import cache as caching
from server.codecs.json import group as json_group
from server.codecs.json.group import JsonGroup
from server.codecs.v2 import answer as v2_answer
from server.codecs.v2.answer import TensorGroup
from server.endpoints.entering import enter
from server.endpoints.lifecycle import Endpoints
from server.metrics.scoreboard import Scoreboard
from server.models.folder import VersionFile
from server.models.repository import Model, Repository
from server.settings import Settings
from tests.integration.conftest import Report
from tests.support.integration.originals import EXAMPLES
from tests.support.integration.questions import Heard, Question, Questions
from tests.support.models.loading import load_version
from tests.support.server import models as made


def difference(operator: str = "Sub") -> made.Made:
    """``D = A - B``: which input is which matters. Another operator is asked the same and answers otherwise."""
    shape: list[int | str] = ["N", 1]
    inputs = [(name, made.FLOAT, shape) for name in "AB"]
    nodes = [helper.make_node(operator, ["A", "B"], ["D"])]
    return made.Made(made.onnx_file(nodes, inputs, [("D", made.FLOAT, ["N", 1])]), None, None, None)


def open_shape() -> made.Made:
    """Its input as it is, of any two dimensions a row."""
    shape: list[int | str] = ["N", "A", "B"]
    nodes = [helper.make_node("Identity", ["X"], ["Y"])]
    return made.Made(made.onnx_file(nodes, [("X", made.BOOL, shape)], [("Y", made.BOOL, shape)]), None, None, None)


KINDS: dict[str, Callable[[], made.Made]] = {
    "regressor": made.regressor,
    "mixed": made.mixed,
    "scores": made.scores_classifier,
    "several": made.multi_output_classifier,
    "scaled": made.transformer,
    "labels": functools.partial(made.classifier, "bool"),
    "plain": made.plain,
    "pair": made.plain_two_inputs,
    "difference": difference,
    "sum": functools.partial(difference, "Add"),
    "open shape": open_shape,
    "numbers": made.whole_numbers,
    "mixing": made.row_mixing,
    "words": made.words,
}
QUESTIONS = 2000  # in the default suite, over all models
SLOW_QUESTIONS = 100_000
CAUGHT_WITHIN = 4000  # a fault must show


@pytest.fixture(scope="module")
def loaded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    files = [VersionFile(name, "1", models / name / "1" / "model.onnx") for name in EXAMPLES]
    folder = tmp_path_factory.mktemp("kinds")
    for name, make in KINDS.items():
        (folder / f"{name}.onnx").write_bytes(make().data)
        files.append(VersionFile(name, "1", folder / f"{name}.onnx"))
    return [load_version(file) for file in files]


class Server:
    """The endpoints of one worker, asked without a door."""

    def __init__(self, models: Sequence[Model], **settings: Any) -> None:
        scoreboard = Scoreboard(1, len(models))
        self.endpoints = Endpoints(Repository(models, {}, "iris"), Settings(**settings), scoreboard, 1)
        self.endpoints.open(0)

    async def ask(self, name: str, question: Question) -> Any:
        """The answer to one question, alone in its turn."""
        told = asyncio.Event()
        entry = Heard(told.set)
        route = self.endpoints.serving.find(question.protocol, name)
        entry.request = route.codec.read_headers(question.headers)
        enter(route, entry, question.body)
        await told.wait()
        return entry.outcome

    def count(self, family: str) -> float:
        """The sum of a metric over all models."""
        scoreboard = self.endpoints.scoreboard
        return sum(sum(scoreboard.totals(block, family)) for block in scoreboard.blocks.values())


async def differences(
    models: Sequence[Model], questions: int, seed: int = 0, enough: int = 10
) -> tuple[list[Any], Server]:
    """The first questions that a server which keeps answers answers otherwise than one that does not; the former."""
    never, always = [tuple((model.name, kept) for model in models) for kept in (False, True)]
    plain, keeping = Server(models, cache_models=never), Server(models, cache_bytes=400_000, cache_models=always)
    draw = [Questions(model, seed) for model in models]
    found: list[Any] = []
    for number in range(questions):
        at = number % len(models)
        question = draw[at].draw()
        wanted, got = [await server.ask(models[at].name, question) for server in (plain, keeping)]
        if wanted != got:
            found.append((models[at].name, question, wanted, got))
        if len(found) >= enough:
            break
    await asyncio.sleep(0)
    for server in (plain, keeping):
        server.endpoints.close()
    return found, keeping


def test_a_hit_and_a_miss_are_equal(loaded: list[Model], report: Report) -> None:
    found, keeping = asyncio.run(differences(loaded, QUESTIONS))
    assert found == []
    hits, misses = (keeping.count(f"nv_cache_num_{what}_per_model") for what in ("hits", "misses"))
    assert hits > 0.2 * QUESTIONS, "what comes again is what is looked at here"
    assert misses > 0
    report(f"{hits:,.0f} hits and {misses:,.0f} misses of {QUESTIONS:,} questions, all equal")


@pytest.mark.slow
def test_a_hundred_thousand_random_questions(loaded: list[Model], report: Report) -> None:
    found, keeping = asyncio.run(differences(loaded, SLOW_QUESTIONS, seed=1))
    assert found == []
    hits = keeping.count("nv_cache_num_hits_per_model")
    report(f"{hits:,.0f} hits of {SLOW_QUESTIONS:,} questions, all equal")


Mutate = Callable[[pytest.MonkeyPatch], None]


def _question_of(group: type[Any], change: Callable[[Any, Entry, bytes], bytes]) -> Mutate:
    """A mutant whose questions are changed."""
    original: Callable[[Any, Entry], bytes | None] = group.question

    def question(self: Any, entry: Entry) -> bytes | None:
        whole = original(self, entry)
        return whole if whole is None else change(self, entry, whole)

    return lambda patch: patch.setattr(group, "question", question)


def _request_changed(change: Callable[[Any], Any]) -> Mutate:
    """A mutant whose v2 questions are those of another request."""
    original: Callable[[Any, Entry], bytes | None] = TensorGroup.question

    def question(self: Any, entry: Entry) -> bytes | None:
        asked = Heard()
        asked.rows, asked.request = entry.rows, (entry.request[0], change(entry.request[1]))
        return original(self, asked)

    return lambda patch: patch.setattr(TensorGroup, "question", question)


def _shapeless(patch: pytest.MonkeyPatch) -> None:
    original = TensorGroup.question

    def question(self: Any, entry: Entry) -> bytes | None:
        flat = SimpleNamespace(layouts=[SimpleNamespace(row_shape=()) for _ in self.layouts])
        return original(flat, entry)  # type: ignore[arg-type]

    patch.setattr(TensorGroup, "question", question)


def _packed_as(pack: Callable[[Any], bytes]) -> Mutate:
    """A mutant of how buffers are packed."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        for module in (json_group, v2_answer):
            patch.setattr(module, "packed", lambda buffers: b"|".join(pack(buffer) for buffer in buffers))

    return mutate


def _joined(buffer: Any) -> bytes:
    return "".join(buffer).encode() if isinstance(buffer, list) else bytes(buffer)


def _half(buffer: Any) -> bytes:
    return repr(buffer).encode() if isinstance(buffer, list) else bytes(buffer)[: len(buffer) // 2]


def _sorted_inputs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(v2_answer, "packed", lambda buffers: b"|".join(sorted(repr(list(each)).encode() for each in buffers)))


def _one_shelf(patch: pytest.MonkeyPatch) -> None:
    original = caching.Cache.__init__

    def shared(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self._answers = self._bodies = _SHARED

    _SHARED.clear()
    patch.setattr(caching.Cache, "__init__", shared)


_SHARED: dict[Any, Any] = {}

MUTANTS: dict[str, Mutate] = {
    "rows are compared without whether they are a list": _question_of(
        JsonGroup, lambda self, _, asked: asked[:8] + asked[9:]
    ),
    "probabilities and plain answers are one": _question_of(JsonGroup, lambda self, _, asked: asked[8:]),
    "rows are not compared": _question_of(JsonGroup, lambda self, _, asked: asked[:9]),
    "tensors are compared without their shapes": _shapeless,
    "tensors are not compared": _question_of(TensorGroup, lambda self, _, asked: asked[: asked.index(b")") + 1]),
    "wanted outputs are not compared": _request_changed(lambda wanted: wanted._replace(outputs=())),
    "packed and plain answers are one": _request_changed(lambda wanted: wanted._replace(compression=None)),
    "a packed answer tells another's id": _request_changed(lambda wanted: wanted._replace(start=b"")),
    "texts are joined": _packed_as(_joined),
    "inputs may be exchanged": _sorted_inputs,
    "half of the bytes count": _packed_as(_half),
    "versions share a shelf": _one_shelf,
}


@pytest.fixture
def mutant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    MUTANTS[name](monkeypatch)
    return name


@pytest.mark.parametrize("mutant", MUTANTS, indirect=True)
def test_a_mutant_that_mixes_two_questions_is_caught(mutant: str, loaded: list[Model]) -> None:
    try:
        found, _ = asyncio.run(differences(loaded, CAUGHT_WITHIN, enough=1))
    except (AttributeError, TypeError):
        return  # an answer of another protocol, which this one cannot repeat
    assert found, mutant
