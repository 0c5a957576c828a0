"""How far answers spread: what counts as another answer, and what the proof makes of models that have hardly any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Lasso
from sklearn.mixture import BayesianGaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from convert.cli.report import proof_table
from convert.errors import Refused
from convert.job import Converted
from convert.proof.spread import keys_of, spread_of

Convert = Callable[..., Converted]
RANDOM = np.random.default_rng(3)
WORDS = [f"w{i}" for i in range(1500)]
DOCUMENTS = [" ".join(RANDOM.choice(WORDS, 30)) for _ in range(400)]
RARE = ["w7" in document.split() for document in DOCUMENTS]


def test_what_differs_in_the_sixth_digit_is_one_answer() -> None:
    scores = np.array([[1e9, 1.0], [1e9 + 1, 1.0], [1e9, 1.1], [np.nan, 1.0], [np.nan, 1.0]])
    assert len(set(keys_of({"scores": scores}).tolist())) == 3
    chances = np.array([[1.0, 1e-9], [1.0, 1e-30], [0.9, 0.1]])
    assert len(set(keys_of({"probabilities": chances}).tolist())) == 2


def test_the_commonest_is_counted_over_all_groups() -> None:
    label = np.array(["a", "a", "b"], object)
    spread = spread_of({"usual": {"label": label}, "extremes": {"label": label[:1]}})
    assert (spread.distinct, spread.commonest) == (2, 0.75)


def steered(done: Converted) -> Any:
    return next(line for line in done.proof.lines if line.group == "steered")


def test_a_text_tree_that_asks_for_one_rare_word_is_asked_about_it(agrees: Convert) -> None:
    tree = DecisionTreeClassifier(max_depth=1)
    done = agrees(make_pipeline(CountVectorizer(), tree).fit(DOCUMENTS, RARE))
    assert done.proof.spread.distinct == 2
    assert done.proof.spread.commonest < 0.97
    assert steered(done).rows == 300
    assert "answers: 2 distinct ones" in proof_table(done.artefact.parity)


def test_words_that_must_stand_together_are_found(agrees: Convert) -> None:
    y = [word + 2 * ("w9" in document.split()) for word, document in zip(RARE, DOCUMENTS, strict=True)]
    both = [f"w7 w9 {document}" for document in DOCUMENTS[:20]]
    model = make_pipeline(TfidfVectorizer(), DecisionTreeClassifier(random_state=0)).fit(
        DOCUMENTS + both, [*y, *[3] * 20]
    )
    assert agrees(model).proof.spread.distinct == 4


def test_columns_that_are_nearly_always_zero_are(agrees: Convert) -> None:
    x = sparse.random(200, 800, 0.003, format="csr", random_state=0)
    y = np.asarray(x[:, :40].sum(axis=1)).ravel() > 0
    done = agrees(DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y))
    assert done.proof.spread.distinct > 1
    assert done.proof.spread.commonest < 0.9


@pytest.mark.parametrize(
    "model",
    [
        DummyClassifier().fit(np.zeros((9, 2)), [0, 1, 1] * 3),
        Lasso(1e9).fit(RANDOM.normal(size=(50, 3)), RANDOM.normal(size=50)),
        DecisionTreeRegressor().fit(np.zeros((9, 2)), np.ones(9)),
        KMeans(1).fit(RANDOM.normal(size=(50, 3))),
        BayesianGaussianMixture().fit(RANDOM.normal(size=(50, 3))),
    ],
    ids=["dummy", "no coefficient", "one leaf", "one centre", "one component"],
)
def test_a_model_that_is_constant_by_nature_is_said_to_be(agrees: Convert, model: Any) -> None:
    done = agrees(model)
    assert done.proof.spread.distinct == 1
    assert "answers: one and the same to every row" in proof_table(done.artefact.parity)


class Unreached:
    """A search that finds nothing: only the usual rows again."""

    def __new__(cls, ask: Any, features: Any, hints: Any, usual: Any, rows: int) -> Any:
        return usual


def test_rows_that_are_all_answered_alike_prove_nothing(
    agrees: Convert, converted: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convert.proof.questions.steer", Unreached)
    model = make_pipeline(CountVectorizer(), DecisionTreeClassifier(max_depth=1)).fit(DOCUMENTS, RARE)
    with pytest.raises(Refused, match="one and the same answer") as refused:
        converted(model)
    assert "--data" in refused.value.remedy
    with pytest.raises(Refused, match="one and the same answer"):
        converted(model, pandas.DataFrame({"text": DOCUMENTS[:1]}))
    assert agrees(model, pandas.DataFrame({"text": DOCUMENTS})).proof.spread.distinct == 2
