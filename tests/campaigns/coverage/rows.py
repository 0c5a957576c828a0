"""Owns the cases whose rows are no table of numbers: dicts, labels, hashed words; and what explains counts by parts.

Knows nothing of converting.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import decomposition, dummy, ensemble, linear_model, neighbors, pipeline, preprocessing
from sklearn.feature_extraction import DictVectorizer, FeatureHasher, text

from tests.campaigns.coverage.data import Case, case, documents, labels, mixed, numbers


def other_rows() -> Iterator[Case]:
    """Each kind of rows, and neighbours by radius and dummies of several targets."""
    for make in (_records, _labels, _hashed, _parts, _several):
        yield from make()


def _records() -> Iterator[Case]:
    table, y = mixed()
    told = table.drop(columns="member").to_dict("records")
    rows = [{name: value for name, value in row.items() if value == value} for row in told]
    yield case("other rows", "DictVectorizer", DictVectorizer(), rows)
    for sparse in (True, False):
        for last in (linear_model.LogisticRegression(max_iter=1000), ensemble.RandomForestClassifier(10)):
            model = pipeline.make_pipeline(DictVectorizer(sparse=sparse), last)
            yield case("other rows", f"DictVectorizer, sparse={sparse} > {type(last).__name__}", model, rows, y)
    hasher = pipeline.make_pipeline(FeatureHasher(16), linear_model.LogisticRegression())
    yield case("other rows", "FeatureHasher > LogisticRegression", hasher, rows, y)


def _labels() -> Iterator[Case]:
    for target in ("two words", "three words", "booleans", "integers from five"):
        y = labels(target, numbers())
        for kind in (preprocessing.LabelEncoder, preprocessing.LabelBinarizer):
            yield Case("other rows", f"{kind.__name__}, {target}", functools.partial(_fitted, kind(), y))
    signed = preprocessing.LabelBinarizer(neg_label=-1, pos_label=2)
    yield Case("other rows", "LabelBinarizer, -1 and 2", functools.partial(_fitted, signed, [3, 7]))


def _fitted(encoder: Any, y: Any) -> Any:
    return encoder.fit(y)


def _hashed() -> Iterator[Case]:
    words, y = documents()
    vectorizers: dict[str, Any] = {
        "64 columns": text.HashingVectorizer(n_features=64),
        "4,096 columns, l1, stop words": text.HashingVectorizer(n_features=4096, norm="l1", stop_words="english"),
        "50 columns, without signs": text.HashingVectorizer(n_features=50, alternate_sign=False, norm=None),
        "binary, a pattern": text.HashingVectorizer(n_features=100, binary=True, token_pattern=r"\b[a-z]{3,}\b"),  # noqa: S106
    }
    for name, vectorizer in vectorizers.items():
        model = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression())
        yield case("other rows", f"hashed: {name}", model, words, y)
    model = pipeline.make_pipeline(text.HashingVectorizer(n_features=64), text.TfidfTransformer(), linear_model.Ridge())
    yield case("other rows", "hashed: behind it idf", model, words, y)


def _parts() -> Iterator[Case]:
    x = numbers(positive=True)
    for count in (2, 4):
        model = decomposition.NMF(count, tol=1e-9, max_iter=5000, random_state=0)
        yield case("other rows", f"NMF, {count} parts, to the end", model, x)
    factors = decomposition.NMF(3, tol=1e-9, max_iter=5000, alpha_W=0.001, l1_ratio=0.5, random_state=0)
    yield case("other rows", "NMF with penalties", factors, x)
    topics = decomposition.LatentDirichletAllocation(3, max_doc_update_iter=30, random_state=0)
    yield case("other rows", "LatentDirichletAllocation, 30 rounds", topics, np.floor(x * 3))


def _several() -> Iterator[Case]:
    x = numbers()
    y = np.column_stack([labels("two words", x), labels("three words", -x)])
    yield case("other rows", "DummyClassifier, two targets", dummy.DummyClassifier(), x, y)
    for label in ("most_frequent", ["a", "b"]):
        model = neighbors.RadiusNeighborsClassifier(2.0, outlier_label=label)
        yield case("other rows", f"RadiusNeighborsClassifier, two targets, {label}", model, x, y)
    single = neighbors.RadiusNeighborsClassifier(1.0, outlier_label=-1)
    yield case("other rows", "RadiusNeighborsClassifier, a label of its own", single, x, labels("three integers", x))
