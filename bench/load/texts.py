"""Owns a text model of the size of 20 newsgroups, made on the spot: 11,314 documents of 200 words. Knows no servers."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from bench.load.cases import Case

DOCUMENTS, WORDS, LENGTH, TOPICS = 11_314, 30_000, 200, 20
ASKED = 60  # documents that are asked about


def text_model() -> tuple[Any, list[str]]:
    """TF-IDF and naive Bayes, fitted to scikit-learn's own made-up documents; some of these."""
    from sklearn.datasets import make_multilabel_classification
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    counts, topics = make_multilabel_classification(
        DOCUMENTS,
        WORDS,
        n_classes=TOPICS,
        n_labels=1,
        length=LENGTH,
        allow_unlabeled=False,
        sparse=True,
        random_state=0,
    )
    chance, vocabulary = np.random.default_rng(0), np.array([f"word{number}" for number in range(WORDS)])
    documents = []
    for begin, end in zip(counts.indptr, counts.indptr[1:], strict=False):
        words = np.repeat(vocabulary[counts.indices[begin:end]], counts.data[begin:end].astype(int))
        documents.append(" ".join(chance.permutation(words)))
    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(documents, topics.argmax(axis=1))
    return model, documents[:ASKED]


def text_cases(model: Any, documents: list[str]) -> list[Case]:
    """A case for each document."""
    predictions, probabilities = model.predict(documents).tolist(), model.predict_proba(documents).max(axis=1).tolist()
    answers = zip(documents, predictions, probabilities, strict=True)
    return [
        Case("/predict", orjson.dumps({"features": [text]}), {"prediction": label, "probability": probability})
        for text, label, probability in answers
    ]


def shuffled(documents: list[str], number: int, chance: np.random.Generator) -> list[str]:
    """So many documents like these, their words in another order."""
    drawn = chance.integers(len(documents), size=number).tolist()
    return [" ".join(chance.permutation(documents[each].split())) for each in drawn]
