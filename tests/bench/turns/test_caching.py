"""The scenario of answers that are kept: what it asks, and what it reads of who answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.load import models, texts, wrk
from bench.load.cases import Case
from bench.load.models import ModelUnderTest, example, forest
from bench.record.caches import ALONE, CONNECTIONS, HIT_SHARES, KEPT, UNHEARD, scenario_of
from bench.record.results import Results
from bench.turns import caching
from bench.turns.bench import Bench
from bench.turns.caching import CHECKED, QUESTIONS, TEXTS, hit_share, questions, unheard
from tests.bench.turns.test_micro import model  # noqa: F401  its fixture
from tests.conftest import ROOT

NEEDED = [
    *("iris, skew 0.6", "iris, skew 0.8", "iris, skew 1", "iris, skew 1.2"),
    "iris, one question",
    *("forest-4, skew 0.6", "forest-4, skew 0.8", "forest-4, skew 1", "forest-4, skew 1.2"),
    "text, skew 1",
]


def test_questions_are_many_and_differ(model: ModelUnderTest) -> None:  # noqa: F811
    asked = questions(model)
    assert len(asked) == QUESTIONS
    assert len({case.body for case in asked}) > 0.99 * QUESTIONS
    assert all(case.expected for case in asked[:CHECKED])
    assert {len(orjson.loads(case.body)["features"]) for case in asked} == {4}


def test_a_question_that_is_asked_once_has_room_to_count_in_twice(model: ModelUnderTest) -> None:  # noqa: F811
    body = unheard(model).body
    assert body.count(wrk.COUNTED) == 2
    assert len(orjson.loads(body)["features"]) == 4


def test_questions_to_a_text_model_are_texts() -> None:
    known = [Case("/predict", b'{"features":["one two three four five six"]}', {"prediction": 1})]
    asked = questions(ModelUnderTest("text", "", Path(), Path(), known))
    assert len(asked) == TEXTS
    assert len({case.body for case in asked}) > 600, "of 720 orders"


@pytest.mark.parametrize(
    ("before", "after", "share"), [((0, 0), (3, 1), 0.75), ((2, 2), (2, 2), 0.0), ((5, 5), (5, 9), 0.0)]
)
def test_hits_are_counted_between_two_looks(
    before: tuple[float, float], after: tuple[float, float], share: float
) -> None:
    assert hit_share(before, after) == share


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")
def test_every_skew_is_asked_of_all_models(
    made_bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(models, "FOREST_TREES", 4)
    monkeypatch.setattr(caching, "WARM_UP_S", 0.3)
    monkeypatch.setattr(caching, "KEPT_BYTES", 1_000_000)
    monkeypatch.setattr(caching, "STARTS", 1)
    monkeypatch.setattr(texts, "DOCUMENTS", 200)
    monkeypatch.setattr(texts, "WORDS", 500)
    caching.cache(made_bench, example("iris", ROOT / "build", ROOT / "examples" / "models"), 0.2)
    record: Results = made_bench.results
    shares: dict[str, Any] = record.settings[HIT_SHARES]
    assert list(shares) == [f"cache: {name}" for name in NEEDED]
    assert shares[scenario_of("iris", ALONE)] > 0.99
    turns = record.peaks_of(scenario_of("iris", UNHEARD), KEPT, CONNECTIONS)
    assert [turn.round for turn in turns] == [1, 2]
    assert record.faults == {}
    assert [target.measured is not None for target in record.targets] == [True] * 4


def test_a_forest_is_made_as_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models, "FOREST_TREES", 3)
    made = forest(tmp_path)
    assert made.name == "forest-3"
    assert len(made.cases) == models.FOREST_ASKED
