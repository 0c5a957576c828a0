"""Text: the tokens Python finds are the tokens ONNX Runtime finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.feature_extraction import text
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from convert.coverage.data import documents
from convert.errors import Refused
from convert.job import Converted

Agrees = Callable[..., Converted]
DOCUMENTS, LABELS = documents()


@pytest.mark.parametrize(
    "vectorizer",
    [
        text.CountVectorizer(),
        text.TfidfVectorizer(sublinear_tf=True, norm="l1"),
        text.TfidfVectorizer(ngram_range=(1, 3), stop_words="english"),
        text.CountVectorizer(binary=True, lowercase=False, ngram_range=(2, 2)),
        text.TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", norm=None, use_idf=False),  # noqa: S106
        FeatureUnion([("a", text.CountVectorizer()), ("b", text.TfidfVectorizer(min_df=3))]),
    ],
)
def test_documents(agrees: Agrees, vectorizer: Any) -> None:
    done = agrees(make_pipeline(vectorizer, LogisticRegression()).fit(DOCUMENTS, LABELS))
    assert [(feature.name, feature.dtype) for feature in done.artefact.features] == [("text", "string")]


@pytest.mark.parametrize(
    ("vectorizer", "said"),
    [
        (text.CountVectorizer(analyzer="char"), "analyzer='char'"),
        (text.CountVectorizer(strip_accents="unicode"), "strip_accents='unicode'"),
        (text.CountVectorizer(token_pattern=r"(?<=x)\w+|y"), "token_pattern"),  # noqa: S106
        (text.HashingVectorizer(n_features=8), "HashingVectorizer"),
    ],
)
def test_what_is_refused_is_named(converted: Agrees, vectorizer: Any, said: str) -> None:
    model = make_pipeline(vectorizer, LogisticRegression()).fit([*DOCUMENTS, "xy y xyz"], [*LABELS, True])
    with pytest.raises(Refused, match="Vectorizer") as refusal:
        converted(model)
    assert said in str(refusal.value)


def test_greek_final_sigma_is_refused(converted: Agrees) -> None:
    model = make_pipeline(text.CountVectorizer(), LogisticRegression()).fit(["ΟΔΟΣ μία", "δύο"], [0, 1])
    with pytest.raises(Refused, match="sigma"):
        converted(model)
