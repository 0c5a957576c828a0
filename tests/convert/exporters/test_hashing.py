"""Hashed texts: a token's column is the one that scikit-learn gives it, whatever letters it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import text
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from convert.errors import Refused
from convert.job import Converted
from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import documents

Agrees = Callable[..., Converted]
DOCUMENTS, LABELS = documents()
LETTERS = ["日本語 straße ﬁn", "ÉTÉ ça Łódź", "\U00010400\U00010401 naïve", "good good bad", "", "a " * 300]


def test_tokens_fall_where_scikit_learn_puts_them_and_rows_stay_apart(agrees: Agrees) -> None:
    model = make_pipeline(text.HashingVectorizer(n_features=64), LogisticRegression()).fit(DOCUMENTS, LABELS)
    done = agrees(model)
    assert find_mixing(done.onnx) is None
    runtime = Runtime(done.onnx)
    (got,) = runtime.run(["probabilities"], {"text": np.array(LETTERS, object).reshape(-1, 1)})
    assert got == pytest.approx(model.predict_proba(LETTERS), abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"n_features": 1 << 20}, "1,048,576"),
        ({"n_features": 64, "ngram_range": (1, 2)}, "single words"),
        ({"n_features": 64, "analyzer": "char"}, "single words"),
        ({"n_features": 64, "strip_accents": "unicode"}, "single words"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(agrees: Agrees, settings: dict[str, Any], reason: str) -> None:
    model = make_pipeline(text.HashingVectorizer(**settings), LogisticRegression()).fit(DOCUMENTS[:50], LABELS[:50])
    with pytest.raises(Refused, match=reason):
        agrees(model)
