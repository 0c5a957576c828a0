"""A text model made on the spot, and what is asked of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import orjson
import pytest

from bench.load import texts
from bench.load.texts import shuffled, text_cases, text_model


def test_documents_are_of_topics_and_answers_are_the_models_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("DOCUMENTS", 300), ("WORDS", 400), ("LENGTH", 30), ("TOPICS", 3)):
        monkeypatch.setattr(texts, name, number)
    model, documents = text_model()
    assert len(documents) == texts.ASKED
    assert len(model[0].vocabulary_) > 300
    cases = text_cases(model, documents)
    asked = [orjson.loads(case.body)["features"][0] for case in cases]
    assert asked == documents
    assert [case.expected["prediction"] for case in cases] == model.predict(asked).tolist()
    assert cases[0].expected["probability"] == pytest.approx(model.predict_proba(asked[:1]).max())


def test_other_documents_have_the_same_words_in_another_order() -> None:
    made = shuffled(["a b c d e f g", "h i j k l m n"], 50, np.random.default_rng(0))
    assert len(set(made)) > 40
    assert {frozenset(Counter(text.split()).items()) for text in made} == {
        frozenset((word, 1) for word in words) for words in ("abcdefg", "hijklmn")
    }
